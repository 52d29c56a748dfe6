"""Schemas: the recorded types of built-in kinds, and those of CRDs, as OpenAPI has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from kubernaut.fake.apiserver.openapi.descriptions import OBJECT_META, description
from kubernaut.fake.apiserver.patch.types import definitions, kinds

Schema = dict[str, Any]
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_LIST_META: Final = f"{_META}ListMeta"
_TYPED: Final = "io.k8s.api.core.v1.Pod"
_SPECIAL: Final[Mapping[str, Schema]] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    f"{_META}Time": {"type": "string", "format": "date-time"},
    f"{_META}MicroTime": {"type": "string", "format": "date-time"},
}


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


@lru_cache(maxsize=1)
def _kinds_of() -> dict[str, list[dict[str, str]]]:
    """The group, version and kind of each definition that has them."""
    found: dict[str, list[dict[str, str]]] = {}
    for key, name in kinds().items():
        api_version, _, kind = key.rpartition("/")
        group, _, version = api_version.rpartition("/")
        found.setdefault(name, []).append({"group": group, "version": version, "kind": kind})
    return found


def builtin(name: str) -> Schema:
    """One definition as a component."""
    schema = dict(_SPECIAL.get(name) or _plain(definitions()[name], name))
    if text := description(name):
        schema = {"description": text, **schema}
    if given := _kinds_of().get(name):
        schema["x-kubernetes-group-version-kind"] = given
    return schema


def _plain(node: Mapping[str, Any], owner: str = "") -> Schema:
    """A node of the recorded types; `owner` names the definition whose fields its properties are."""
    if "$ref" in node:
        markers = {key: value for key, value in node.items() if key != "$ref"}
        return {"allOf": [reference(node["$ref"])], "default": {}, **markers}
    schema: Schema = {}
    for key, value in node.items():
        if key == "properties":
            schema[key] = {name: _described(_plain(below), owner, name) for name, below in value.items()}
        elif key in ("items", "additionalProperties"):
            schema[key] = _plain(value) if isinstance(value, dict) else value
        elif key == "x-kubernetes-int-or-string":
            schema |= {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}
        else:
            schema[key] = value
    return schema


def _described(schema: Schema, owner: str, field: str) -> Schema:
    text = description(owner, field) if owner else ""
    return {"description": text, **schema} if text else schema


def with_references(names: Iterable[str]) -> dict[str, Schema]:
    """These definitions and all that they refer to, by name."""
    found: dict[str, Schema] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and name in definitions():
            found[name] = builtin(name)
            waiting.extend(_referred(found[name]))
    return dict(sorted(found.items()))


def _referred(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str):
            yield target.rpartition("/")[2]
        for below in value.values():
            yield from _referred(below)
    elif isinstance(value, list):
        for below in value:
            yield from _referred(below)


def custom_name(group: str, version: str, kind: str) -> str:
    """The component of a custom kind: its group backwards, as Java packages are named."""
    return ".".join([*reversed(group.split(".")), version, kind])


def custom(group: str, version: str, kind: str, list_kind: str, schema: Mapping[str, Any]) -> dict[str, Schema]:
    """The components of a custom kind: itself and its list."""
    name = custom_name(group, version, kind)
    typed = {field: {"type": "string", "description": description(_TYPED, field)} for field in ("apiVersion", "kind")}
    meta = {"allOf": [reference(OBJECT_META)], "description": description(_TYPED, "metadata")}
    own: Schema = {
        "type": "object",
        **schema,
        "properties": {**typed, "metadata": meta, **_without_meta(schema.get("properties") or {})},
        "x-kubernetes-group-version-kind": [{"group": group, "version": version, "kind": kind}],
    }
    items = {"type": "array", "items": reference(name), "description": f"List of {kind} objects."}
    listed: Schema = {
        "type": "object",
        "description": f"{list_kind} is a list of {kind}",
        "required": ["items"],
        "properties": {**typed, "metadata": {"allOf": [reference(_LIST_META)]}, "items": items},
        "x-kubernetes-group-version-kind": [{"group": group, "version": version, "kind": list_kind}],
    }
    return {name: own, custom_name(group, version, list_kind): listed}


def _without_meta(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: below for name, below in properties.items() if name not in ("apiVersion", "kind", "metadata")}

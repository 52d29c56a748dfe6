"""How the values of a type merge: list and map types of built-in kinds and of CRD schemas, in one form."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, Final

Node = dict[str, Any]
METADATA: Final = {"$ref": "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
"""The type of every object's metadata."""
_TEXT: Final = {"type": "string"}
# Anything: maps merge by member, lists are replaced as a whole.
UNTYPED: Final[Node] = {"x-kubernetes-preserve-unknown-fields": True}
# Optional members that are structs, not pointers, in the Go types: an empty one exists before anything is written.
_EMBEDDED: Final = frozenset(
    {"spec", "status", "metadata", "template", "strategy", "updateStrategy", "jobTemplate", "names", "loadBalancer"}
)


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    source = resources.files("kubernaut.fake.apiserver") / "data" / "openapi.json.gz"
    data: dict[str, Any] = json.loads(gzip.decompress(source.read_bytes()))
    return data


def builtin_type(api_version: str, kind: str) -> Node | None:
    """The type of a built-in kind (`apps/v1`, `Deployment`); None for kinds Kubernetes does not have."""
    name = _data()["kinds"].get(f"{api_version}/{kind}")
    return None if name is None else {"$ref": name}


def kinds() -> Mapping[str, str]:
    """The name of the definition of each built-in kind, by `apps/v1/Deployment`."""
    found: Mapping[str, str] = _data()["kinds"]
    return found


def definitions() -> Mapping[str, Node]:
    """The types of built-in kinds and their parts, by name."""
    found: Mapping[str, Node] = _data()["definitions"]
    return found


def crd_type(schema: dict[str, Any] | None) -> Node:
    """The type of a custom resource with this openAPIV3Schema."""
    schema = schema or UNTYPED
    known = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": METADATA}
    return {**schema, "type": "object", "properties": {**(schema.get("properties") or {}), **known}}


def resolve(node: Node) -> Node:
    """The node a reference stands for; markers beside the reference win."""
    name = node.get("$ref")
    if name is None:
        return node
    target: Node = resolve(_data()["definitions"].get(name, UNTYPED))
    markers = {key: value for key, value in node.items() if key != "$ref"}
    return {**target, **markers} if markers else target


def is_atomic(node: Node, value: Any) -> bool:
    """Whether `value` of the resolved type `node` is owned and replaced as a whole."""
    if isinstance(value, dict):
        if node.get("x-kubernetes-int-or-string") or node.get("type") not in (None, "object"):
            return True
        return node.get("x-kubernetes-map-type") == "atomic"
    if isinstance(value, list):
        return list_keys(node) is None
    return True


def list_keys(node: Node) -> list[str] | None:
    """The map keys of a list type, [] for a set, None for an atomic list."""
    kind = node.get("x-kubernetes-list-type")
    if kind is None and "merge" in str(node.get("x-kubernetes-patch-strategy", "")):
        key = node.get("x-kubernetes-patch-merge-key")
        return [key] if key else []
    if kind == "map":
        return list(node.get("x-kubernetes-list-map-keys") or ())
    return [] if kind == "set" else None


def fields(node: Node) -> dict[str, Node]:
    """The declared members of a resolved type."""
    found: dict[str, Node] = node.get("properties") or {}
    return found


def member_type(node: Node, name: str) -> Node | None:
    """The resolved type of the member `name`; None if the type does not have it."""
    declared = fields(node)
    if name in declared:
        return resolve(declared[name])
    additional = node.get("additionalProperties")
    if isinstance(additional, dict):
        return resolve(additional)
    free = additional is True or node.get("x-kubernetes-preserve-unknown-fields") or not declared
    return UNTYPED if free else None


def item_type(node: Node) -> Node:
    """The resolved type of the items of a list type."""
    items = node.get("items")
    return resolve(items) if isinstance(items, dict) else UNTYPED


def empty_value(node: Node) -> dict[str, Any]:
    """An object of a built-in type before anything was written to it: its embedded structs and required lists."""
    empty: dict[str, Any] = {}
    required = resolve(node).get("required") or ()
    for name, below in fields(resolve(node)).items():
        target = resolve(below)
        if "$ref" in below and "properties" in target and (name in _EMBEDDED or name in required):
            empty[name] = empty_value(target)
        elif name in required and target.get("type") in ("array", "object"):
            empty[name] = None
    return empty

"""Paths: which operations there are on a resource, and which parameters they take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from kubernaut.fake.apiserver.patch.types import kinds
from kubernaut.fake.apiserver.registry import ResourceInfo, Subresource

Object = dict[str, Any]
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1"
_METHODS: Final = {"get": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}
_PATCHES: Final = ("application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml")
_STRATEGIC: Final = "application/strategic-merge-patch+json"
_WRITE: Final = ("dryRun", "fieldManager", "fieldValidation")
_DELETE: Final = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_LIST: Final = (
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
)
_PARAMETERS: Final = {
    "get": (),
    "list": _LIST,
    "create": _WRITE,
    "update": _WRITE,
    "patch": (*_WRITE, "force"),
    "delete": _DELETE,
    "deletecollection": (*_LIST[1:-1], *_DELETE),
}
_TYPES: Final = {
    **dict.fromkeys(("allowWatchBookmarks", "sendInitialEvents", "watch", "force", "orphanDependents"), "boolean"),
    **dict.fromkeys(("limit", "timeoutSeconds", "gracePeriodSeconds"), "integer"),
}


def definition_of(info: ResourceInfo | Subresource, kind: str, custom: str = "") -> str:
    """The component of a kind at a resource's version; `custom` names that of a custom kind."""
    if custom:
        return custom
    group_version = f"{info.group}/{info.version}" if info.group else info.version
    return kinds().get(f"{group_version}/{kind}", "")


def paths_of(info: ResourceInfo, custom: str = "", custom_list: str = "") -> Iterator[tuple[str, Object]]:
    """Every path of a resource with what can be done there."""
    root = f"/apis/{info.group}/{info.version}" if info.group else f"/api/{info.version}"
    plural = f"{root}/namespaces/{{namespace}}/{info.plural}" if info.namespaced else f"{root}/{info.plural}"
    one = definition_of(info, info.kind, custom)
    many = definition_of(info, info.list_kind, custom_list)
    gvk = {"group": info.group, "version": info.version, "kind": info.kind}
    place = [_in_path("namespace")] if info.namespaced else []
    collection = {
        method: _operation(info, verb, gvk, answered, one)
        for method, verb, answered in (
            ("get", "list", many),
            ("post", "create", one),
            ("delete", "deletecollection", ""),
        )
        if verb in info.verbs
    }
    if collection:
        yield plural, {**collection, "parameters": place}
    if info.namespaced and "list" in info.verbs:
        yield f"{root}/{info.plural}", {"get": _operation(info, "list", gvk, many, one), "parameters": []}
    verbs = [verb for verb in _METHODS if verb != "create" and verb in info.verbs]
    place = [*place, _in_path("name")]
    if verbs:
        single = {_METHODS[verb]: _operation(info, verb, gvk, one, one) for verb in verbs}
        yield f"{plural}/{{name}}", {**single, "parameters": place}
    for below in info.subresources.values():
        name = one if below.kind == info.kind else definition_of(below, below.kind)
        kind = {"group": below.group, "version": below.version, "kind": below.kind}
        operations = {
            _METHODS[verb]: _operation(info, verb, kind, name, name) for verb in below.verbs if verb in _METHODS
        }
        yield f"{plural}/{{name}}/{below.name}", {**operations, "parameters": place}


def _operation(info: ResourceInfo, verb: str, gvk: Object, answered: str, sent: str) -> Object:
    group = info.group.partition(".")[0] or "core"
    operation: Object = {
        "tags": [f"{group}_{info.version}"],
        "description": f"{verb} {gvk['kind']}",
        "parameters": _in_query(_PARAMETERS[verb]),
        "responses": {"200": {"description": "OK", **_content(answered or f"{_META}.Status", ["application/json"])}},
        "x-kubernetes-action": {"create": "post", "update": "put"}.get(verb, verb),
        "x-kubernetes-group-version-kind": gvk,
    }
    if verb in ("create", "update"):
        operation["requestBody"] = {**_content(sent, ["*/*"]), "required": True}
    elif verb == "patch":
        # By this kubectl decides how to patch: the types of custom kinds have no merge keys.
        media = _PATCHES if info.custom is not None else (*_PATCHES, _STRATEGIC)
        operation["requestBody"] = {**_content(f"{_META}.Patch", media), "required": True}
    elif verb in ("delete", "deletecollection"):
        operation["requestBody"] = _content(f"{_META}.DeleteOptions", ["*/*"])
    return operation


def _content(definition: str, media: Iterable[str]) -> Object:
    schema: Object = {"$ref": f"#/components/schemas/{definition}"} if definition else {"type": "object"}
    return {"content": {name: {"schema": schema} for name in media}}


def _in_query(names: Iterable[str]) -> list[Object]:
    return [
        {"name": name, "in": "query", "schema": {"type": _TYPES.get(name, "string"), "uniqueItems": True}}
        for name in names
    ]


def _in_path(name: str) -> Object:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "uniqueItems": True}}

"""Pruning: fields a structural schema does not name are dropped from custom resources."""

from __future__ import annotations

from typing import Any, Final

META_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata"})


def prune(obj: Any, schema: dict[str, Any] | None) -> list[str]:
    """Drop from `obj`, in place, what `schema` (openAPIV3Schema of a CRD) does not name; the paths dropped, sorted.

    apiVersion, kind and metadata of the root and of embedded resources stay. Subtrees under
    `x-kubernetes-preserve-unknown-fields` keep their unknown fields, but what is specified below them is pruned.
    """
    dropped: list[str] = []
    root = {**(schema or {}), "x-kubernetes-embedded-resource": True}
    _prune(obj, root, "", dropped)
    return sorted(dropped)


def child_schema(schema: dict[str, Any], key: str) -> tuple[bool, dict[str, Any] | None]:
    """Whether `schema` names the member `key`, and the member's schema (None: named, but nothing said of it)."""
    properties = schema.get("properties") or {}
    if key in properties:
        return True, properties[key]
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        return True, additional
    if additional is True:
        return True, None
    return False, None


def _prune(value: Any, schema: dict[str, Any] | None, path: str, dropped: list[str]) -> None:
    schema = schema or {}
    keeps_unknown = schema.get("x-kubernetes-preserve-unknown-fields") is True
    if isinstance(value, dict):
        for key in list(value):
            if key in META_FIELDS and schema.get("x-kubernetes-embedded-resource"):
                continue
            where = f"{path}.{key}" if path else key
            named, below = child_schema(schema, key)
            if named:
                _prune(value[key], below, where, dropped)
            elif not keeps_unknown:
                dropped.append(where)
                del value[key]
    elif isinstance(value, list):
        items = schema.get("items")
        if items is None and keeps_unknown:
            return
        for index, item in enumerate(value):
            _prune(item, _inherit(items, keeps_unknown), f"{path}[{index}]", dropped)


def _inherit(items: dict[str, Any] | None, keeps_unknown: bool) -> dict[str, Any] | None:
    """Items of a list that preserves unknown fields preserve their own top-level ones too."""
    if keeps_unknown and items is not None:
        return {**items, "x-kubernetes-preserve-unknown-fields": True}
    return items

"""Defaulting: what a structural schema says a missing field is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubernaut.fake.apiserver.patch.copying import copied
from kubernaut.fake.apiserver.schema.prune import child_schema


def apply_defaults(obj: Any, schema: dict[str, Any] | None) -> None:
    """Fill the defaults of `schema` into `obj`, in place.

    Nulls where the schema does not allow null count as absent: they take the default, or go if there is none.
    """
    drop_nulls(obj, schema)
    _default(obj, schema)


def drop_nulls(value: Any, schema: dict[str, Any] | None) -> None:
    """Remove, in place, members that are null, are not nullable and have no default."""
    if not schema:
        return  # nothing is said of what is below: its nulls stay
    if isinstance(value, dict):
        for key, member in list(value.items()):
            if member is not None and not isinstance(member, (dict, list)):
                continue
            _, below = child_schema(schema, key)
            if member is None and below is not None and not below.get("nullable") and "default" not in below:
                del value[key]
            else:
                drop_nulls(member, below)
    elif isinstance(value, list) and (items := schema.get("items")):
        for item in value:
            drop_nulls(item, items)


def _default(value: Any, schema: dict[str, Any] | None) -> None:
    if not schema:
        return
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        for key, default in _defaults(properties):
            if key not in value or _refused_null(value[key], properties[key]):
                value[key] = copied(default)
        additional = schema.get("additionalProperties")
        for key, member in value.items():
            if key in properties:
                if isinstance(member, (dict, list)):
                    _default(member, properties[key])
            elif isinstance(additional, dict):
                if _refused_null(member, additional):
                    value[key] = copied(additional.get("default"))
                _default(value[key], additional)
    elif isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for index, item in enumerate(value):
            if _refused_null(item, items):
                value[index] = copied(items.get("default"))
            _default(value[index], items)


def _defaults(properties: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((key, below["default"]) for key, below in properties.items() if below.get("default") is not None)


def _refused_null(value: Any, schema: dict[str, Any]) -> bool:
    return value is None and not schema.get("nullable")

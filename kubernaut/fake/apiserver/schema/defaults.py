"""Defaulting: what a structural schema says a missing field is."""

from __future__ import annotations

import copy
from typing import Any

from kubernaut.fake.apiserver.schema.prune import child_schema


def apply_defaults(obj: Any, schema: dict[str, Any] | None) -> None:
    """Fill the defaults of `schema` into `obj`, in place.

    Nulls where the schema does not allow null count as absent: they take the default, or go if there is none.
    """
    drop_nulls(obj, schema)
    _default(obj, schema)


def drop_nulls(value: Any, schema: dict[str, Any] | None) -> None:
    """Remove, in place, members that are null, are not nullable and have no default."""
    if isinstance(value, dict):
        for key in list(value):
            _, below = child_schema(schema or {}, key)
            if value[key] is None and below is not None and not below.get("nullable") and "default" not in below:
                del value[key]
            else:
                drop_nulls(value[key], below)
    elif isinstance(value, list):
        for item in value:
            drop_nulls(item, (schema or {}).get("items"))


def _default(value: Any, schema: dict[str, Any] | None) -> None:
    if not schema:
        return
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        for key, below in properties.items():
            if below.get("default") is not None and (key not in value or _refused_null(value[key], below)):
                value[key] = copy.deepcopy(below["default"])
        additional = schema.get("additionalProperties")
        for key, member in value.items():
            if key in properties:
                _default(member, properties[key])
            elif isinstance(additional, dict):
                if _refused_null(member, additional):
                    value[key] = copy.deepcopy(additional.get("default"))
                _default(value[key], additional)
    elif isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for index, item in enumerate(value):
            if _refused_null(item, items):
                value[index] = copy.deepcopy(items.get("default"))
            _default(value[index], items)


def _refused_null(value: Any, schema: dict[str, Any]) -> bool:
    return value is None and not schema.get("nullable")

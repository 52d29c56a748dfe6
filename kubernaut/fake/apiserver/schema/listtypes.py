"""Lists that are sets or maps: uniqueness, and which item of an older list an item continues."""

from __future__ import annotations

import json
from typing import Any

from kubernaut.fake.apiserver.patch.errors import Cause, field_cause


def check_list_types(value: Any, schema: dict[str, Any] | None, path: str = "") -> list[Cause]:
    """Duplicate items in lists of `x-kubernetes-list-type` set and map, wherever in `value` they are."""
    if not schema:
        return []
    causes: list[Cause] = []
    if isinstance(value, list):
        causes += _check_list(value, schema, path)
        for index, item in enumerate(value):
            causes += check_list_types(item, schema.get("items"), f"{path}[{index}]")
    elif isinstance(value, dict):
        properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
        for key, member in value.items():
            if key in properties:
                causes += check_list_types(member, properties[key], f"{path}.{key}" if path else key)
            elif isinstance(additional, dict):
                causes += check_list_types(member, additional, f"{path}[{key}]")
    return causes


def _check_list(value: list[Any], schema: dict[str, Any], path: str) -> list[Cause]:
    kind = schema.get("x-kubernetes-list-type")
    if kind == "set":
        keys: list[Any] = list(value)
    elif kind == "map":
        for index, item in enumerate(value):
            if item is not None and not isinstance(item, dict):
                detail = "must be an object for an array of list-type map"
                return [field_cause("FieldValueInvalid", f"{path}[{index}]", detail, item)]
        names = schema.get("x-kubernetes-list-map-keys") or ()
        keys = [{name: item[name] for name in names if name in item} for item in (entry or {} for entry in value)]
    else:
        return []
    seen: dict[str, int] = {}
    causes = []
    for index, key in enumerate(keys):
        text = json.dumps(key, sort_keys=True)
        seen[text] = seen.get(text, 0) + 1
        # Only the second of several is reported, as the server does.
        if seen[text] == 2:
            causes.append(field_cause("FieldValueDuplicate", f"{path}[{index}]", "", key))
    return causes


def old_item(old: Any, schema: dict[str, Any], item: Any) -> Any:
    """The item of the list `old` with the same map keys as `item`; None unless the list is of type map."""
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(old, list) or not isinstance(item, dict):
        return None
    names = schema.get("x-kubernetes-list-map-keys") or ()
    wanted = [item.get(name) for name in names]
    for candidate in old:
        if isinstance(candidate, dict) and [candidate.get(name) for name in names] == wanted:
            return candidate
    return None

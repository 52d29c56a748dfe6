"""Copies of JSON values: copy.deepcopy does the same ten times slower, for it expects any object and any cycle."""

from __future__ import annotations

from typing import Any


def copied(value: Any) -> Any:
    """A copy of a JSON value that shares no map and no list with it."""
    if isinstance(value, dict):
        return {key: copied(member) if isinstance(member, (dict, list)) else member for key, member in value.items()}
    if isinstance(value, list):
        return [copied(item) if isinstance(item, (dict, list)) else item for item in value]
    return value

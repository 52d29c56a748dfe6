"""Printer columns of custom resources: simple JSONPath, and how values are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver.printers import column, created_text, human_duration

Object = dict[str, Any]
_STEP = re.compile(
    r"\.([A-Za-z0-9_\-/]+(?:\\\.[A-Za-z0-9_\-/]+)*)|\['([^']+)'\]|\[(\d+|\*)\]|\[\?\(@\.([\w.]+)\s*==\s*[\"']([^\"']*)[\"']\)\]"
)
_DEFAULT: list[Object] = [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]


def find(value: Any, path: str) -> list[Any]:
    """What a JSONPath of names, indices and equality filters finds."""
    found = [value]
    for name, quoted, index, key, wanted in _STEP.findall(path):
        step = (name or quoted).replace("\\.", ".")
        if step:
            found = [item[step] for item in found if isinstance(item, Mapping) and step in item]
        elif index == "*":
            found = [child for item in found if isinstance(item, list) for child in item]
        elif index:
            found = [item[int(index)] for item in found if isinstance(item, list) and len(item) > int(index)]
        else:
            found = [
                child
                for item in found
                if isinstance(item, list)
                for child in item
                if find(child, f".{key}") == [wanted]
            ]
    return found


class Columns:
    """The additionalPrinterColumns of one version."""

    def __init__(self, given: list[Object]) -> None:
        self._given = given or _DEFAULT

    def definitions(self) -> list[Object]:
        """The column definitions behind the name's."""
        return [
            column(
                item["name"],
                item["type"],
                fmt=item.get("format", ""),
                text=item.get("description") or self._described(item),
                priority=item.get("priority", 0),
            )
            for item in self._given
        ]

    def _described(self, item: Object) -> str:
        return (
            created_text()
            if self._given is _DEFAULT
            else f"Custom resource definition column (in JSONPath format): {item['jsonPath']}"
        )

    def cells(self, obj: Mapping[str, Any], now: datetime) -> list[Any]:
        """The cells behind the name, one for each column."""
        return [_cell(find(obj, item["jsonPath"]), item["type"], now) for item in self._given]


def _cell(found: list[Any], kind: str, now: datetime) -> Any:
    if not found:
        return None
    value = found[0]
    match kind:
        case "integer" | "number":
            return value if isinstance(value, int | float) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "date":
            try:
                return human_duration(int((now - datetime.fromisoformat(value)).total_seconds()))
            except (TypeError, ValueError):
                return "<unknown>"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))

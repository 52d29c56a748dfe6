"""Bodies of built-in kinds against their recorded types: unknown fields, values of the wrong type."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from kubernaut.fake.apiserver.patch.types import UNTYPED, Node, item_type, member_type, resolve

_NUMBERS = {"integer": "int32", "number": "float64"}


class WrongType(Exception):
    """A value does not fit; the text is that of Go's JSON decoder."""


def _json_type(value: Any) -> str:
    names: dict[type, str] = {dict: "object", list: "array", str: "string", bool: "bool"}
    return names.get(type(value), "number")


def _go_type(node: Node) -> str:
    kind = node.get("type")
    match kind:
        case "string" | None:
            return "string"
        case "boolean":
            return "bool"
        case "integer" | "number":
            return str(node.get("format") or _NUMBERS[kind])
        case "array":
            return f"[]{_go_type(resolve(item_type(node)))}"
    additional = node.get("additionalProperties")
    return f"map[string]{_go_type(resolve(additional))}" if isinstance(additional, dict) else "struct"


def _fits(value: Any, node: Node) -> bool:
    if node.get("format") == "quantity":
        return isinstance(value, int | float | str) and not isinstance(value, bool)
    if node.get("x-kubernetes-int-or-string") or node.get("format") == "int-or-string":
        return isinstance(value, int | str)
    match node.get("type"):
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict) or not (node.get("properties") or node.get("additionalProperties"))
    return True


def drop_unknown(obj: dict[str, Any], node: Node, kind: str) -> list[str]:
    """Drops, in place, the fields that the type lacks; returns their paths. Raises WrongType.

    A null stands for the zero value, which is not written out: it goes as well (times stay: theirs is null).
    """
    found: list[str] = []
    _walk(obj, resolve(node), "", kind, found)
    return found


def _quantity(value: float) -> str:
    """A quantity given as a number, as the server stores it: whole, or in thousandths rounded up."""
    return str(int(value)) if value == int(value) else f"{math.ceil(Decimal(str(value)) * 1000)}m"


def _walk(value: Any, node: Node, path: str, shown: str, found: list[str]) -> None:
    """`path` has indices, as warnings show it; `shown` has none, as Go's decoder does."""
    if value is None:
        return
    if not _fits(value, node):
        raise WrongType(
            f"json: cannot unmarshal {_json_type(value)} into Go struct field {shown} of type {_go_type(node)}"
        )
    if isinstance(value, dict):
        _walk_members(value, node, path, shown, found)
    elif isinstance(value, list):
        items = item_type(node)
        if items is UNTYPED:
            return
        for index, item in enumerate(value):
            _walk(item, items, f"{path}[{index}]", shown, found)


def _walk_members(value: dict[str, Any], node: Node, path: str, shown: str, found: list[str]) -> None:
    is_map = not node.get("properties")
    if is_map and not node.get("additionalProperties"):
        return  # a map of anything
    for name in list(value):
        member, below = value[name], member_type(node, name)
        inner = f"{path}.{name}" if path else name
        if below is None:
            if not is_map:
                found.append(inner)
                del value[name]
            continue
        if member is None and not is_map and below.get("format") != "date-time":
            del value[name]
            continue
        if isinstance(member, float) and below.get("format") == "quantity":
            value[name] = member = _quantity(member)
        _walk(member, below, inner, shown if is_map else f"{shown}.{name}", found)

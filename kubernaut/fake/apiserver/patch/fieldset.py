"""Sets of field paths and their fieldsV1 form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from kubernaut.fake.apiserver.patch.types import Node, fields, item_type, list_keys, member_type, resolve

# A path is the tuple of its fieldsV1 elements: `f:spec`, `k:{"name":"one"}`, `v:"finalizer"`.
Path = tuple[str, ...]
FieldSet = frozenset[Path]
EMPTY: Final[FieldSet] = frozenset()


def field_element(name: str) -> str:
    """The path element of a map's member."""
    return f"f:{name}"


def item_element(node: Node, item: Any) -> str:
    """The path element of an item of a set or map list; raises ValueError with the server's words if it has none."""
    keys = list_keys(node)
    if not keys:
        if item is None or isinstance(item, dict | list):
            kind = "a map type" if isinstance(item, dict) else "an explicit null" if item is None else "a list type"
            raise ValueError(f"associative list without keys has an element that's {kind}")
        return "v:" + _compact(item)
    if item is None:
        raise ValueError("associative list with keys may not have a null element")
    if not isinstance(item, dict):
        raise ValueError("associative list with keys may not have non-map elements")
    declared = fields(item_type(node))
    found = {}
    for key in keys:
        default = resolve(declared.get(key, {})).get("default")
        if key in item or default is not None:
            found[key] = item.get(key, default)
    if not found:
        names = " ".join(json.dumps(key) for key in keys)
        raise ValueError(
            f"associative list with keys has an element that omits all key fields [{names}] "
            "(and doesn't have default values for any key fields)"
        )
    return "k:" + _compact(found)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def to_fields_v1(paths: Iterable[Path]) -> dict[str, Any]:
    """The nested fieldsV1 form of a set of paths."""
    root: dict[str, Any] = {}
    ordered = sorted(paths)
    inner = {path[:length] for path in ordered for length in range(1, len(path))}
    for path in ordered:
        place = root
        for element in path:
            place = place.setdefault(element, {})
        if path in inner:
            place["."] = {}
    return root


def from_fields_v1(fields_v1: dict[str, Any]) -> FieldSet:
    """The set of paths a fieldsV1 value stands for."""
    paths: set[Path] = set()

    def walk(place: dict[str, Any], path: Path) -> None:
        if path and (not place or "." in place):
            paths.add(path)
        for element, below in place.items():
            if element != ".":
                walk(below, (*path, element))

    walk(fields_v1, ())
    return frozenset(paths)


def path_text(path: Path) -> str:
    """The path as conflicts print it: `.spec.template.spec.containers[name="one"].image`."""
    return "".join(element_text(element) for element in path)


def element_text(element: str) -> str:
    """One path element as errors and conflicts print it."""
    kind, _, rest = element.partition(":")
    if kind == "f":
        return f".{rest}"
    if kind == "k":
        return "[" + ",".join(f"{key}={_compact(value)}" for key, value in json.loads(rest).items()) + "]"
    return f"[={rest}]" if kind == "v" else f"[{rest}]"


def with_named_fields(paths: FieldSet, node: Node) -> FieldSet:
    """`paths` and every declared struct member on the way to them, so that set difference works on structs."""
    added: set[Path] = set(paths)
    for path in paths:
        current: Node | None = resolve(node)
        for length, element in enumerate(path, 1):
            if current is None:
                break
            if element.startswith("f:"):
                if element[2:] in fields(current):
                    added.add(path[:length])
                current = member_type(current, element[2:])
            else:
                current = item_type(current)
    return frozenset(added)


def without_prefixes(paths: FieldSet, prefixes: Iterable[Path]) -> FieldSet:
    """`paths` less everything at or below one of `prefixes`."""
    dropped = tuple(prefixes)
    return frozenset(path for path in paths if not any(path[: len(prefix)] == prefix for prefix in dropped))

"""Changes of JSON documents: carried over from one to another, and written as JSON Patch (RFC 6902)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["carry_over", "diff", "same"]

Operation = dict[str, Any]


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal. Python's own comparison takes true for 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def diff(old: Any, new: Any, path: str = "") -> list[Operation]:
    """The operations that make ``new`` of ``old``, applied in order; only what differs is named.

    Items at the same place of a list are compared with each other, between the ends that are equal.
    """
    return list(_diff(old, new, path))


def _diff(old: Any, new: Any, path: str) -> Iterator[Operation]:
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _diff_maps(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _diff_lists(old, new, path)
    else:
        yield {"op": "replace", "path": path, "value": new}


def _diff_maps(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Operation]:
    for key in old:
        if key not in new:
            yield {"op": "remove", "path": f"{path}/{_escape(key)}"}
    for key, value in new.items():
        place = f"{path}/{_escape(key)}"
        if key in old:
            yield from _diff(old[key], value, place)
        else:
            yield {"op": "add", "path": place, "value": value}


def _diff_lists(old: list[Any], new: list[Any], path: str) -> Iterator[Operation]:
    head, tail = _common_ends(old, new)
    before, after = old[head : len(old) - tail], new[head : len(new) - tail]
    both = min(len(before), len(after))
    for index in range(both):
        yield from _diff(before[index], after[index], f"{path}/{head + index}")
    # From the back, so that no removal moves what a later one names.
    for index in range(len(before) - 1, both - 1, -1):
        yield {"op": "remove", "path": f"{path}/{head + index}"}
    for index in range(both, len(after)):
        yield {"op": "add", "path": f"{path}/{head + index}", "value": after[index]}


def carry_over(old: Any, new: Any, raw: Any) -> Any:
    """``raw`` with the changes that lead from ``old`` to ``new``, and no others; none of the three is changed.

    ``old`` is what a typed model made of ``raw``: fields it does not know, and values it writes in another way, stay as
    they are in ``raw`` wherever ``new`` did not change them.
    """
    if same(old, new):
        return raw
    if isinstance(old, dict) and isinstance(new, dict):
        return _carry_map(old, new, raw if isinstance(raw, dict) else {})
    if isinstance(old, list) and isinstance(new, list) and isinstance(raw, list) and _aligned(old, raw):
        return _carry_list(old, new, raw)
    return new


def _carry_map(old: dict[str, Any], new: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in raw.items() if key in new or key not in old}
    for key, value in new.items():
        if key not in old:
            result[key] = value
        elif not same(old[key], value):
            result[key] = carry_over(old[key], value, raw.get(key))
    return result


def _carry_list(old: list[Any], new: list[Any], raw: list[Any]) -> list[Any]:
    head, tail = _common_ends(old, new)
    stop = len(old) - tail
    # left: the places of old items that no new item has taken yet
    left = list(range(head, stop))
    middle = new[head : len(new) - tail]
    taken = [_take(old, left, item) for item in middle]
    if len(middle) == stop - head:
        # Nothing was inserted or removed, so what was not recognised was changed where it is.
        taken = [head + at if place is None and head + at in left else place for at, place in enumerate(taken)]
    changed = [
        item if place is None else carry_over(old[place], item, raw[place])
        for item, place in zip(middle, taken, strict=True)
    ]
    return raw[:head] + changed + raw[stop:]


def _aligned(old: list[Any], raw: list[Any]) -> bool:
    """Whether each item of ``old`` is what a model made of the item of ``raw`` at its place: a set's are sorted."""
    if len(old) != len(raw):
        return False
    for kind in (dict, list):
        if any(isinstance(one, kind) != isinstance(other, kind) for one, other in zip(old, raw, strict=True)):
            return False
    return all(isinstance(one, (dict, list)) or same(one, other) for one, other in zip(old, raw, strict=True))


def _take(old: list[Any], left: list[int], item: Any) -> int | None:
    """The place of the old item that ``item`` was: an equal one, else one of the same name."""
    for place in left:
        if same(old[place], item):
            left.remove(place)
            return place
    name = item.get("name") if isinstance(item, dict) else None
    for place in left:
        if name is not None and isinstance(old[place], dict) and old[place].get("name") == name:
            left.remove(place)
            return place
    return None


def _common_ends(old: list[Any], new: list[Any]) -> tuple[int, int]:
    """How many items are equal at the beginning, and of the rest at the end."""
    most = min(len(old), len(new))
    head = 0
    while head < most and same(old[head], new[head]):
        head += 1
    tail = 0
    while tail < most - head and same(old[-1 - tail], new[-1 - tail]):
        tail += 1
    return head, tail


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")

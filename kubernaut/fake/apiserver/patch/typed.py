"""Merging, comparing and pruning values by their type, as server-side apply does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from kubernaut.fake.apiserver.patch.copying import copied
from kubernaut.fake.apiserver.patch.fieldset import FieldSet, Path, element_text, field_element, item_element
from kubernaut.fake.apiserver.patch.types import Node, fields, is_atomic, item_type, list_keys, member_type, resolve

ABSENT: Final = object()


def same(left: Any, right: Any) -> bool:
    """JSON equality: true is not 1, but 1 is 1.0."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return bool(left == right)


def type_errors(value: Any, node: Node, path: str = "") -> list[str]:
    """Why `value` is not of the type, worded `path: message`; [] if it is."""
    node = resolve(node)
    if value is None:
        return []
    wanted = node.get("type")
    if isinstance(value, dict):
        if wanted not in (None, "object"):
            return [f"{path}: expected {wanted}, got map"]
        errors = []
        for name in sorted(value):
            below = member_type(node, name)
            if below is None:
                errors.append(f"{path}.{name}: field not declared in schema")
            else:
                errors += type_errors(value[name], below, f"{path}.{name}")
        return errors
    if isinstance(value, list):
        if wanted not in (None, "array"):
            return [f"{path}: expected {wanted}, got list"]
        return _list_errors(value, node, path)
    return _scalar_errors(value, wanted, path)


def _scalar_errors(value: Any, wanted: str | None, path: str) -> list[str]:
    text = f"&value.valueUnstructured{{Value:{value!r}}}" if not isinstance(value, str) else value
    if wanted in ("object", "array"):
        return [f"{path}: expected {'map' if wanted == 'object' else 'list'}, got {text}"]
    kinds: dict[str, Any] = {"string": str, "boolean": bool, "integer": int | float, "number": int | float}
    expected = {"integer": "numeric (int or float)", "number": "numeric (int or float)"}.get(wanted or "", wanted)
    wrong = wanted in kinds and not isinstance(value, kinds[wanted])
    if wrong or (isinstance(value, bool) and wanted in ("integer", "number")):
        return [f"{path}: expected {expected}, got {text}"]
    return []


def _list_errors(value: list[Any], node: Node, path: str) -> list[str]:
    errors: list[str] = []
    seen: set[str] = set()
    keyed = list_keys(node) is not None
    for index, item in enumerate(value):
        element = f"i:{index}"
        if keyed:
            try:
                element = item_element(node, item)
            except ValueError as error:
                return [*errors, f"{path}: element {index}: {error}"]
            if element in seen:
                errors.append(f"{path}: duplicate entries for key {element_text(element)}")
            seen.add(element)
        errors += type_errors(item, item_type(node), path + element_text(element))
    return errors


def field_set(value: Any, node: Node) -> FieldSet:
    """The fields an applied configuration states, hence owns."""
    paths: set[Path] = set()
    _collect(value, resolve(node), (), paths)
    return frozenset(paths)


def _collect(value: Any, node: Node, path: Path, paths: set[Path]) -> None:
    if is_atomic(node, value):
        if path:
            paths.add(path)
        return
    if isinstance(value, list):
        for item in value:
            below = (*path, item_element(node, item))
            _collect(item, item_type(node), below, paths)
            paths.add(below)
        return
    for name, member in value.items():
        below = (*path, field_element(name))
        _collect(member, member_type(node, name) or {}, below, paths)
        if member is None or member == {} or name not in fields(node):
            paths.add(below)


def merge(live: Any, applied: Any, node: Node) -> Any:
    """`live` with everything that `applied` states; ABSENT where a side has no value. Neither is changed."""
    node = resolve(node)
    if applied is ABSENT:
        return copied(live)
    if isinstance(applied, list) and not is_atomic(node, applied) and isinstance(live, list) and live:
        return _merge_lists(live, applied, node)
    if isinstance(applied, dict) and not is_atomic(node, applied) and isinstance(live, dict):
        return {
            name: merge(live.get(name, ABSENT), applied.get(name, ABSENT), member_type(node, name) or {})
            for name in [*live, *(name for name in applied if name not in live)]
        }
    if applied is None and isinstance(live, dict | list) and live and not is_atomic(node, live):
        return copied(live)
    return copied(applied)


def _merge_lists(live: list[Any], applied: list[Any], node: Node) -> list[Any]:
    """Applied items come in their order; items that only live has keep their place among the shared ones."""
    below = item_type(node)
    theirs = [item_element(node, item) for item in live]
    ours = [item_element(node, item) for item in applied]
    live_items, our_items = dict(zip(theirs, live, strict=True)), dict(zip(ours, applied, strict=True))
    shared = [element for element in ours if element in live_items]
    merged: list[Any] = []
    done: set[str] = set()
    left = right = 0
    while left < len(theirs) or right < len(ours):
        if left < len(theirs) and right < len(ours):
            element = theirs[left]
            if element == ours[right]:
                merged.append(merge(live_items[element], our_items[element], below))
                done.add(element)
                left, right, shared = left + 1, right + 1, shared[1:]
                continue
            if element in our_items and shared and shared[0] != element:
                left += 1
                continue
        if left < len(theirs):
            element = theirs[left]
            if element not in our_items:
                merged.append(copied(live[left]))
                left += 1
                continue
            if element in done:
                left += 1
        if right < len(ours):
            element = ours[right]
            done.add(element)
            merged.append(merge(live_items.get(element, ABSENT), our_items[element], below))
            right += 1
            if shared and shared[0] == element:
                shared = shared[1:]
    return merged


@dataclass(slots=True)
class Comparison:
    """The paths by which a newer value differs from an older one."""

    added: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)

    def changed(self) -> FieldSet:
        """What the newer value has anew or otherwise."""
        return frozenset(self.added | self.modified)


def compare(old: Any, new: Any, node: Node) -> Comparison:
    """How `new` differs from `old`, both of the type."""
    result = Comparison()
    _compare(old, new, resolve(node), (), result)
    return result


def _compare(old: Any, new: Any, node: Node, path: Path, result: Comparison) -> None:
    filled = [value for value in (old, new) if value is not ABSENT and value is not None]
    leaf = any(is_atomic(node, value) for value in filled) or not any(filled) or len({*map(type, filled)}) > 1
    if not leaf and isinstance(filled[0], list):
        _compare_lists(old, new, node, path, result)
    elif not leaf:
        before = old if isinstance(old, dict) else {}
        after = new if isinstance(new, dict) else {}
        for name in [*before, *(name for name in after if name not in before)]:
            below = member_type(node, name) or {}
            here = (*path, field_element(name))
            _compare(before.get(name, ABSENT), after.get(name, ABSENT), below, here, result)
    if old is ABSENT:
        result.added.add(path)
    elif new is ABSENT:
        result.removed.add(path)
    elif leaf and not same(old, new):
        result.modified.add(path)


def _compare_lists(old: Any, new: Any, node: Node, path: Path, result: Comparison) -> None:
    sides: list[dict[str, list[Any]]] = []
    for items in (old, new):
        grouped: dict[str, list[Any]] = {}
        for item in items if isinstance(items, list) else ():
            grouped.setdefault(item_element(node, item), []).append(item)
        sides.append(grouped)
    before, after = sides
    for element in [*before, *(element for element in after if element not in before)]:
        left, right, here = before.get(element, []), after.get(element, []), (*path, element)
        if len(left) > 1 or len(right) > 1:
            # Duplicates, which only non-apply writes can make, are owned as a whole.
            target = result.added if not left else result.removed if not right else result.modified
            if not same(left, right):
                target.add(here)
            continue
        _compare(left[0] if left else ABSENT, right[0] if right else ABSENT, item_type(node), here, result)


def remove_items(value: Any, paths: Iterable[Path], node: Node) -> Any:
    """`value` less what is at `paths`; containers that become empty vanish."""
    kept = _remove(value, frozenset(paths), resolve(node), ())
    return {} if kept is ABSENT else kept


def _remove(value: Any, paths: FieldSet, node: Node, path: Path) -> Any:
    below = frozenset(other for other in paths if other[: len(path)] == path)
    if not below or is_atomic(node, value) or not value:
        return value
    if isinstance(value, list):
        items = []
        for item in value:
            here = (*path, item_element(node, item))
            if here not in below:
                items.append(_remove(item, below, item_type(node), here))
        items = [item for item in items if item is not ABSENT]
        return items or ABSENT
    members = {}
    for name, member in value.items():
        here = (*path, field_element(name))
        if here not in below:
            kept = _remove(member, below, member_type(node, name) or {}, here)
            if kept is not ABSENT:
                members[name] = kept
    return members or ABSENT

"""Strategic merge patch: lists merged by key, with the directives that order, delete and replace."""

from __future__ import annotations

from typing import Any, Final

from kubernaut.fake.apiserver.patch.copying import copied
from kubernaut.fake.apiserver.patch.errors import PatchError, bad_request
from kubernaut.fake.apiserver.patch.types import Node, item_type, member_type, resolve

_DIRECTIVE: Final = "$patch"
_RETAIN: Final = "$retainKeys"
_ORDER: Final = "$setElementOrder/"
_DELETE: Final = "$deleteFromPrimitiveList/"
_DROPPED: Final = object()


def strategic_merge(doc: dict[str, Any], patch: Any, schema: Node) -> dict[str, Any]:
    """The object that a strategic merge patch makes of `doc`; neither is changed.

    `schema` is builtin_type(...), whose patch strategies and merge keys decide. Raises PatchError 400 for a patch that
    is no map or has a malformed directive, 422 for one that lacks a merge key or orders wrongly.
    """
    if not isinstance(patch, dict):
        raise bad_request("strategic merge patch must be an object")
    return _merge_map(copied(doc), copied(patch), resolve(schema))


def _bad(message: str) -> PatchError:
    return PatchError(500, "", message)


def _merge_map(original: dict[str, Any], patch: dict[str, Any], node: Node) -> dict[str, Any]:
    directive = patch.get(_DIRECTIVE)
    if _DIRECTIVE in patch:
        if directive == "replace":
            return {key: value for key, value in patch.items() if key != _DIRECTIVE}
        if directive == "delete":
            return {}
        raise _bad(f"unknown patch type: {directive} in map: {patch}")
    _retain(original, patch)
    for key in sorted(key for key in patch if key.startswith(_ORDER)):
        _ordered(original, patch, key, node)
    for key, value in patch.items():
        if key.startswith(_DELETE):
            name = key.removeprefix(_DELETE)
            if isinstance(original.get(name), list):
                original[name] = [item for item in original[name] if item not in value]
        elif value is None:
            original.pop(key, None)
        else:
            _merge_member(original, key, value, node)
    return original


def _retain(original: dict[str, Any], patch: dict[str, Any]) -> None:
    if _RETAIN not in patch:
        return
    kept = patch.pop(_RETAIN)
    named = [key for key, value in patch.items() if value is not None and not key.startswith((_ORDER, _DELETE))]
    if not isinstance(kept, list) or any(key not in kept for key in named):
        raise _bad("invalid patch format of retainKeys")
    for key in [key for key in original if key not in kept]:
        del original[key]


def _merge_member(original: dict[str, Any], key: str, value: Any, node: Node) -> None:
    below = member_type(node, key) or {}
    strategies = str(below.get("x-kubernetes-patch-strategy", "")).split(",")
    current = original.get(key)
    if isinstance(current, dict) and isinstance(value, dict) and "replace" not in strategies:
        original[key] = _merge_map(current, value, below)
    elif isinstance(current, list) and isinstance(value, list) and "merge" in strategies:
        original[key] = _merge_list(current, value, below)
    else:
        plain = value if isinstance(current, dict | list) and type(current) is type(value) else _plain(value)
        if plain is _DROPPED:
            original.pop(key, None)
        else:
            original[key] = plain


def _plain(value: Any) -> Any:
    """A patch value that meets no original: without nulls, and without what carries a directive."""
    if isinstance(value, dict):
        if _DIRECTIVE in value:
            return _DROPPED
        members = {key: _plain(member) for key, member in value.items() if member is not None}
        return {key: member for key, member in members.items() if member is not _DROPPED}
    if isinstance(value, list):
        return [item for item in map(_plain, value) if item is not _DROPPED]
    return value


def _merge_list(original: list[Any], patch: list[Any], node: Node) -> list[Any]:
    if not original and not patch:
        return original
    key = node.get("x-kubernetes-patch-merge-key", "")
    if not isinstance([*original, *patch][0], dict):
        merged = list(dict.fromkeys([*original, *patch]))
        return _arrange(merged, patch, original, "")
    if not key:
        raise _bad("cannot merge lists without merge key")
    original, additions = _directed(original, patch, key)
    merged = list(original)
    for item in additions:
        value = _key_of(item, key)
        at = _index(merged, key, value)
        if at is None:
            merged.append(item)
        else:
            merged[at] = _merge_map(merged[at], item, item_type(node))
    return _arrange(merged, additions, original, key)


def _directed(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """The original after `$patch: delete` items, and the items of the patch that are no directives."""
    plain, replaces = [], False
    for item in patch:
        if not isinstance(item, dict):
            raise _bad(f"expected a map[string]interface {{}}, but received a {type(item).__name__}")
        directive = item.get(_DIRECTIVE)
        if _DIRECTIVE not in item:
            plain.append(item)
        elif directive == "delete":
            value = _key_of(item, key)
            original = [entry for entry in original if entry.get(key) != value]
        elif directive == "replace":
            replaces = True
        elif directive == "merge":
            raise _bad("merging lists cannot yet be specified in the patch")
        else:
            raise _bad(f"unknown patch type: {directive} in map: {item}")
    return (plain, []) if replaces else (original, plain)


def _key_of(item: Any, key: str) -> Any:
    if not isinstance(item, dict) or key not in item:
        raise _bad(f"map: {item} does not contain declared merge key: {key}")
    return item[key]


def _index(items: list[Any], key: str, value: Any) -> int | None:
    return next((at for at, item in enumerate(items) if key in item and item[key] == value), None)


def _identity(item: Any, key: str) -> Any:
    return _key_of(item, key) if key else item


def _arrange(merged: list[Any], wanted: list[Any], server: list[Any], key: str) -> list[Any]:
    """`merged` with the items of `wanted` in its order and the others kept where the server had them among these."""
    order = {_identity(item, key): at for at, item in enumerate(wanted)}
    before = {_identity(item, key): at for at, item in enumerate(server)}
    chosen = [item for item in merged if _identity(item, key) in order]
    chosen.sort(key=lambda item: order[_identity(item, key)])
    others = [item for item in merged if _identity(item, key) not in order]
    result: list[Any] = []
    while chosen and others:
        left, right = before.get(_identity(chosen[0], key)), before.get(_identity(others[0], key))
        first = left is None or right is None or left < right
        result.append((chosen if first else others).pop(0))
    return [*result, *chosen, *others]


def _ordered(original: dict[str, Any], patch: dict[str, Any], directive: str, node: Node) -> None:
    name = directive.removeprefix(_ORDER)
    wanted = patch.pop(directive)
    if not isinstance(wanted, list):
        raise _bad("invalid patch format of setElementOrder list")
    below = member_type(node, name) or {}
    key = below.get("x-kubernetes-patch-merge-key", "")
    additions = patch.pop(name, None)
    _check_order(additions or [], wanted, key)
    server = original.get(name)
    if server is None and additions is None:
        return
    before = list(server or ())
    if additions is None:
        merged = before
    elif server is None:
        merged = _plain(additions)
    else:
        merged = _merge_list(list(server), additions, below)
    original[name] = _arrange(merged, wanted, before, key)


def _check_order(additions: list[Any], wanted: list[Any], key: str) -> None:
    listed = [_identity(item, key) for item in wanted]
    named = [_identity(item, key) for item in additions if not (isinstance(item, dict) and _DIRECTIVE in item)]
    remaining = iter(listed)
    if listed and not all(any(name == other for other in remaining) for name in named):
        raise _bad(f"The order in patch list:\n{additions}\n doesn't match $setElementOrder list:\n{wanted}\n")

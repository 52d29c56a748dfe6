"""Which changes matter to a watch. Predicates combine with `&`, `|` and `~`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from kubernaut.reconcile.store import Change, ChangeType, Stored


class Predicate:
    """A test of a change; true lets it through."""

    def __init__(self, test: Callable[[Change], bool]) -> None:
        self._test = test

    def __call__(self, change: Change) -> bool:
        return self._test(change)

    def __and__(self, other: Callable[[Change], bool]) -> Predicate:
        return Predicate(lambda change: self(change) and other(change))

    def __or__(self, other: Callable[[Change], bool]) -> Predicate:
        return Predicate(lambda change: self(change) or other(change))

    def __invert__(self) -> Predicate:
        return Predicate(lambda change: not self(change))


def _on_update(differs: Callable[[Stored, Stored], bool]) -> Predicate:
    """Lets every creation and deletion through, and those updates where the two states differ."""

    def test(change: Change) -> bool:
        if change.type is not ChangeType.MODIFIED or change.old is None:
            return True
        return differs(change.old, change.new)

    return Predicate(test)


class _Status(msgspec.Struct):
    status: Any = None


_status = msgspec.json.Decoder(_Status)


def _deletion_began(old: Stored, new: Stored) -> bool:
    return old.head.deletion_timestamp != new.head.deletion_timestamp


generation_changed = _on_update(
    lambda old, new: old.head.generation != new.head.generation or _deletion_began(old, new)
)
"""The spec changed (kinds without a generation never pass), or the deletion began."""

labels_changed = _on_update(lambda old, new: (old.head.labels or {}) != (new.head.labels or {}))

annotations_changed = _on_update(lambda old, new: (old.head.annotations or {}) != (new.head.annotations or {}))

resource_version_changed = _on_update(lambda old, new: old.head.resource_version != new.head.resource_version)

status_changed = _on_update(lambda old, new: _status.decode(old.raw).status != _status.decode(new.raw).status)

created = Predicate(lambda change: change.type is ChangeType.ADDED)

updated = Predicate(lambda change: change.type is ChangeType.MODIFIED)

deleted = Predicate(lambda change: change.type is ChangeType.DELETED)


def head_matches(test: Callable[[Any], bool]) -> Predicate:
    """The metadata (`ObjectHead`) of the new state, or of the last one of a deleted object, passes a test of yours."""
    return Predicate(lambda change: test(change.new.head))

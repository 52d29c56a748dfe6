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
    """Lets every creation and deletion through, and those updates where the states differ or the deletion began.

    The beginning of a deletion is an update, and the only call to finalize: no choice of fields may hide it.
    """

    def test(change: Change) -> bool:
        if change.type is not ChangeType.MODIFIED or change.old is None:
            return True
        old, new = change.old, change.new
        return differs(old, new) or old.head.deletion_timestamp != new.head.deletion_timestamp

    return Predicate(test)


class _Status(msgspec.Struct):
    status: Any = None


_status = msgspec.json.Decoder(_Status)

generation_changed = _on_update(lambda old, new: old.head.generation != new.head.generation)
"""The spec changed; updates of kinds without a generation never pass."""

labels_changed = _on_update(lambda old, new: (old.head.labels or {}) != (new.head.labels or {}))

annotations_changed = _on_update(lambda old, new: (old.head.annotations or {}) != (new.head.annotations or {}))

resource_version_changed = _on_update(lambda old, new: old.head.resource_version != new.head.resource_version)

status_changed = _on_update(lambda old, new: _status.decode(old.raw).status != _status.decode(new.raw).status)
"""Of a metadata-only watch no status is known: its updates never pass."""

created = Predicate(lambda change: change.type is ChangeType.ADDED)

updated = Predicate(lambda change: change.type is ChangeType.MODIFIED)

deleted = Predicate(lambda change: change.type is ChangeType.DELETED)


def head_matches(test: Callable[[Any], bool]) -> Predicate:
    """The metadata (`ObjectHead`) of the new state, or of the last one of a deleted object, passes a test of yours."""
    return Predicate(lambda change: test(change.new.head))

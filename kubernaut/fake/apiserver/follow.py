"""Objects of one kind in parsed form, kept up to date by the kind's log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from kubernaut.fake.apiserver.storage import Compacted, Cursor, Storage, Stored

T = TypeVar("T")


class Followed(Generic[T]):
    """What `parse` makes of each object of a kind, by storage key.

    Reading costs nothing while nothing changes; after a write only what was written is parsed again. `changed` is told
    (before, after) of each, None for absent, so that further indexes can follow.
    """

    def __init__(
        self,
        storage: Storage,
        kind: str,
        parse: Callable[[dict[str, Any]], T],
        changed: Callable[[T | None, T | None], None] | None = None,
    ) -> None:
        self._storage, self._kind, self._parse = storage, kind, parse
        self._changed = changed
        self._found: dict[str, T] = {}
        self._cursor: Cursor | None = None

    def by_key(self) -> dict[str, T]:
        """The parsed objects; not to be changed."""
        if self._cursor is None:
            self._reload()
            return self._found
        try:
            events = self._cursor.take()
        except Compacted:
            self._reload()
            return self._found
        for event in events:
            self._put(event.object.key, None if event.type == "DELETED" else event.object)
        return self._found

    def all(self) -> list[T]:
        """All of them, by name."""
        return self.within("")

    def within(self, namespace: str) -> list[T]:
        """Those of one namespace (every one if empty), by name."""
        found = self.by_key()
        return [found[stored.key] for stored in self._storage.iterate(self._kind, namespace)] if found else []

    def get(self, key: str) -> T | None:
        return self.by_key().get(key)

    def _reload(self) -> None:
        for key in list(self._found):
            self._put(key, None)
        self._cursor = self._storage.cursor(self._kind, None)
        for stored in self._storage.iterate(self._kind):
            self._put(stored.key, stored)

    def _put(self, key: str, stored: Stored | None) -> None:
        before = self._found.pop(key, None) if stored is None else self._found.get(key)
        after = None if stored is None else self._parse(stored.decode())
        if after is not None:
            self._found[key] = after
        if self._changed is not None:
            self._changed(before, after)

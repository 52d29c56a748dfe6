"""What invariants look at: the objects of the API server as they are, and what happened outside the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.snapshot import Storage, Stored, storage_of
from kubernaut.resources import Resource
from kubernaut.timing import current_clock

if TYPE_CHECKING:
    from kubernaut.testing.exploration.outside import Outside

__all__ = ["View"]

R = TypeVar("R", bound=Resource)
DECODED = 5000
"""Decoded objects that are kept, at most."""


class View:
    """The state of the world, read from the server itself: no request, no cache, no fault.

    Objects are shared between calls: do not change them.
    """

    def __init__(self, server: ApiServer, outside: Outside, decoded: dict[tuple[type[Resource], bytes], Any]) -> None:
        self.outside = outside
        """The systems outside the cluster."""
        self.deleted_by_people: dict[str, None] = {}
        """The uids of objects that a person deleted, and of those that went with them."""
        self._server = server
        self._storage: Storage = storage_of(server)
        # shared by all runs of a process, most of whose objects are alike
        self._decoded = decoded
        self._first = self._storage.version

    @property
    def now(self) -> datetime:
        """The time."""
        return current_clock().now()

    def all(self, kind: type[R], namespace: str = "") -> list[R]:
        """The objects of a kind, by namespace and name; [] where the server does not serve it."""
        store = self.store(kind)
        return [self.typed(kind, each) for each in self._storage.iterate(store, namespace)] if store else []

    def get(self, kind: type[R], name: str, namespace: str = "") -> R | None:
        """One object, or None."""
        store = self.store(kind)
        found = self._storage.get(store, namespace, name) if store else None
        return None if found is None else self.typed(kind, found)

    def ever(self, kind: type[R]) -> list[R]:
        """Every object of a kind that was created in this run, as it was created, oldest first."""
        store = self.store(kind)
        log = self._storage.table(store).log if store else []
        return [self.typed(kind, e.object) for e in log if e.type == "ADDED" and e.version > self._first]

    def raw(self) -> list[Mapping[str, Any]]:
        """All objects as JSON."""
        return [
            msgspec.json.decode(each.data) for kind in self._storage.kinds() for each in self._storage.iterate(kind)
        ]

    def store(self, kind: type[Resource]) -> str | None:
        """What the server's storage calls the kind."""
        info = self._server.resource_for(kind.resource_type.api_version, kind.resource_type.kind)
        return None if info is None else info.store

    def typed(self, kind: type[R], stored: Stored) -> R:
        """One stored version, decoded."""
        key = (kind, stored.data)
        found: R | None = self._decoded.get(key)
        if found is None:
            if len(self._decoded) > DECODED:
                self._decoded.clear()
            found = self._decoded[key] = kind.from_json(stored.data)
        return found

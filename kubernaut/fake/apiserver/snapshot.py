"""Takes an API server back to an earlier state, for many runs that start alike."""

from __future__ import annotations

from typing import Any

from kubernaut.fake.apiserver import meta
from kubernaut.fake.apiserver.app import ApiServer
from kubernaut.fake.apiserver.storage import Event, Storage, Stored

__all__ = ["Event", "Snapshot", "Storage", "Stored", "prepare_new", "storage_of"]

_DEFINITIONS = "apiextensions.k8s.io/customresourcedefinitions"


class Snapshot:
    """What an API server holds now, and where its randomness is; clocks and routes of webhooks are not part of it."""

    def __init__(self, server: ApiServer) -> None:
        state = server._state
        self._server = server
        self._kept = state.storage.keep()
        self._random = state.random.getstate()
        self._logs = dict(state.logs)

    def restore(self) -> bool:
        """Go back; watches must have ended. False if CRDs had changed: what they serve cannot be taken back."""
        state = self._server._state
        changed = state.storage.restore(self._kept)
        state.random.setstate(self._random)
        state.logs.clear()
        state.logs.update(self._logs)
        self._server.requests.clear()
        return _DEFINITIONS not in changed

    def changed(self) -> list[str]:
        """The kinds of which something was written since."""
        return self._server._state.storage.changed(self._kept)

    def holds(self, kind: str, stored: Stored) -> bool:
        """Whether an object is the very one that was there: it has not been written since."""
        table = self._kept.tables.get(kind)
        return table is not None and table.objects.get(stored.key) is stored


def prepare_new(server: ApiServer, obj: dict[str, Any]) -> None:
    """Give an object that goes straight into the storage what a create gives it: uid, name, times."""
    state = server._state
    meta.prepare_create(obj["metadata"], state.now(), state.random)
    obj["metadata"]["generation"] = 1


def storage_of(server: ApiServer) -> Storage:
    """The objects of a server, to be read and listened to."""
    return server._state.storage

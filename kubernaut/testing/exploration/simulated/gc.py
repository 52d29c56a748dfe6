"""The garbage collector: objects go when their last owner has gone, foreground and orphaning deletion are finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from kubernaut.fake.apiserver.bootstrap import LAST_VERSION
from kubernaut.fake.apiserver.snapshot import Event, Stored
from kubernaut.testing.exploration.simulated.base import Stage
from kubernaut.timing import current_clock

__all__ = ["GarbageCollection"]

ACTOR = "garbage-collector"
DELAY = 0.01
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


@dataclass(frozen=True, slots=True)
class GarbageCollection:
    """Deletes dependents `delay` seconds after their last owner (kube-controller-manager's garbage collector)."""

    delay: float = DELAY

    def start(self, stage: Stage) -> None:
        """See Simulated.start."""
        _Collector(stage, self.delay)


class _Collector:
    """The graph of one run."""

    def __init__(self, stage: Stage, delay: float) -> None:
        self._stage = stage
        self._delay = delay
        self._alive: dict[str, tuple[str, Stored]] = {}
        self._dependents: dict[str, dict[str, None]] = {}  # uids by the owner's uid
        storage = stage.storage
        for kind in storage.kinds():
            for stored in storage.iterate(kind):
                if stored.version > LAST_VERSION:
                    self._note(kind, stored)
        stage.subscribe(self._changed)

    def _changed(self, kind: str, event: Event, actor: str) -> None:
        stored = event.object
        if event.type == "DELETED":
            self._alive.pop(stored.uid, None)
            if self._dependents.get(stored.uid):
                self._soon(stored.uid)
            for owner in _owners(stored):  # one that waits in the foreground may go now
                if owner["uid"] in self._alive:
                    self._soon(owner["uid"])
            return
        self._note(kind, stored)
        owners = _owners(stored)
        if owners and not any(owner["uid"] in self._alive for owner in owners):
            self._soon(owners[0]["uid"])
        if b'"deletionTimestamp"' in stored.data:
            self._soon(stored.uid)

    def _note(self, kind: str, stored: Stored) -> None:
        self._alive[stored.uid] = (kind, stored)
        for owner in _owners(stored):
            self._dependents.setdefault(owner["uid"], {})[stored.uid] = None

    def _soon(self, uid: str) -> None:
        self._stage.later(self._delay, lambda: self._look(uid))

    def _look(self, uid: str) -> None:
        """Do what is to be done about the dependents of one owner, and about itself if it is going."""
        known = self._alive.get(uid)
        obj = known[1].decode() if known is not None else None
        meta = obj["metadata"] if obj is not None else {}
        finalizers = meta.get("finalizers") or []
        going = bool(meta.get("deletionTimestamp"))
        if obj is not None and not (going and (FOREGROUND in finalizers or ORPHAN in finalizers)):
            return
        dependents = [self._alive[each] for each in self._dependents.get(uid, {}) if each in self._alive]
        mine = [stored for _, stored in dependents if any(owner["uid"] == uid for owner in _owners(stored))]
        if ORPHAN in finalizers:
            for stored in mine:
                self._release(stored, uid)
            mine = []
        for stored in mine:
            others = [owner for owner in _owners(stored) if owner["uid"] != uid and owner["uid"] in self._alive]
            if others:
                self._release(stored, uid)
            else:
                self._delete(stored, FOREGROUND in finalizers)
        if obj is not None and not [
            each for each in self._dependents.get(uid, {}) if each in self._alive and self._blocks(each, uid)
        ]:
            meta["finalizers"] = [name for name in finalizers if name not in (FOREGROUND, ORPHAN)]
            if not meta["finalizers"]:
                del meta["finalizers"]
            self._stage.put(obj, actor=ACTOR)

    def _blocks(self, dependent: str, owner: str) -> bool:
        _, stored = self._alive[dependent]
        return any(each["uid"] == owner and each.get("blockOwnerDeletion") for each in _owners(stored))

    def _release(self, stored: Stored, owner: str) -> None:
        obj = stored.decode()
        left = [each for each in _owners(stored) if each["uid"] != owner]
        obj["metadata"]["ownerReferences"] = left
        if not left:
            del obj["metadata"]["ownerReferences"]
        self._stage.put(obj, actor=ACTOR)

    def _delete(self, stored: Stored, foreground: bool) -> None:
        obj = stored.decode()
        metadata = obj["metadata"]
        if metadata.get("deletionTimestamp"):
            return
        metadata["deletionTimestamp"] = current_clock().now().strftime("%Y-%m-%dT%H:%M:%SZ")
        if foreground and self._dependents.get(stored.uid):
            metadata["finalizers"] = [*(metadata.get("finalizers") or []), FOREGROUND]
        self._stage.put(obj, actor=ACTOR)


def _owners(stored: Stored) -> Sequence[Mapping[str, Any]]:
    return _owners_in(stored.data) if b'"ownerReferences"' in stored.data else ()


# Each version of an object is looked at several times.
@lru_cache(maxsize=256)
def _owners_in(data: bytes) -> Sequence[Mapping[str, Any]]:
    decoded: dict[str, Any] = msgspec.json.decode(data)
    return tuple(decoded["metadata"].get("ownerReferences") or ())

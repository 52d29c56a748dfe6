"""Remembers what was applied, so that an apply which would change nothing is not sent."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from kubernaut.client import ObjectHead
from kubernaut.reconcile.cache import Cache
from kubernaut.resources import ResourceType

REMEMBERED = 100_000
"""Objects whose applies are remembered for each cluster; the one applied longest ago is forgotten first."""


@dataclass(frozen=True, slots=True)
class _Applied:
    digest: bytes
    uid: str
    resource_version: str | None
    """None while the server has not answered."""


_Key = tuple[str, str | None, str]


class AppliedMemory:
    """The last apply to each object by each field manager. Implements `kubernaut.client.ApplyMemory`.

    An apply is left out when it equals the last one to that object, the cache shows the object exactly as that one
    left it, and this process has not written the object since: whoever else changed it changed its resourceVersion too.
    Writes by `Client.request` are not known; until the cache shows them they may be missed.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        # applied: by object, then by field manager.
        self._applied: OrderedDict[_Key, dict[str, _Applied]] = OrderedDict()
        self.skipped = 0
        """Applies that were not sent."""

    def unchanged(
        self, rt: ResourceType, namespace: str | None, name: str, manager: str, digest: bytes
    ) -> bytes | None:
        """The object as it is, if applying would change nothing; None if the apply must be sent."""
        key = _key(rt, namespace, name)
        applied = self._applied.get(key, {}).get(manager)
        if applied is not None and applied.digest == digest and applied.resource_version is not None:
            stored = self._cache.whole(rt, name, namespace)
            if stored is not None:
                head = stored.head
                if (head.uid, head.resource_version) == (applied.uid, applied.resource_version):
                    self.skipped += 1
                    return stored.raw
        self._applied.setdefault(key, {})[manager] = _Applied(digest, "", None)
        self._applied.move_to_end(key)
        if len(self._applied) > REMEMBERED:
            self._applied.popitem(last=False)
        return None

    def applied(
        self, rt: ResourceType, namespace: str | None, name: str, manager: str, digest: bytes, head: ObjectHead
    ) -> None:
        """Note an apply that the server accepted, and the object that it answered."""
        key = _key(rt, namespace, name)
        managers = self._applied.get(key, {})
        if managers.get(manager) != _Applied(digest, "", None):
            # Another write of this process was under way at the same time: which came last is not known.
            self.forget(rt, namespace, name)
            return
        # What other managers applied holds only if this apply changed nothing.
        same = {who: other for who, other in managers.items() if other.resource_version == head.resource_version}
        self._applied[key] = {**same, manager: _Applied(digest, head.uid, head.resource_version)}

    def forget(self, rt: ResourceType, namespace: str | None, name: str) -> None:
        """The object was, or may have been, written otherwise: the next apply to it is sent."""
        self._applied.pop(_key(rt, namespace, name), None)


def _key(rt: ResourceType, namespace: str | None, name: str) -> _Key:
    return rt.group_resource, namespace if rt.namespaced else None, name

"""Remembers what was applied, so that an apply which would change nothing is not sent."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from kubernaut.client import ObjectHead
from kubernaut.reconcile.cache import Cache
from kubernaut.resources import ResourceType

REMEMBERED = 100_000
"""Applies remembered for each cluster; the one used longest ago is forgotten first."""


@dataclass(frozen=True, slots=True)
class _Applied:
    digest: bytes
    uid: str
    resource_version: str


class AppliedMemory:
    """The last apply to each object by each field manager. Implements `kubernaut.client.ApplyMemory`.

    An apply is left out when it equals the last one to that object, and the cache shows the object exactly as that one
    left it: whoever changed it since changed its resourceVersion too.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._applied: OrderedDict[tuple[str, str | None, str, str], _Applied] = OrderedDict()
        self.skipped = 0
        """Applies that were not sent."""

    def unchanged(
        self, rt: ResourceType, namespace: str | None, name: str, manager: str, digest: bytes
    ) -> bytes | None:
        """The object as it is, if applying would change nothing; None if the apply must be sent."""
        applied = self._applied.get((rt.group_resource, namespace, name, manager))
        if applied is None or applied.digest != digest:
            return None
        stored = self._cache.whole(rt, name, namespace)
        if stored is None or stored.head.uid != applied.uid or stored.head.resource_version != applied.resource_version:
            return None
        self.skipped += 1
        return stored.raw

    def applied(
        self, rt: ResourceType, namespace: str | None, name: str, manager: str, digest: bytes, head: ObjectHead
    ) -> None:
        """Note an apply that the server accepted, and the object that it answered."""
        key = (rt.group_resource, namespace, name, manager)
        self._applied[key] = _Applied(digest, head.uid, head.resource_version)
        self._applied.move_to_end(key)
        if len(self._applied) > REMEMBERED:
            self._applied.popitem(last=False)

"""Read-your-writes: which writes an informer's store reflects, and who waits for one that it does not yet."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from kubernaut.client import Written
from kubernaut.reconcile.result import Request
from kubernaut.reconcile.store import Store

OPAQUE_REMEMBERED = 1024


def number(resource_version: str) -> int | None:
    """A resourceVersion as a positive integer, which can be compared within one resource (KEP-5504); else None."""
    if resource_version.isascii() and resource_version.isdigit():
        return int(resource_version) or None
    return None


def key_of(written: Written) -> Request:
    """The key that the object has in a store."""
    return Request(written.namespace or None, written.name)


@dataclass(slots=True, eq=False)
class _Waiter:
    written: Written
    callback: Callable[[], None]
    done: bool = False


class Waiters:
    """Those who wait for writes. An event costs what waits for its object, not what waits at all."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._at: int | None = None
        # by_version: heap of (version, serial, waiter): comparable writes, reached when the store is as new.
        self._by_version: list[tuple[int, int, _Waiter]] = []
        self._serial = 0
        # by_key: everybody who waits for one object, whose own event may tell before the store is as new.
        self._by_key: dict[Request, list[_Waiter]] = {}
        # opaque: a write whose version cannot be compared -> the version its object had when first asked about.
        self._opaque: OrderedDict[tuple[Request, str], str | None] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(waiters) for waiters in self._by_key.values())

    def reached(self, written: Written) -> bool:
        """Whether the store reflects the write, or something later."""
        stored = self._store.get(key_of(written))
        if written.deleted:
            return stored is None or (bool(written.uid) and stored.head.uid != written.uid)
        version = number(written.resource_version)
        own = None if stored is None else stored.head.resource_version
        if version is not None:
            if self._at is not None and self._at >= version:
                return True
            comparable = None if own is None else number(own)
            if own is None or comparable is not None:
                return comparable is not None and comparable >= version
        return own == written.resource_version or self._changed_since_asked(written, own)

    def _changed_since_asked(self, written: Written, own: str | None) -> bool:
        """All that an incomparable version can tell: whether the object is another than when this was first asked."""
        which = (key_of(written), written.resource_version)
        if which not in self._opaque:
            self._opaque[which] = own
            if len(self._opaque) > OPAQUE_REMEMBERED:
                self._opaque.popitem(last=False)
        return self._opaque[which] != own

    def add(self, written: Written, callback: Callable[[], None]) -> None:
        """Call `callback` once, as soon as `reached(written)`; at once if it is so already."""
        if self.reached(written):
            callback()
            return
        waiter = _Waiter(written, callback)
        self._by_key.setdefault(key_of(written), []).append(waiter)
        version = None if written.deleted else number(written.resource_version)
        if version is not None:
            self._serial += 1
            heapq.heappush(self._by_version, (version, self._serial, waiter))

    def changed(self, key: Request) -> None:
        """The store's object of that key is another, or gone."""
        if key in self._by_key:
            for waiter in [waiter for waiter in self._by_key[key] if self.reached(waiter.written)]:
                self._release(waiter)

    def advanced(self, resource_version: str) -> None:
        """The store reflects everything up to this version."""
        self._at = number(resource_version)
        while self._by_version and self._at is not None and self._by_version[0][0] <= self._at:
            self._release(heapq.heappop(self._by_version)[2])

    def _release(self, waiter: _Waiter) -> None:
        if waiter.done:
            return
        waiter.done = True
        key = key_of(waiter.written)
        rest = [other for other in self._by_key[key] if other is not waiter]
        if rest:
            self._by_key[key] = rest
        else:
            del self._by_key[key]
        waiter.callback()

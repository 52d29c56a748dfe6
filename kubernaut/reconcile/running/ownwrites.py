"""Read-your-writes: a key is not reconciled from a cache older than what its own reconciles wrote."""

from __future__ import annotations

from structlog.stdlib import BoundLogger

from kubernaut.client import Written
from kubernaut.reconcile.cache import Cache
from kubernaut.reconcile.informer import Informer
from kubernaut.reconcile.informer.waiting import number
from kubernaut.reconcile.queue import Queue
from kubernaut.reconcile.result import Request

OWN_WRITE_BOUND = 10.0
"""Seconds after which a key whose own write has not come back is looked at again."""

_Which = tuple[int, str, str | None, str]


class OwnWrites:
    """The writes of each key's reconciles that some informer has still to show."""

    def __init__(self, queue: Queue[Request], log: BoundLogger) -> None:
        self._queue = queue
        self._log = log
        # pending: by key and written object; an entry goes when the cache shows it, whether the key comes again or not.
        self._pending: dict[Request, dict[_Which, tuple[Cache, Written]]] = {}
        # held: the write a key waits for; present while a callback for it is registered.
        self._held: dict[Request, Written] = {}

    def observe(self, request: Request, cache: Cache, written: Written) -> None:
        """Note a write that a reconcile of `request` made in the cluster of `cache`."""
        if cache.watches(written):
            which = (id(cache), written.resource_type.group_resource, written.namespace, written.name)
            self._pending.setdefault(request, {})[which] = (cache, written)
            # When a version that cannot be compared is reached depends on when that is first asked: see `hold`.
            if written.deleted or number(written.resource_version) is not None:
                self._follow(request, which, cache, written)

    def hold(self, request: Request) -> bool:
        """Whether the cache is older than the key's own last writes; then the key comes back when it is not.

        When the bound is reached the key comes back too, and is asked about again: it never goes on with an old view.
        """
        pending = self._pending.get(request)
        if not pending:
            return False
        for which, (cache, written) in list(pending.items()):
            informer = cache.behind(written)
            if informer is None:
                self._drop(request, which, written)
                continue
            self._wait(request, written, informer)
            return True
        return False

    def forget(self, request: Request) -> None:
        """Wait for nothing of this key's: it is somebody else's now."""
        self._pending.pop(request, None)
        self._held.pop(request, None)

    def forget_cluster(self, cache: Cache) -> None:
        """Wait no longer for writes to a cluster that is gone."""
        for request, pending in list(self._pending.items()):
            for which, (other, written) in list(pending.items()):
                if other is cache:
                    self._drop(request, which, written)

    def _follow(self, request: Request, which: _Which, cache: Cache, written: Written) -> None:
        """Drop a write when all informers that may show it are as new, also those that do not know of it yet."""
        for informer in cache.informers:
            scoped = informer.scope.covers(written.resource_type, written.namespace)
            if scoped and not informer.absent and not informer.reached(written):
                informer.when_reached(written, lambda: self._follow(request, which, cache, written))
                return
        self._drop(request, which, written)

    def _drop(self, request: Request, which: _Which, written: Written) -> None:
        pending = self._pending.get(request)
        if pending is not None and which in pending and pending[which][1] is written:
            del pending[which]
            if not pending:
                del self._pending[request]

    def _wait(self, request: Request, written: Written, informer: Informer) -> None:
        priority = self._queue.priority_of(request)
        if self._held.get(request) == written:
            self._log.info(
                "still waiting for the key's own write",
                object=str(request),
                at=written.resource_version,
                informer=str(informer.scope),
            )
        else:
            self._held[request] = written
            informer.when_reached(written, lambda: self._release(request, written, priority))
        self._queue.add_after(request, OWN_WRITE_BOUND, priority=priority)

    def _release(self, request: Request, written: Written, priority: int) -> None:
        if self._held.get(request) == written:
            del self._held[request]
        self._queue.add(request, priority=priority)

"""One cluster of a running manager: its client, its cache, its informers and its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kubernaut.client import Client
from kubernaut.reconcile.cache import Cache
from kubernaut.reconcile.context import ClusterView
from kubernaut.reconcile.events import EventRecorder
from kubernaut.reconcile.informer import Informer
from kubernaut.reconcile.running.adoption import AdoptionGuard
from kubernaut.reconcile.running.applied import AppliedMemory
from kubernaut.reconcile.running.services import Service, Supervisor, stop_in_reverse

FLUSH_SECONDS = 5.0
"""What a cluster's events get to be written when it is left, or the manager stops, at most."""


class ClusterRun:
    """What is shared by all controllers that work in one cluster. `name` is "" for the manager's own."""

    def __init__(self, name: str, client: Client, cache: Cache, recorder: EventRecorder) -> None:
        self.name = name
        self.cache = cache
        self.recorder = recorder
        self.applied = AppliedMemory(cache)
        guarded = client.through(lambda transport: AdoptionGuard(transport, cache))
        self.client = guarded.remembering(self.applied)
        self._suffix = f" of cluster {name}" if name else ""
        self._events = Service("events" + self._suffix, recorder.run)
        self._informers: list[Service] = []

    def start(self, supervisor: Supervisor) -> None:
        """Start the event recorder and the informers that controllers have asked for by now; twice is harmless."""
        if self._events.started:
            return
        self._informers = [Service(f"informer {i.scope}{self._suffix}", i.run) for i in self.cache.informers]
        for service in (self._events, *self._informers):
            supervisor.start(service)

    async def flush(self) -> None:
        """Wait until every event recorded by now was written or dropped; the caller sets the bound."""
        if self._events.started and not self._events.done.is_set():
            await self.recorder.drained()

    async def stop(self) -> None:
        """End the informers, last the recorder; events that are not written are lost."""
        await stop_in_reverse([self._events, *self._informers])

    def label(self, informer: Informer) -> str:
        """An informer's name for people."""
        name = f"{self.name}: {informer.scope}" if self.name else str(informer.scope)
        return f"{name} ({informer.problem})" if informer.problem else name


class Views(Mapping[str, ClusterView]):
    """The clusters of a manager as one reconcile sees them, made when they are asked for."""

    def __init__(self, clusters: Mapping[str, ClusterRun], view: Callable[[ClusterRun], ClusterView]) -> None:
        self._clusters = clusters
        self._view = view

    def __getitem__(self, name: str) -> ClusterView:
        return self._view(self._clusters[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._clusters)

    def __len__(self) -> int:
        return len(self._clusters)

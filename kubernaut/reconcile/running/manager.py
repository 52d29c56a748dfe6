"""One run of a manager: everything that is made at its start and gone at its end."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import anyio
from anyio.abc import TaskGroup

from kubernaut.client import Client
from kubernaut.reconcile.cache import Cache
from kubernaut.reconcile.events import EventRecorder
from kubernaut.reconcile.informer import Informer
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.running.cluster import ClusterRun
from kubernaut.reconcile.running.controller import ControllerRun
from kubernaut.reconcile.running.leading import Leading
from kubernaut.reconcile.running.services import Service, Supervisor, stop_in_reverse
from kubernaut.reconcile.running.wiring import Wiring


class ManagerRun:
    """Starts caches, then other services, then controllers; stops in reverse, and releases the lease last of all."""

    def __init__(self, wiring: Wiring, group: TaskGroup) -> None:
        self._wiring = wiring
        self._log = logger("kubernaut.manager").bind(manager=wiring.name)
        self._supervisor = Supervisor(group, wiring.seed, self._log)
        self._clusters: dict[str, ClusterRun] = {}
        self._leading = Leading(wiring, self._supervisor)
        self._controllers = [
            ControllerRun(c, self._leading.gate(c), seed=wiring.seed, clock=wiring.clock) for c in wiring.controllers
        ]
        self._leading.controllers = [c for c in self._controllers if c.controller.leader_elected]
        for name, client in wiring.clusters.items():
            self._join(name, client)
        self._others = [Service(extra.name, extra.body) for extra in wiring.services if not extra.leader_elected]
        self._workers = [Service(f"controller {c.controller.name}", c.run) for c in self._controllers]

    @property
    def own(self) -> ClusterRun:
        """The manager's own cluster."""
        return self._clusters[""]

    def start(self) -> None:
        """Start everything, in order; nothing of it waits."""
        for cluster in self._clusters.values():
            cluster.start(self._supervisor)
        for service in (*self._others, *self._workers):
            self._supervisor.start(service)
        self._leading.start()

    def add_cluster(self, name: str, client: Client) -> None:
        """Join a cluster while running; its objects are reconciled as its lists come in."""
        self._join(name, client).start(self._supervisor)

    async def remove_cluster(self, name: str, grace: float) -> None:
        """Leave a cluster: reconciles in flight for it get `grace` seconds, then its informers end."""
        cluster = self._clusters.pop(name)
        with anyio.move_on_after(grace):
            for controller in self._controllers:
                await controller.leave(name)
        self._leading.forget_cluster(cluster)
        await cluster.stop()

    async def synced(self) -> None:
        """Wait until every informer has completed its first list."""
        for informer in list(self.informers()):
            await informer.synced.wait()

    def unsynced(self) -> list[str]:
        """What is being waited for: informers without a complete list, or whose kind the server does not serve."""
        return [line for cluster in self._clusters.values() for line in cluster.unsynced()]

    def informers(self) -> Iterator[Informer]:
        """Of all clusters."""
        for cluster in self._clusters.values():
            yield from cluster.cache.informers

    async def stop(self, grace: float) -> bool:
        """Let reconciles in flight finish for `grace` seconds, then end every task, one by one, in reverse order.

        False if reconciles had to be cut off.
        """
        for controller in reversed(self._controllers):
            controller.stop()
        with anyio.move_on_after(grace) as waiting:
            for service in reversed(self._workers):
                await service.done.wait()
        if waiting.cancelled_caught:
            self._log.warning("reconciles were cut off at the stop", after=grace)
        await stop_in_reverse(self._workers)
        await self._leading.stop_services()
        await stop_in_reverse(self._others)
        for cluster in reversed(list(self._clusters.values())):
            await cluster.stop()
        await self._leading.release()
        return not waiting.cancelled_caught

    def _join(self, name: str, client: Client) -> ClusterRun:
        wiring, seed = self._wiring, f"{self._wiring.seed}/{name}" if name else self._wiring.seed
        cache = Cache(client, seed=seed)
        recorder = EventRecorder(client, controller=wiring.name, random=Random(f"{seed}/events"), clock=wiring.clock)
        cluster = self._clusters[name] = ClusterRun(name, client, cache, recorder)
        for controller in self._controllers:
            controller.join(cluster)
        return cluster

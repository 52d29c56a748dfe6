"""One run of a manager: everything that is made at its start and gone at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from random import Random

import anyio
from anyio.abc import TaskGroup

from kubernaut.client import Client
from kubernaut.reconcile.cache import Cache
from kubernaut.reconcile.controller import Controller
from kubernaut.reconcile.events import EventRecorder
from kubernaut.reconcile.informer import Informer
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.running.cluster import FLUSH_SECONDS, ClusterRun
from kubernaut.reconcile.running.controller import ControllerRun
from kubernaut.reconcile.running.leading import Leading
from kubernaut.reconcile.running.readiness import is_blind, is_waiting, shown
from kubernaut.reconcile.running.servers import Servers
from kubernaut.reconcile.running.services import Service, Supervisor, stop_in_reverse
from kubernaut.reconcile.running.wiring import Wiring
from kubernaut.resources.builtin.coordination_v1 import Lease


class ManagerRun:
    """Starts caches, then other services, then controllers; stops in reverse, and releases the lease last of all."""

    def __init__(self, wiring: Wiring, group: TaskGroup) -> None:
        self._wiring = wiring
        self._log = logger("kubernaut.manager").bind(manager=wiring.name)
        self._supervisor = Supervisor(group, wiring.seed, self._log)
        self._clusters: dict[str, ClusterRun] = {}
        self._untrack: list[Callable[[], None]] = []
        # leaving: clusters that were removed while reconciles for them are in flight.
        self._leaving: dict[ClusterRun, None] = {}
        self._stopping = False
        self._untrack_cluster: dict[ClusterRun, Callable[[], None]] = {}
        self._probes = ExitStack()
        self._leading = Leading(wiring, self._supervisor, self._report_leadership)
        self._controllers = [self._controller(controller) for controller in wiring.controllers]
        self._leading.controllers = [c for c in self._controllers if c.controller.leader_elected]
        for name, client in wiring.clusters.items():
            self._join(name, client)
        self._servers = Servers(wiring, self._supervisor, self.own.client)
        self._others = [Service("loop lag", wiring.metrics.measure_loop_lag)]
        self._others += [Service(extra.name, extra.body) for extra in wiring.services if not extra.leader_elected]
        self._workers = [Service(f"controller {c.controller.name}", c.run) for c in self._controllers]
        self._untrack.append(wiring.metrics.events_dropped(self._events_dropped))

    @property
    def own(self) -> ClusterRun:
        """The manager's own cluster."""
        return self._clusters[""]

    async def start(self) -> None:
        """Start everything, in order; waits for the servers to listen, and for nothing else."""
        readyz, own, others = self._wiring.readyz, self._own_blind, self._others_blind
        self._probes.enter_context(shown(readyz, own, others, self.absent, self._leading.status))
        await self._servers.start()
        for cluster in self._clusters.values():
            cluster.start(self._supervisor)
        for service in (*self._others, *self._workers):
            self._supervisor.start(service)
        self._leading.start()

    def add_cluster(self, name: str, client: Client) -> None:
        """Join a cluster while running; its objects are reconciled as its lists come in. Nothing during a stop."""
        if not self._stopping:
            self._join(name, client).start(self._supervisor)

    async def remove_cluster(self, name: str, grace: float) -> None:
        """Leave a cluster: reconciles in flight for it get `grace` seconds and are then cut off, its informers end.

        A cancelled call cuts them off at once.
        """
        cluster = self._clusters.pop(name, None)
        if cluster is None:  # added during the stop
            return
        self._leaving[cluster] = None
        self._untrack_cluster.pop(cluster)()
        for controller in self._controllers:
            controller.leave(cluster)
        try:
            with anyio.move_on_after(grace):
                await self._left(cluster)
            self._cut(cluster, grace)
            with anyio.move_on_after(FLUSH_SECONDS):
                await self._left(cluster)
                await cluster.flush()
        finally:
            self._cut(cluster, grace)
            for controller in self._controllers:
                controller.forget_cluster(cluster)
            self._leading.forget_cluster(cluster)
            with anyio.CancelScope(shield=True):
                await cluster.stop()
            self._leaving.pop(cluster, None)

    async def synced(self) -> None:
        """Wait until every informer that is not optional has completed its first list."""
        for _, informer in list(self._informers(optional=False)):
            await informer.synced.wait()

    def unsynced(self) -> list[str]:
        """What is being waited for: informers without a complete list, or whose kind the server does not serve."""
        return self._required(lambda cluster, informer: is_waiting(informer))

    def absent(self) -> list[str]:
        """Optional kinds that the server does not serve."""
        return list(dict.fromkeys(c.label(i) for c, i in self._informers(optional=True) if i.absent))

    def url(self, endpoint: str) -> str:
        """The root of what is served for an endpoint."""
        return self._servers.url(endpoint)

    def _own_blind(self) -> list[str]:
        return self._required(lambda cluster, informer: cluster is self.own and is_blind(informer))

    def _others_blind(self) -> list[str]:
        return self._required(lambda cluster, informer: cluster is not self.own and is_blind(informer))

    def _required(self, that: Callable[[ClusterRun, Informer], bool]) -> list[str]:
        found = self._informers(optional=False)
        return list(dict.fromkeys(c.label(i) for c, i in found if that(c, i)))

    def _informers(self, *, optional: bool) -> Iterator[tuple[ClusterRun, Informer]]:
        for cluster in self._clusters.values():
            for controller in self._controllers:
                for informer in controller.informers(cluster.name, optional=optional):
                    yield cluster, informer

    async def stop(self, grace: float) -> bool:
        """Let reconciles in flight finish for `grace` seconds, then end every task, one by one, in reverse order.

        False if reconciles had to be cut off.
        """
        self._stopping = True
        self._leading.stopping()
        ends = anyio.current_time() + grace
        for controller in reversed(self._controllers):
            controller.stop()
        with anyio.move_on_after(grace):
            for service in reversed(self._workers):
                await service.ended()
        cut_off = any(controller.busy for controller in self._controllers)
        if cut_off:
            self._log.warning("reconciles were cut off at the stop", after=grace)
        await stop_in_reverse(self._workers)
        await self._leading.stop_services()
        await stop_in_reverse(self._others)
        # The lease is held until all has ended: what events are left must not cost the next leader more than this.
        await self._end_clusters(min(FLUSH_SECONDS, max(0.0, ends - anyio.current_time())))
        await self._servers.stop()
        self._probes.close()
        for end in (*self._untrack, *self._untrack_cluster.values()):
            end()
        await self._leading.release()
        return not cut_off

    async def _end_clusters(self, seconds: float) -> None:
        """Write the events that are left, to all clusters together within `seconds`, and end the informers."""
        clusters = [*self._clusters.values(), *self._leaving]
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as group:
                for cluster in clusters:
                    group.start_soon(cluster.flush)
        for cluster in reversed(clusters):
            await cluster.stop()

    async def _left(self, cluster: ClusterRun) -> None:
        for controller in self._controllers:
            await controller.left(cluster)

    def _cut(self, cluster: ClusterRun, grace: float) -> None:
        for controller in self._controllers:
            for request in controller.cut(cluster):
                self._log.warning(
                    "a reconcile was cut off: its cluster was removed",
                    controller=controller.controller.name,
                    object=str(request),
                    after=grace,
                )

    def _controller(self, controller: Controller) -> ControllerRun:
        wiring = self._wiring
        figures = wiring.metrics.controller(controller.name, controller.max_concurrent)
        gate = self._leading.gate(controller)
        run = ControllerRun(controller, gate, figures, seed=wiring.seed, clock=wiring.clock)
        self._untrack.append(wiring.metrics.track_queue(controller.name, run.queue))
        return run

    def _join(self, name: str, client: Client) -> ClusterRun:
        wiring, seed = self._wiring, f"{self._wiring.seed}/{name}" if name else self._wiring.seed
        client = wiring.metered(client, name)
        cache = Cache(client, seed=seed, options=wiring.cache)
        recorder = EventRecorder(client, controller=wiring.name, random=Random(f"{seed}/events"), clock=wiring.clock)
        cluster = self._clusters[name] = ClusterRun(name, client, cache, recorder)
        self._untrack_cluster[cluster] = wiring.metrics.track_informers(name, lambda: cache.informers)
        for controller in self._controllers:
            controller.join(cluster)
        return cluster

    def _report_leadership(self, lease: Lease, text: str) -> None:
        self.own.recorder.event(lease, "LeaderElection", text, action="LeaderElection")

    def _events_dropped(self) -> int:
        return sum(cluster.recorder.dropped for cluster in self._clusters.values())

"""What leadership means for a running manager: who may start, what is replayed, what ends with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from kubernaut.reconcile.controller import Controller
from kubernaut.reconcile.election import Ownership, Share, contend
from kubernaut.reconcile.running.cluster import ClusterRun
from kubernaut.reconcile.running.controller import ControllerRun
from kubernaut.reconcile.running.gate import Gate, LeaderGate, OpenGate
from kubernaut.reconcile.running.services import Service, Supervisor, stop_in_reverse
from kubernaut.reconcile.running.wiring import Wiring
from kubernaut.resources.builtin.coordination_v1 import Lease


class Leading:
    """One manager's part in the election, if there is one; without, everything starts at once."""

    def __init__(self, wiring: Wiring, supervisor: Supervisor, report: Callable[[Lease, str], None]) -> None:
        self.controllers: Sequence[ControllerRun] = ()
        self._supervisor = supervisor
        self._metrics = wiring.metrics
        self._extras = [extra for extra in wiring.services if extra.leader_elected]
        self._services: list[Service] = []
        # held: the leases of this process, from when their share is gained until it was handed over.
        self._held: dict[str, None] = {}
        self._stopping = False
        self._ownership: Ownership | None = None
        self._gate: LeaderGate | None = None
        self._election: Service | None = None
        if wiring.election is not None:
            random = Random(f"{wiring.seed}/election")
            client, clock = wiring.metered(wiring.clusters[""]), wiring.clock
            ownership = contend(client, wiring.election, random=random, clock=clock, report=report)
            ownership.subscribe(self._gained, self._leaving)
            self._ownership, self._gate = ownership, LeaderGate(ownership)
            self._show()
            # An election is contended in once: whatever ends it ends the manager.
            self._election = Service("leader election", ownership.run, fatal=(Exception,))

    def gate(self, controller: Controller) -> Gate:
        """Who may work on the controller's keys."""
        return self._gate if self._gate is not None and controller.leader_elected else OpenGate()

    def status(self) -> Mapping[str, bool]:
        """By lease: whether this process holds it."""
        return self._ownership.status() if self._ownership is not None else {}

    def start(self) -> None:
        """Contend; or start what waits for leadership, where nobody contends for it."""
        if self._election is not None:
            self._supervisor.start(self._election)
        else:
            self._start_services()

    def stopping(self) -> None:
        """The manager's stop begins: contend no longer where nothing is held, and start nothing with what comes yet.

        What is held stays so until `release`, for the reconciles in flight.
        """
        self._stopping = True
        if self._election is not None and not self._held:
            self._election.scope.cancel()

    async def stop_services(self) -> None:
        """End the services that run on the leader only."""
        services, self._services = self._services, []
        await stop_in_reverse(services)

    async def release(self) -> None:
        """Stop contending, and release what is held."""
        if self._election is not None:
            await self._election.stop()
            for lease in self.status():
                self._metrics.leader(lease, False)

    def forget_cluster(self, cluster: ClusterRun) -> None:
        """Keep nothing of a cluster that is gone."""
        if self._gate is not None:
            self._gate.forget_cluster(cluster)

    def _gained(self, share: Share) -> None:
        self._show()
        self._held[share.lease] = None
        if self._stopping:
            return
        for controller in self.controllers:
            # The handlers passed by what was another's; what the informers have by now is told to them again.
            self._supervisor.start(Service(f"replay {share.lease} to {controller.controller.name}", controller.replay))
        if share.contains(None):
            self._start_services()

    async def _leaving(self, share: Share) -> None:
        if share.contains(None):
            await self.stop_services()
        for controller in self.controllers:
            await controller.drained(share.contains)
        self._held.pop(share.lease, None)
        self._metrics.leader(share.lease, False)

    def _show(self) -> None:
        for lease, leading in self.status().items():
            self._metrics.leader(lease, leading)

    def _start_services(self) -> None:
        self._services = [Service(extra.name, extra.body) for extra in self._extras]
        for service in self._services:
            self._supervisor.start(service)

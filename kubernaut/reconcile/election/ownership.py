"""What a manager drives: which keys this replica may work on, and until when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Protocol

from kubernaut.client import Client
from kubernaut.reconcile.election.config import LeaderElection, default_namespace
from kubernaut.reconcile.election.elector import Elector, Report
from kubernaut.reconcile.election.errors import LeadershipLost
from kubernaut.reconcile.election.fence import Fence
from kubernaut.reconcile.election.lock import LeaseLock
from kubernaut.reconcile.election.shares import Share
from kubernaut.reconcile.election.transport import BoundedTransport
from kubernaut.reconcile.result import Request
from kubernaut.timing import Clock

__all__ = ["OnGained", "OnLeaving", "Ownership", "SingleOwnership"]

OnGained = Callable[[Share], None]
OnLeaving = Callable[[Share], Awaitable[None]]


class Ownership(Protocol):
    """One replica's part in an election, for one run of a manager."""

    @property
    def identity(self) -> str:
        """The name under which this replica holds leases."""
        ...

    @property
    def write_timeout(self) -> float:
        """The `timeout` of FencedTransport, in seconds."""
        ...

    async def run(self) -> None:
        """Contend until cancelled; once per object.

        Cancellation releases what is held (shielded, at most the renew deadline, in seconds): stop all work on it
        before. Raises LeadershipLost when a lease is lost: no write passes its fence any more, and all work must stop
        at once; that lease is left to run out, for what was sent last may still be under way.
        """
        ...

    def holds(self, request: Request | None) -> bool:
        """Whether work on the key may begin now. None stands for work without a key: one replica has it."""
        ...

    def fence(self, request: Request | None) -> Fence:
        """The fence for writes that follow from the key: the same object for all keys of a share, during the run."""
        ...

    def shares(self) -> tuple[Share, ...]:
        """The shares in which work may begin now."""
        ...

    def subscribe(self, on_gained: OnGained, on_leaving: OnLeaving) -> None:
        """Tell `on_gained` of each share from when it is held, and await `on_leaving` before one is handed over.

        During `on_leaving`, `holds` is False for the share's keys and its fence is still open: let what is being worked
        on end. Neither is called when the run ends.
        """
        ...

    def status(self) -> Mapping[str, bool]:
        """The name of each lease, and whether it is held: for `leader_election_master_status`."""
        ...


class SingleOwnership:
    """All keys are covered by one lease: one replica leads, the others wait. Implements Ownership."""

    def __init__(
        self,
        client: Client,
        config: LeaderElection,
        identity: str,
        random: Random,
        *,
        clock: Clock | None = None,
        report: Report | None = None,
    ) -> None:
        self.identity = identity
        self.write_timeout = config.write_timeout
        self._release_on_stop = config.release_on_stop
        self._share = Share(config.name)
        bounded = client.through(lambda inner: BoundedTransport(inner, config.request_timeout))
        lock = LeaseLock(
            bounded, config.namespace or client.namespace or default_namespace(), config.name, config.labels
        )
        self._elector = Elector(lock, config, identity, random, clock=clock, report=report)
        self._on_gained: list[OnGained] = []

    async def run(self) -> None:
        """See Ownership.run."""
        lost = False
        try:
            await self._elector.acquire()
            for gained in self._on_gained:
                gained(self._share)
            await self._elector.renew()
        except LeadershipLost:
            lost = True
            raise
        finally:
            self._elector.stopped()
            if self._release_on_stop and not lost:
                await self._elector.release()
            elif not lost:
                self._elector.fence.close()

    def holds(self, request: Request | None) -> bool:
        """See Ownership.holds."""
        return self._elector.fence.open

    def fence(self, request: Request | None) -> Fence:
        """See Ownership.fence."""
        return self._elector.fence

    def shares(self) -> tuple[Share, ...]:
        """See Ownership.shares."""
        return (self._share,) if self._elector.fence.open else ()

    def subscribe(self, on_gained: OnGained, on_leaving: OnLeaving) -> None:
        """See Ownership.subscribe; with one lease, nothing is ever handed over during a run."""
        self._on_gained.append(on_gained)

    def status(self) -> Mapping[str, bool]:
        """See Ownership.status."""
        return {self._share.lease: self._elector.fence.open}

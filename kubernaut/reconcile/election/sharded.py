"""Shares the keys among the replicas: one lease for each share, and hand-over without overlap.

Every share has a lease, `<name>-<index>`, under the very rules of a single leader's: it alone says whose the share is,
so no view of who the members are can make two replicas hold one. Members only decide who *asks*: each replica keeps a
member lease, lists all leases of the election once a retry period (one request), and computes from the members alive
how many shares are its own. Below that it takes what is free; above it, it hands over.

Handing over: no new work begins on the share's keys, `on_leaving` waits for what is under way while the lease is still
renewed, then the fence closes, and only then the lease is released.

A share's lease that is lost, to time or to another holder, ends the whole run, as a single one does. To go on with the
other shares would mean to end at once, in one process, everything that was begun for some keys and nothing else, which
no runtime can do for code that it did not write; and what makes one renewal fail (no network, a blocked loop) seldom
spares the others.

All replicas must be given the same number of shares, for it decides which key belongs where. Replicas of another number
wait until those that were there before are gone, so a change of `shards` may be rolled out. A change between 1 and more
may not: shares wait for a single leader, but a single leader does not look for shares. Stop all replicas for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import NoReturn

import anyio
from anyio.abc import TaskGroup

from kubernaut.client import Client
from kubernaut.reconcile.election.config import (
    ELECTION_LABEL,
    JITTER_FACTOR,
    LeaderElection,
    default_namespace,
)
from kubernaut.reconcile.election.division import Division
from kubernaut.reconcile.election.elector import FAILURES, Elector, Report
from kubernaut.reconcile.election.errors import LeadershipLost
from kubernaut.reconcile.election.fence import Fence
from kubernaut.reconcile.election.lock import LeaseLock
from kubernaut.reconcile.election.members import Membership, fair_share
from kubernaut.reconcile.election.ownership import OnGained, OnLeaving
from kubernaut.reconcile.election.shares import Share, share_of
from kubernaut.reconcile.election.transport import BoundedTransport
from kubernaut.reconcile.groups import leaves
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.result import Request
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.timing import Clock

__all__ = ["ShardedOwnership"]


class _Part:
    """One share as this replica sees it."""

    def __init__(self, share: Share, elector: Elector) -> None:
        self.share = share
        self.elector = elector
        self.leaving = False
        self.renewing: anyio.CancelScope | None = None
        """Renews the lease; None while this replica does not hold it."""
        self.renewed = anyio.Event()
        """Set when no renewal is under way any more."""

    @property
    def ours(self) -> bool:
        """Whether work on the share may begin."""
        return self.renewing is not None and not self.leaving and self.elector.fence.open


class ShardedOwnership:
    """The keys are divided into shares with a lease each, and those fairly among the replicas. Implements Ownership."""

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
        self._config = config
        self._random = random
        self._namespace = config.namespace or client.namespace or default_namespace()
        self._client = client.through(lambda inner: BoundedTransport(inner, config.request_timeout))
        self._members = Membership(self._client, self._namespace, config, identity, random, clock)
        self._division = Division(config, self._members, identity)
        self._labels = config.labels
        self._on_gained: list[OnGained] = []
        self._on_leaving: list[OnLeaving] = []
        self._log = logger("kubernaut.election").bind(election=config.name, identity=identity)
        self._parts: list[_Part] = []
        for index in range(config.shards):
            lock = LeaseLock(self._client, self._namespace, f"{config.name}-{index}", self._labels)
            elector = Elector(lock, config, identity, random, clock=clock, report=report)
            self._parts.append(_Part(Share(lock.name, index, config.shards), elector))

    # Ownership.

    async def run(self) -> None:
        """See Ownership.run."""
        try:
            async with anyio.create_task_group() as group:
                await self._members.join()
                group.start_soon(self._members.stay)
                await self._share(group)
        except BaseExceptionGroup as errors:
            lost, _ = errors.split(LeadershipLost)
            if lost is not None:
                self._abandon()
                raise next(leaves(lost)) from None
            await self._stop()
            raise next(leaves(errors)) from None
        except BaseException:
            await self._stop()
            raise

    def holds(self, request: Request | None) -> bool:
        """See Ownership.holds."""
        return self._part(request).ours

    def fence(self, request: Request | None) -> Fence:
        """See Ownership.fence."""
        return self._part(request).elector.fence

    def shares(self) -> tuple[Share, ...]:
        """See Ownership.shares."""
        return tuple(part.share for part in self._parts if part.ours)

    def subscribe(self, on_gained: OnGained, on_leaving: OnLeaving) -> None:
        """See Ownership.subscribe."""
        self._on_gained.append(on_gained)
        self._on_leaving.append(on_leaving)

    def status(self) -> Mapping[str, bool]:
        """See Ownership.status."""
        return {part.share.lease: part.elector.fence.open for part in self._parts}

    def _part(self, request: Request | None) -> _Part:
        return self._parts[share_of(request, self._config.shards)]

    # Taking and handing over.

    async def _share(self, group: TaskGroup) -> NoReturn:
        while True:
            try:
                found = await self._client.list(
                    Lease, namespace=self._namespace, labels={ELECTION_LABEL: self._labels[ELECTION_LABEL]}
                )
                leases = list(found)
            except FAILURES as error:
                self._log.warning("the leases of the election were not listed", error=str(error))
            else:
                await self._round(group, leases)
            await anyio.sleep(self._pause())

    async def _round(self, group: TaskGroup, leases: Sequence[Lease]) -> None:
        """Compare what is held with what is fair, and act on the difference."""
        by_name = {lease.name: lease for lease in leases}
        for part in self._parts:
            # How long a lease stands still is watched also while none may be taken. A list may be older than a renewal.
            if part.renewing is None and part.share.lease in by_name:
                part.elector.observe(by_name[part.share.lease])
        members = [lease for lease in self._members.observe(leases) if self._division.same(lease)]
        ranked = [lease.spec.holder_identity or "" for lease in members]
        fair = fair_share(len(self._parts), ranked, self.identity)
        staying = [part for part in self._parts if part.renewing is not None and not part.leaving]
        for part in staying[fair:]:
            part.leaving = True
            group.start_soon(self._hand_over, part)
        if await self._division.may_take(leases, holding=bool(self.shares())):
            await self._take(group, leases, fair - len(staying))
        await self._members.sweep(leases)

    async def _take(self, group: TaskGroup, leases: Sequence[Lease], wanted: int) -> None:
        listed = [lease.name for lease in leases]
        for part in self._parts:
            if part.renewing is not None:
                continue
            if wanted > 0 and self._members.valid:
                # A lease that is not listed may exist, without the labels: only reading it tells.
                known = part.share.lease in listed
                taken = await (part.elector.take() if known else part.elector.attempt())
                if taken:
                    wanted -= 1
                    await group.start(self._hold, part)
            elif part.elector.record.holder == self.identity:
                await part.elector.release()  # written by an attempt whose answer never came

    async def _hold(self, part: _Part, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        part.renewed = anyio.Event()
        try:
            with anyio.CancelScope() as part.renewing:
                for gained in self._on_gained:
                    gained(part.share)
                task_status.started()
                await part.elector.renew()
        finally:
            part.renewed.set()

    async def _hand_over(self, part: _Part) -> None:
        self._log.info("handing over", lease=part.share.lease)
        for leaving in self._on_leaving:
            await leaving(part.share)
        assert part.renewing is not None
        part.renewing.cancel()
        # A renewal that was answered in this very step would open the fence again.
        await part.renewed.wait()
        if not part.elector.fence.open:
            return  # lost meanwhile, as its renewal has raised
        part.elector.stopped()
        await part.elector.release()
        part.renewing, part.leaving = None, False

    def _abandon(self) -> None:
        """Let no write pass any more, and leave every lease to run out: what was sent last may still be under way."""
        for part in self._parts:
            part.elector.fence.lose("another lease of this replica was lost")
            part.elector.stopped()

    async def _stop(self) -> None:
        """Give everything up, shielded."""
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as group:
                for part in self._parts:
                    part.elector.stopped()
                    if self._config.release_on_stop:
                        group.start_soon(part.elector.release)
                    else:
                        part.elector.fence.close()
                group.start_soon(self._members.leave)

    def _pause(self) -> float:
        """Seconds until the next round: jittered, but not past the moment at which a lease runs out."""
        jittered = self._config.retry_period.total_seconds() * (1 + JITTER_FACTOR * self._random.random())
        ends = [part.elector.record.left for part in self._parts if part.renewing is None]
        ends += self._members.left.values()
        return min([jittered, *(left for left in ends if left > 0)])

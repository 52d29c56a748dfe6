"""Who takes part in a sharded election: one lease for each replica, kept alive by it and swept when it dies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random

import anyio

from kubernaut.client import AlreadyExists, Client, Conflict, NotFound
from kubernaut.reconcile.election.config import LeaderElection, digest
from kubernaut.reconcile.election.elector import FAILURES
from kubernaut.reconcile.election.lock import LeaseLock
from kubernaut.reconcile.election.observed import ObservedRecord
from kubernaut.reconcile.log import logger
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec
from kubernaut.timing import Clock, current_clock

__all__ = ["Membership", "created", "fair_share"]


def fair_share(shards: int, members: Sequence[str], identity: str) -> int:
    """How many of the shards are `identity`'s: the members' shares differ by one at most, the first have more.

    A member that is not listed (its lease is not there yet) counts as the last.
    """
    ranked = [*members] if identity in members else [*members, identity]
    each, more = divmod(shards, len(ranked))
    return each + (ranked.index(identity) < more)


class Membership:
    """This replica's member lease, `<name>-member-<hash of its identity>`, and what it knows of the others'.

    A member is alive until its lease has not changed for its duration, by this process's own clock. Members are ranked
    by when their lease was created, so that a new one takes from others the least there is to take.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        config: LeaderElection,
        identity: str,
        random: Random,
        clock: Clock | None,
    ) -> None:
        self._prefix = f"{config.name}-member-"
        self.name = self._prefix + digest(identity)
        self._client = client
        self._namespace = namespace
        self._identity = identity
        self._random = random
        self._away = False
        self._valid_until = 0.0
        self._clock = clock
        self._lock = LeaseLock(client, namespace, self.name, config.labels)
        self._lease_seconds = int(config.lease_duration.total_seconds())
        self._renew_seconds = config.renew_deadline.total_seconds()
        self._retry_seconds = config.retry_period.total_seconds()
        self._own = ObservedRecord(self._lease_seconds)
        self._others: dict[str, ObservedRecord] = {}
        self._log = logger("kubernaut.election").bind(lease=str(self._lock), identity=identity)

    async def join(self) -> None:
        """Return once this replica's lease is there: others then leave it its share."""
        while True:
            if await self._beat():
                return
            await anyio.sleep(self._retry_seconds)

    async def stay(self) -> None:
        """Renew this replica's lease for ever. Failures are no harm beyond losing the share that is not held yet."""
        while True:
            await anyio.sleep(self._retry_seconds)
            if not self._away:
                await self._beat()

    async def join_again(self) -> None:
        """Join anew, up to two retry periods later: as the youngest."""
        self._away = True
        await self.leave()
        await anyio.sleep(2 * self._retry_seconds * self._random.random())
        self._away = False
        await self.join()

    async def leave(self) -> None:
        """Delete this replica's lease; raises nothing but cancellation."""
        try:
            await self._client.delete(Lease, self.name, namespace=self._namespace)
        except NotFound:
            return
        except FAILURES as error:
            self._log.warning("the member lease was not deleted: it runs out by itself", error=str(error))

    def of(self, lease: Lease) -> bool:
        """Whether the lease is a member's."""
        return lease.name.startswith(self._prefix)

    def observe(self, leases: Sequence[Lease]) -> list[Lease]:
        """The leases of the members alive, by rank, as of the listed leases."""
        members = {lease.name: lease for lease in leases if self.of(lease)}
        self._others = {name: self._others.get(name) or ObservedRecord(self._lease_seconds) for name in members}
        for name, lease in members.items():
            self._others[name].see(lease.spec)
        alive = [lease for name, lease in members.items() if self._others[name].left]
        return sorted(alive, key=lambda lease: (created(lease), lease.name))

    @property
    def valid(self) -> bool:
        """Whether nobody can believe this member dead yet: it may act as one."""
        return _now() < self._valid_until

    @property
    def left(self) -> Mapping[str, float]:
        """Seconds until each member's lease, by name, runs out."""
        return {name: record.left for name, record in self._others.items()}

    async def sweep(self, leases: Sequence[Lease]) -> None:
        """Delete the leases of members that died; what was renewed meanwhile stays. Raises nothing but cancellation."""
        for lease in leases:
            record = self._others.get(lease.name)
            if record is None or record.left or lease.name == self.name:
                continue
            uid, version = lease.uid, lease.metadata.resource_version
            try:
                await self._client.delete(
                    Lease, lease.name, namespace=self._namespace, uid=uid, resource_version=version
                )
                self._log.info("swept the lease of a member that died", member=lease.spec.holder_identity)
            except (NotFound, Conflict):
                continue
            except FAILURES as error:
                self._log.warning("the lease of a dead member was not swept", swept=lease.name, error=str(error))

    async def _beat(self) -> bool:
        """Renew or create this replica's lease; whether that worked."""
        try:
            if self._lock.lease and not self.valid:
                # Others may have counted this member as dead, and acted on it: come back as the youngest.
                await self.leave()
                self._lock.lease = None
            try:
                await self._write(self._lock.update if self._lock.lease else self._lock.create)
            except (NotFound, Conflict, AlreadyExists):
                await self._beat_afresh()
        except FAILURES as error:
            self._log.warning("the member lease was not renewed", error=str(error))
            return False
        return True

    async def _beat_afresh(self) -> None:
        """Swept, or changed by another hand: what is there now decides."""
        try:
            self._own.see(await self._lock.get())
        except NotFound:
            await self._write(self._lock.create)
        else:
            await self._write(self._lock.update)

    async def _write(self, write: Callable[[LeaseSpec], Awaitable[LeaseSpec]]) -> None:
        now, sent = (self._clock or current_clock()).now(), _now()
        spec = LeaseSpec(
            holder_identity=self._identity,
            lease_duration_seconds=self._lease_seconds,
            renew_time=self._own.renewal(now, self._identity),
        )
        self._own.see(await write(spec))
        self._valid_until = sent + self._renew_seconds


def created(lease: Lease) -> float:
    """When the server stored the lease first, in whole seconds."""
    moment = lease.metadata.creation_timestamp
    return moment.timestamp() if moment else 0.0


def _now() -> float:
    return asyncio.get_running_loop().time()

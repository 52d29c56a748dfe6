"""One contender for one lease: acquire, renew, release (client-go's tools/leaderelection)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random
from typing import NoReturn

import anyio
import msgspec

from kubernaut.client import AlreadyExists, ClientError, Conflict, NotFound
from kubernaut.reconcile.election.config import JITTER_FACTOR, LeaderElection
from kubernaut.reconcile.election.errors import LeadershipLost
from kubernaut.reconcile.election.fence import LeaseFence
from kubernaut.reconcile.election.lock import LeaseLock
from kubernaut.reconcile.election.observed import ObservedRecord
from kubernaut.reconcile.log import logger
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec
from kubernaut.timing import Clock, current_clock

__all__ = ["Elector"]

FAILURES = (ClientError, ValueError, msgspec.MsgspecError)
"""What a request about a lease may raise: no answer, an error, or an answer that makes no sense."""
RELEASED_DURATION = 1
RENEWALS = 256
"""How many of its own renewals a contender remembers: more than it can send before its deadline."""
RELEASE_PAUSE = 0.25
"""Seconds between two attempts to give a lease up."""

Report = Callable[[Lease, str], None]


class Elector:
    """Contends for one lease under one identity. For one run: acquire, then renew until lost or released.

    Where it is stricter than client-go: a leader that sees another holder, or none, has lost at once instead of at its
    deadline; a lease that vanishes while its holder may still act (deleted by hand) is created again by that holder,
    by others only when its time is over; one of two processes under one identity, which a mistake in the configuration
    makes, stops instead of leading beside the other.

    `report(lease, text)` is told of each change of leadership by this contender, for an Event.
    """

    def __init__(
        self,
        lock: LeaseLock,
        config: LeaderElection,
        identity: str,
        random: Random,
        *,
        clock: Clock | None = None,
        report: Report | None = None,
    ) -> None:
        self.fence = LeaseFence(lock.name)
        self.identity = identity
        self.record = ObservedRecord(config.lease_duration.total_seconds())
        self._lock = lock
        self._clock = clock
        self._random = random
        self._report = report
        self._log = logger("kubernaut.election").bind(lease=str(lock), identity=identity)
        self._lease_seconds = config.lease_duration.total_seconds()
        self._renew_seconds = config.renew_deadline.total_seconds()
        self._retry_seconds = config.retry_period.total_seconds()
        self._may_hold = False
        self._reported = False
        self._renewals: deque[datetime] = deque(maxlen=RENEWALS)

    async def acquire(self) -> None:
        """Return when this contender leads. Cancellation may leave the lease held: `release` finds out."""
        self._log.info("contending for the lease")
        while True:
            if await self.attempt():
                return
            await anyio.sleep(self.pause())

    def pause(self) -> float:
        """Seconds until the next attempt to acquire: jittered, but not past the moment the lease runs out."""
        jittered = self._retry_seconds * (1 + JITTER_FACTOR * self._random.random())
        left = self.record.left
        return min(jittered, left) if left > 0 else jittered

    async def renew(self) -> NoReturn:
        """Renew until the lease is lost; raises LeadershipLost."""
        while True:
            await anyio.sleep(self._retry_seconds)
            self._check()
            deadline = self.fence.deadline
            assert deadline is not None
            with anyio.CancelScope(deadline=deadline) as limit:
                while not await self.attempt():
                    self._check()
                    await anyio.sleep(self._retry_seconds)
            if limit.cancelled_caught:
                self.fence.lose("it was not renewed before the renew deadline")
            self._check()

    async def attempt(self) -> bool:
        """Acquire or renew once; whether this contender leads now. Raises nothing but cancellation.

        Two requests at most, three for a leader whose renewal fails.
        """
        if self.fence.open and await self._written(self._lock.update, "renew"):
            return True
        try:
            self.record.see(await self._lock.get())
        except NotFound:
            return await self._attempt_absent()
        except FAILURES as error:
            self._failed("read", error)
            return False
        return await self.take()

    def observe(self, lease: Lease) -> None:
        """Take note of the lease, which the server gave just now in answer to another request."""
        self._lock.lease = lease
        self.record.see(lease.spec)

    async def take(self) -> bool:
        """Acquire or renew what was just observed, unless it is another's."""
        holder = self.record.holder
        if self.fence.open and holder != self.identity:
            self.fence.lose(f"{holder or 'nobody'} holds it")
            return False
        if self.fence.open and not self._wrote(self.record.spec):
            self.fence.lose(f"another process contends as {self.identity!r}: give each its own identity")
            return False
        if holder != self.identity and self.record.left:
            return False
        return await self._written(self._lock.update, "acquire")

    async def release(self) -> bool:
        """Give the lease up if it is ours; False when that did not work, and it will run out by itself.

        The fence closes first. Shielded from cancellation; takes at most the renew deadline.
        """
        self.fence.close()
        if not self._may_hold:
            return True
        released = False
        with anyio.move_on_after(self._renew_seconds, shield=True):
            while True:
                if released := await self._release_once():
                    break
                await anyio.sleep(RELEASE_PAUSE)
        self._may_hold = not released
        if not released:
            self._log.warning("the lease was not released: it runs out by itself", after=self._lease_seconds)
        return released

    def stopped(self) -> None:
        """Tell that leading has ended, if it was told that it began."""
        if self._reported:
            self._reported = False
            self._tell("stopped leading")

    async def _release_once(self) -> bool:
        try:
            spec = await self._lock.get()
            if spec.holder_identity == self.identity:
                now = self._wall()
                spec = spec.model_copy(
                    update={
                        "holder_identity": "",
                        "lease_duration_seconds": RELEASED_DURATION,
                        "acquire_time": now,
                        "renew_time": now,
                    }
                )
                self.record.see(await self._lock.update(spec))
                self._log.info("released the lease")
        except NotFound:
            return True
        except FAILURES as error:
            self._failed("release", error)
            return False
        return True

    def _check(self) -> None:
        try:
            self.fence.check()
        except LeadershipLost as lost:
            self._log.error("lost the lease", reason=lost.reason)
            raise

    async def _attempt_absent(self) -> bool:
        if self.record.holder != self.identity and self.record.left:
            return False
        return await self._written(self._lock.create, "create")

    async def _written(self, write: Callable[[LeaseSpec], Awaitable[LeaseSpec]], what: str) -> bool:
        if self.fence.deadline is not None and not self.fence.open:
            return False  # a deadline was missed: a renewal now would only keep others waiting
        self._may_hold = True
        sent = _now()
        try:
            stored = await write(self._record())
        except FAILURES as error:
            self._failed(what, error)
            return False
        self.record.see(stored)
        if not self.fence.extend(sent + self._renew_seconds):
            return False
        if not self._reported:
            self._reported = True
            self._log.info("acquired the lease", transitions=stored.lease_transitions)
            self._tell("became leader")
        return True

    def _wrote(self, spec: LeaseSpec | None) -> bool:
        """Whether the record may be of this very contender, answered or not."""
        return spec is not None and spec.renew_time in self._renewals

    def _record(self) -> LeaseSpec:
        seen = self.record.spec or LeaseSpec()
        now = self._wall()
        renewal = self.record.renewal(now, self.identity)
        self._renewals.append(renewal)
        changes = {
            "holder_identity": self.identity,
            "lease_duration_seconds": int(self._lease_seconds),
            "renew_time": renewal,
        }
        if self.record.holder != self.identity:
            changes["acquire_time"] = now
            changes["lease_transitions"] = 0 if self.record.spec is None else (seen.lease_transitions or 0) + 1
        return seen.model_copy(update=changes)

    def _wall(self) -> datetime:
        return (self._clock or current_clock()).now()

    def _tell(self, what: str) -> None:
        if self._report is not None and self._lock.lease is not None:
            self._report(self._lock.lease, f"{self.identity} {what}")

    def _failed(self, what: str, error: Exception) -> None:
        # Losing a race is how most attempts of candidates end.
        level = self._log.debug if isinstance(error, Conflict | AlreadyExists) else self._log.warning
        level("a request about the lease failed", tried=what, error=str(error))


def _now() -> float:
    return asyncio.get_running_loop().time()

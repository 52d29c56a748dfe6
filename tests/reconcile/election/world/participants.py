"""What contends in the exploration: a bare ownership with a worker, or anything else that can be run and asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from kubernaut.client import Client, ClientError
from kubernaut.reconcile.election import FencedTransport, LeaderElection, LeadershipLost, NotLeading, Share, contend
from kubernaut.reconcile.election.fence import Fence
from kubernaut.reconcile.result import Request
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.timing import Clock, current_clock
from tests.reconcile.election.world.network import Wire
from tests.reconcile.election.world.oracle import Oracle

KEYS = tuple(Request("default", f"key-{number}") for number in range(100))
SAMPLE = KEYS[:6]


def sample(shards: int) -> tuple[Request, ...]:
    """Keys to ask about: with one lease, one stands for all."""
    return SAMPLE if shards > 1 else SAMPLE[:1]


class Participant(Protocol):
    """One incarnation of a process that contends for leases and writes boards while it holds them."""

    async def run(self, stop: anyio.Event) -> None:
        """Contend until `stop` is set, then stop in order. Raises LeadershipLost."""
        ...

    def believes(self) -> Mapping[str, bool]:
        """By lease, and by name for each key of the sample: whether its writes would be sent now."""
        ...


class MakeParticipant(Protocol):
    """Makes an incarnation."""

    def __call__(self, wire: Wire, oracle: Oracle, random: Random, clock: Clock, shards: int) -> Participant: ...


@dataclass
class SkewedClock:
    """A machine's clock, which is wrong."""

    offset: timedelta

    def now(self) -> datetime:
        return current_clock().now() + self.offset


@dataclass
class Worker:
    """One share's worker: ended by its scope, or by itself once `leaving` is set."""

    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    leaving: bool = False


class Contender:
    """An ownership, and for each share it gains a worker that reads and writes the share's board."""

    def __init__(self, wire: Wire, oracle: Oracle, random: Random, clock: Clock, shards: int) -> None:
        self._name = wire.name
        self._oracle = oracle
        self._random = random
        self._client = Client(wire)
        self._sample = sample(shards)
        self._ownership = contend(self._client, LeaderElection("w", shards=shards), random=random, clock=clock)
        self._ownership.subscribe(self._gained, self._leaving)
        self._group: TaskGroup | None = None
        self._workers: dict[str, Worker] = {}

    def believes(self) -> Mapping[str, bool]:
        """See Participant."""
        held = dict(self._ownership.status())
        for key in self._sample:
            try:
                self._ownership.fence(key).check()
                held[key.name] = True
            except (LeadershipLost, NotLeading):
                held[key.name] = False
        return held

    async def run(self, stop: anyio.Event) -> None:
        """See Participant."""
        election = anyio.CancelScope()
        try:
            async with anyio.create_task_group() as self._group:
                self._group.start_soon(self._contend, election)
                await stop.wait()
                for lease in list(self._workers):
                    await self._end(lease)
                election.cancel()
        except* LeadershipLost as lost:
            raise lost.exceptions[0] from None

    async def _contend(self, election: anyio.CancelScope) -> None:
        with election:
            await self._ownership.run()

    def _gained(self, share: Share) -> None:
        assert self._group is not None
        self._oracle.exclusive()
        worker = self._workers[share.lease] = Worker()
        self._group.start_soon(self._work, share, worker)

    async def _leaving(self, share: Share) -> None:
        """Let what is under way come to its end."""
        self._oracle.note(self._name, f"leaves {share.lease}")
        worker = self._workers.pop(share.lease)
        worker.leaving = True
        await worker.ended.wait()

    async def _end(self, lease: str) -> None:
        worker = self._workers.pop(lease)
        worker.scope.cancel()
        await worker.ended.wait()

    async def _work(self, share: Share, worker: Worker) -> None:
        fence, tenure = self._fence(share), self._oracle.tenure(self._name, share.lease)
        fenced = self._client.through(lambda inner: FencedTransport(inner, fence, self._ownership.write_timeout))
        try:
            with worker.scope:
                while not worker.leaving:
                    await anyio.sleep(self._random.uniform(0.2, 2))
                    try:
                        board = await fenced.get(ConfigMap, f"board-{share.lease}", namespace="default")
                        # What a reconcile computes takes time, in which anything may happen.
                        await anyio.sleep(self._random.choice((0, 0, 0.1, 4)))
                        count = int(board.data.get("count", "0")) + 1
                        board.data = {"tenure": str(tenure), "by": self._name, "count": str(count)}
                        await fenced.update(board)
                    except ClientError:
                        continue
        except (LeadershipLost, NotLeading):
            return
        finally:
            worker.ended.set()

    def _fence(self, share: Share) -> Fence:
        return self._ownership.fence(next(key for key in KEYS if share.contains(key)))

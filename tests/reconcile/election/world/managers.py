"""A whole manager as a participant of the exploration: informers, queue and reconciler, fenced by its election."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from random import Random

import anyio

from kubernaut.client import Client, ClientError
from kubernaut.reconcile import Context, Controller, Manager, Reconciler, Result
from kubernaut.reconcile.election import LeaderElection, LeadershipLost
from kubernaut.reconcile.manager import NotStopped
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.timing import Clock
from tests.reconcile.election.world.network import Wire
from tests.reconcile.election.world.oracle import Oracle
from tests.reconcile.election.world.participants import sample


class Writer(Reconciler[ConfigMap]):
    """Reads and writes its board, again and again."""

    def __init__(self, name: str, oracle: Oracle, random: Random) -> None:
        self._name = name
        self._oracle = oracle
        self._random = random

    async def reconcile(self, obj: ConfigMap, ctx: Context) -> Result | None:
        again = Result(requeue_after=timedelta(seconds=self._random.uniform(0.2, 2)))
        if not obj.name.startswith("board-"):
            return None
        tenure = self._oracle.tenure(self._name, obj.name.removeprefix("board-"))
        try:
            board = await ctx.client.get(ConfigMap, obj.name, namespace=obj.namespace)
            await anyio.sleep(self._random.choice((0, 0, 0.1, 4)))
            count = int(board.data.get("count", "0")) + 1
            board.data = {"tenure": str(tenure), "by": self._name, "count": str(count)}
            await ctx.client.update(board)
        except ClientError:
            return again
        return again


class ManagedContender:
    """Implements Participant for one lease, `w`."""

    def __init__(self, wire: Wire, oracle: Oracle, random: Random, clock: Clock, shards: int) -> None:
        self._name = wire.name
        self._oracle = oracle
        self._manager = Manager(
            Client(wire),
            leader_election=LeaderElection("w", shards=shards),
            clock=clock,
            seed=random.getrandbits(32),
            graceful_timeout=timedelta(seconds=5),
        )
        self._manager.add(Controller(ConfigMap, Writer(wire.name, oracle, random)))

    def believes(self) -> Mapping[str, bool]:
        """See Participant."""
        run = self._manager._run
        held = dict(run._leading.status()) if run is not None else {}
        return {**held, **{key.name: held.get("w", False) for key in sample(1)}}

    async def run(self, stop: anyio.Event) -> None:
        """See Participant."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._stop, stop)
                await self._manager.run()
                group.cancel_scope.cancel()
        except* LeadershipLost as lost:
            raise lost.exceptions[0] from None
        except* NotStopped:
            self._oracle.note(self._name, "cut reconciles off at the stop")

    async def _stop(self, stop: anyio.Event) -> None:
        await stop.wait()
        self._manager.stop()

"""`python -m benchmarks.micro.own [request|typed] [COUNT] [KEYS]`: what a reconcile that does nothing costs.

A manager with one controller on the in-memory transport, metrics served, logs configured, 16 workers. KEYS keys are
enqueued again and again, and what 2 COUNT reconciles take more than COUNT is divided by COUNT. `request` reads nothing;
`typed` is given the decoded object, so that decoding is part of its figure.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import timedelta

from benchmarks.micro.bodies import NAMESPACE, bodies
from benchmarks.micro.meter import Meter
from benchmarks.programs.models import Item
from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Context, Controller, Manager, Reconciler, Request
from kubernaut.reconcile.log import configure_logging
from kubernaut.reconcile.queue import Queue
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import Namespace

QUIET = timedelta(seconds=0.3)


class Strayed(Exception):
    """There were other reconciles than those that were asked for: what was measured is not what it says."""


class Turns:
    """Counts reconciles, and enqueues all keys again when all have had their turn, until there were enough."""

    def __init__(self, keys: Sequence[Request]) -> None:
        self._keys = keys
        self._queue: Queue[Request] | None = None
        self._batches = 0
        self._left = len(keys)
        self._done = asyncio.Event()
        self.taken = 0
        self.sum = 0

    def took(self, read: int) -> None:
        self.taken += 1
        self.sum += read
        self._left -= 1
        if self._left:
            return
        if self._batches:
            self._next()
        else:
            self._done.set()

    async def first(self) -> None:
        """Wait until as many reconciles as there are keys have come of themselves."""
        await self._done.wait()

    async def run(self, queue: Queue[Request], batches: int) -> Meter:
        """Reconcile every key so many times. Raises Strayed."""
        self._queue, self._batches, self.taken, self.sum = queue, batches, 0, 0
        self._done.clear()
        meter = Meter()
        self._next()
        await self._done.wait()
        if self.taken != batches * len(self._keys) or len(queue):
            raise Strayed(f"{self.taken} reconciles instead of {batches} x {len(self._keys)}, {len(queue)} left over")
        return meter

    def _next(self) -> None:
        assert self._queue is not None
        self._batches -= 1
        self._left = len(self._keys)
        for key in self._keys:
            self._queue.add(key)


class Nothing:
    """A RequestReconciler that reads nothing."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    async def reconcile(self, request: Request, ctx: Context, /) -> None:
        self._turns.took(1)


class Typed(Reconciler[Item]):
    """Is given the object, and reads one field."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    async def reconcile(self, obj: Item, ctx: Context) -> None:
        self._turns.took(obj.spec.size)


def queue_of(manager: Manager) -> Queue[Request]:
    """The queue of its one controller, which is no public matter: events would cost the informers' work besides."""
    assert manager._run is not None
    [controller] = manager._run._controllers
    return controller.queue


async def fill(cluster: FakeCluster, count: int) -> list[Request]:
    """Create the objects; their keys."""
    await cluster.client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
    made = [await cluster.client.create(Item.from_json(body)) for body in bodies("items", count)]
    return [Request(NAMESPACE, item.name) for item in made]


async def measured(turns: Turns, queue: Queue[Request], count: int, batches: int) -> dict[str, float]:
    """Marginal microseconds of a reconcile: what every run has of start and end cancels out."""
    await turns.run(queue, 1)
    once = await turns.run(queue, batches)
    cpu, wall = once.cpu(), once.wall()
    twice = await turns.run(queue, 2 * batches)
    extra = batches * count
    return {"cpu_us": (twice.cpu() - cpu) / extra * 1e6, "wall_us": (twice.wall() - wall) / extra * 1e6}


async def main(mode: str, count: int, size: int) -> None:
    configure_logging("json")
    async with FakeCluster(controlplane=False, crds=(Item,)) as cluster:
        turns = Turns(await fill(cluster, size))
        manager = Manager(cluster.client, metrics_bind="127.0.0.1:0")
        manager.add(Controller(Item, Nothing(turns) if mode == "request" else Typed(turns), max_concurrent=16))
        async with manager.running():
            await turns.first()
            # A typed reconciler writes observedGeneration once, which comes back as an event.
            await cluster.settled(QUIET)
            costs = await measured(turns, queue_of(manager), size, max(1, count // size))
    print(json.dumps({"mode": mode, "reconciles": turns.taken, "sum": turns.sum, **costs}))


if __name__ == "__main__":
    given = [*sys.argv[1:], *("request", "20000", "1000")[len(sys.argv) - 1 :]]
    asyncio.run(main(given[0], int(given[1]), int(given[2])))

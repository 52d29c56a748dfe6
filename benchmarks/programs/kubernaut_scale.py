"""kubernaut at scale: a manager with one controller, 16 workers, metrics and logs on.

hold COUNT SECONDS                memory so many seconds after the sync
burst KEYS FRAMES                 changes that were prepared, as fast as they come
changes COUNT N RATE SECONDS      N changes made on the way, RATE a second; 0: as fast as they go, for SECONDS at most
shard SHARDS                      status writes for whatever is not Ready, for its share of the keys; until SIGTERM
"""

from __future__ import annotations

import asyncio
import json
import signal
import statistics
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from benchmarks.programs.latest import Latest, Spent, burst, control, resident
from benchmarks.programs.models import Item
from kubernaut import Context, Controller, LeaderElection, Manager, Reconciler, connect
from kubernaut.reconcile.log import configure_logging

SYNC = timedelta(minutes=5)
SETTLE = 2.0
"""Seconds at most after a sync, so that what it left over is not counted to the changes."""
SAMPLES = 20


class Seeing(Reconciler[Item]):
    """Reads which change an object shows."""

    def __init__(self, latest: Latest, seconds: float = 0.0) -> None:
        self._latest = latest
        self._seconds = seconds

    async def reconcile(self, item: Item, ctx: Context) -> None:
        self._latest.saw(item.name, item.status.observed_size, item.status.phase)
        if self._seconds:
            await asyncio.sleep(self._seconds)


class Writing(Reconciler[Item]):
    """Writes the status once."""

    def __init__(self) -> None:
        self.written = 0

    async def reconcile(self, item: Item, ctx: Context) -> None:
        if item.status.phase != "Ready":
            self.written += 1
            item.status.phase, item.status.observed_size = "Ready", item.spec.size


@asynccontextmanager
async def managing(reconciler: Reconciler[Item], election: LeaderElection | None = None) -> AsyncIterator[Manager]:
    """A manager that has synced."""
    async with connect() as client:
        manager = Manager(client, metrics_bind="127.0.0.1:0", leader_election=election)
        manager.add(Controller(Item, reconciler, max_concurrent=16))
        async with manager.running(sync_timeout=SYNC):
            yield manager


async def hold(count: int, seconds: int) -> dict[str, Any]:
    latest = Latest(count)
    spent = Spent()
    async with managing(Seeing(latest)):
        await latest.synced.wait()
        took = spent.so_far()
        await asyncio.sleep(seconds)
        return {"seen": count, "resident": resident(), **took}


async def bursting(keys: int, frames: int, milliseconds: int) -> None:
    latest = Latest(keys)
    async with managing(Seeing(latest, milliseconds / 1000)):
        tell = await burst(latest, frames)
    tell()


async def changes(count: int, wanted: int, rate: int, seconds: int) -> dict[str, Any]:
    latest = Latest(count, lags=rate > 0)
    async with managing(Seeing(latest)):
        await latest.synced.wait()
        await asyncio.sleep(min(SETTLE, seconds / 5))
        before, synced, spent = resident(), latest.reconciles, Spent()
        await asyncio.to_thread(control, f"items/change?frames={wanted}&keys={count}&rate={rate}&seconds={seconds}")
        sent, samples = await _until_sent(seconds / SAMPLES)
        latest.expect(sent)
        await latest.done.wait()
        took = spent.so_far()
        said = {"sent": sent, "reconciles": latest.reconciles - synced, "sum": latest.sum, **took}
        return said | {"before": before, "after": resident(), "samples": samples, **_lags(latest)}


async def _until_sent(pause: float) -> tuple[int, list[tuple[int, float]]]:
    """How many changes were sent in all; and on the way (sent, MiB)."""
    samples = []
    while True:
        await asyncio.sleep(pause)
        state = await asyncio.to_thread(control, "items/state")
        samples.append((state["sent"], resident()))
        if not state["sending"]:
            return state["sent"], samples


def _lags(latest: Latest) -> dict[str, float]:
    """Milliseconds from the sending of a change to the begin of its reconcile."""
    if not latest.lags:
        return {}
    cuts = statistics.quantiles(latest.lags, n=100)
    return {"lags": len(latest.lags), "p50": cuts[49], "p99": cuts[98], "longest": max(latest.lags)}


async def shard(shards: int) -> dict[str, Any]:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    writing = Writing()
    # Short times, so that the shares are soon divided; the renewals are then more than usual, not fewer.
    election = LeaderElection(
        "bench",
        lease_duration=timedelta(seconds=10),
        renew_deadline=timedelta(seconds=8),
        retry_period=timedelta(seconds=0.5),
        shards=shards,
    )
    async with managing(writing, election):
        await stop.wait()
    return {"written": writing.written}


async def main(mode: str, *numbers: int) -> None:
    configure_logging("json")
    if mode == "burst":
        await bursting(*numbers)
        return
    programs: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {"hold": hold, "changes": changes, "shard": shard}
    said = await programs[mode](*numbers)
    print(json.dumps(said))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))

"""Runs a manager on objects that change all the time, and fails when memory, tasks, sockets or lag grow.

    [KUBEBUILDER_ASSETS=...] python tools/soak.py [--seconds 600] [--objects 2000] [--rate 20]

The server is a real one where KUBEBUILDER_ASSETS names it, else the fake cluster over HTTP; it and the writer are
processes of their own, so that what is measured is the manager's. The writer changes one object after the other, and
every twentieth it deletes and makes anew under a new name. Two controllers work on them, one with a child and a status
for each object, one that only watches; leader election, metrics and probes are on.

Exit code 0, or 1 when the median of the last fifth of the samples is above that of the second fifth by more than:
memory 5 % and 4 MiB, tasks and open files and sockets 5, lag (from the write to the reconcile) twice and 0.1 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from kubernaut import (
    Client,
    Context,
    Controller,
    LeaderElection,
    Manager,
    Model,
    NotFound,
    ObjectMeta,
    Reconciler,
    Request,
    Resource,
    StatusBase,
    Watch,
    connect,
)
from kubernaut.client import ObjectHead
from kubernaut.resources import crd_for
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import EnvTest

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMESPACE = "default"
AT_ONCE = 20
REPLACED = 20
SAMPLES = 120
SETTLE_SECONDS = 120
MEBIBYTE = 1 << 20


class ItemSpec(Model):
    number: int
    written: float
    padding: str = ""


class Item(Resource, group="soak.example.dev", version="v1", status_subresource=True):
    spec: ItemSpec
    status: StatusBase = StatusBase()


def item(number: int) -> Item:
    meta = ObjectMeta(name=f"item-{number}", namespace=NAMESPACE)
    return Item(metadata=meta, spec=ItemSpec(number=number, written=time.time(), padding="x" * 500))


async def write(kubeconfig: str, objects: int, rate: float) -> None:
    """Make the objects, say so, and change them until killed."""
    async with connect(kubeconfig) as client:
        for start in range(0, objects, AT_ONCE):
            async with asyncio.TaskGroup() as group:
                for number in range(start, min(start + AT_ONCE, objects)):
                    group.create_task(client.create(item(number)))
        print("made", flush=True)
        numbers, new = list(range(objects)), objects
        source, turn, began = random.Random(1), 0, time.monotonic()
        while True:
            at = source.randrange(objects)
            turn += 1
            if turn % REPLACED == 0:
                await client.delete(Item, f"item-{numbers[at]}", namespace=NAMESPACE)
                numbers[at], new = new, new + 1
                await client.create(item(numbers[at]))
            else:
                await client.apply(item(numbers[at]))
            await asyncio.sleep(max(0.0, began + turn / rate - time.monotonic()))


class Lags:
    """Seconds from a write to the begin of its reconcile, since the last sample."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        self.recent: list[float] = []

    def note(self, of: Item) -> None:
        if self.seen.get(of.name) != of.spec.written:
            self.seen[of.name] = of.spec.written
            self.recent.append(time.time() - of.spec.written)

    def forget(self, name: str) -> None:
        self.seen.pop(name, None)

    async def settled(self, objects: int) -> None:
        """Wait until nearly all were reconciled once (some are always being replaced); two minutes at most."""
        for _ in range(SETTLE_SECONDS):
            if len(self.seen) >= objects * 0.95:
                break
            await asyncio.sleep(1)
        self.recent.clear()


class ItemReconciler(Reconciler[Item]):
    finalizer = "soak.example.dev/item"

    def __init__(self, lags: Lags) -> None:
        self._lags = lags

    async def reconcile(self, obj: Item, ctx: Context) -> None:
        self._lags.note(obj)
        meta = ObjectMeta(name=obj.name, namespace=obj.namespace)
        child = ConfigMap(metadata=meta, data={"written": str(obj.spec.written), "padding": obj.spec.padding})
        await ctx.client.apply(child, owner=obj)
        obj.status.set_condition("Ready", True, reason="Applied", message=str(obj.spec.written))

    async def finalize(self, obj: Item, ctx: Context) -> None:
        self._lags.forget(obj.name)
        with suppress(NotFound):
            await ctx.client.delete(ConfigMap, obj.name, namespace=obj.namespace)


class Counting:
    """Reads the child of each object that changed."""

    def __init__(self) -> None:
        self.found = 0

    async def reconcile(self, request: Request, ctx: Context) -> None:
        with suppress(NotFound):
            ctx.cache.get(ConfigMap, request.name, namespace=request.namespace)
            self.found += 1


def to_itself(head: ObjectHead) -> list[Request]:
    return [Request(head.namespace, head.name)]


@dataclass(frozen=True, slots=True)
class Sample:
    """What this process holds at one moment."""

    second: float
    memory: float
    tasks: float
    files: float
    sockets: float
    lag: float
    reconciles: int

    @classmethod
    def take(cls, second: float, lags: Lags) -> Sample:
        links = []
        for descriptor in Path("/proc/self/fd").iterdir():
            try:
                links.append(os.readlink(descriptor))
            except FileNotFoundError:
                continue  # the one that lists the folder
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        recent, lags.recent = lags.recent, []
        return cls(
            second,
            resident / MEBIBYTE,
            len(asyncio.all_tasks()),
            len(links),
            sum(link.startswith("socket:") for link in links),
            statistics.median(recent) if recent else float("nan"),
            len(recent),
        )

    def __str__(self) -> str:
        return (
            f"{self.second:7.0f} s {self.memory:8.1f} MiB {self.tasks:5.0f} tasks {self.files:5.0f} files "
            f"{self.sockets:5.0f} sockets {self.lag * 1000:8.1f} ms lag {self.reconciles:6d} reconciled"
        )


# By figure: what its median may grow by, as a factor and as a summand.
TOLERANCES = {
    "memory": (1.05, 4.0),
    "tasks": (1.0, 5.0),
    "files": (1.0, 5.0),
    "sockets": (1.0, 5.0),
    "lag": (2.0, 0.1),
}


def verdict(samples: Sequence[Sample]) -> list[str]:
    """What grew: the second fifth of the samples against the last. Nothing was measured: that is a failure too."""
    fifth = len(samples) // 5
    if fifth == 0:
        return ["there are fewer than five samples"]
    problems = []
    for figure, (factor, summand) in TOLERANCES.items():
        before, after = (median(figure, part) for part in (samples[fifth : 2 * fifth], samples[-fifth:]))
        print(f"{figure:8} {before:10.3f} -> {after:10.3f}")
        # A median that is not a number holds for nothing.
        if not after <= before * factor + summand:
            problems.append(f"{figure} grew from {before:.3f} to {after:.3f}")
    return problems


def median(figure: str, samples: Sequence[Sample]) -> float:
    """Of one figure; of lags only those are there that belong to a reconcile. Not a number where there are none."""
    values = [value for sample in samples if not math.isnan(value := getattr(sample, figure))]
    return statistics.median(values) if values else math.nan


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[str]:
    """A kubeconfig's path, as long as its server runs."""
    kubeconfig = folder / "kubeconfig"
    if "KUBEBUILDER_ASSETS" in os.environ:
        async with EnvTest() as env:
            kubeconfig.write_text(json.dumps(env.kubeconfig()))
            yield str(kubeconfig)
        return
    async with process("-m", "kubernaut", "fake", "serve", "--kubeconfig", str(kubeconfig)):
        yield str(kubeconfig)


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[Process]:
    """A Python process that has said something; its end."""
    running = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=subprocess.PIPE)
    try:
        assert running.stdout is not None
        if not await running.stdout.readline():
            raise RuntimeError(f"{arguments} ended with exit code {await running.wait()}")
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.terminate()
        await running.wait()


def manager_of(client: Client, lags: Lags) -> Manager:
    """What is measured."""
    manager = Manager(
        client,
        name="soak",
        leader_election=LeaderElection("soak", namespace=NAMESPACE),
        metrics_bind="127.0.0.1:0",
        health_bind="127.0.0.1:0",
        graceful_timeout=timedelta(seconds=10),
    )
    manager.add(Controller(Item, ItemReconciler(lags), owns=[ConfigMap], max_concurrent=8))
    manager.add(Controller(Item, Counting(), name="counting", watches=[Watch(ConfigMap, to=to_itself)]))
    return manager


async def soak(seconds: float, objects: int, rate: float) -> list[str]:
    """Run, print the samples, and answer what grew."""
    lags, samples = Lags(), list[Sample]()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kubernaut-soak-")))
        kubeconfig = await stack.enter_async_context(server(folder))
        client = await stack.enter_async_context(connect(kubeconfig))
        await client.request("POST", CRDS, body=crd_for(Item))
        await stack.enter_async_context(manager_of(client, lags).running())
        numbers = ("--objects", str(objects), "--rate", str(rate))
        writing = await stack.enter_async_context(process(__file__, "--write", kubeconfig, *numbers))
        await lags.settled(objects)
        began, period = time.monotonic(), seconds / SAMPLES
        for turn in range(1, SAMPLES + 1):
            await asyncio.sleep(max(0.0, began + turn * period - time.monotonic()))
            if writing.returncode is not None:
                return [f"the writer ended with exit code {writing.returncode}"]
            samples.append(Sample.take(time.monotonic() - began, lags))
            if turn % (SAMPLES // 20) == 0:
                print(samples[-1], flush=True)
    return verdict(samples)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=20, help="writes a second")
    parser.add_argument("--write", metavar="KUBECONFIG", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        asyncio.run(write(options.write, options.objects, options.rate))
        return 0
    problems = asyncio.run(soak(options.seconds, options.objects, options.rate))
    print("\n".join(problems) or "nothing grew")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

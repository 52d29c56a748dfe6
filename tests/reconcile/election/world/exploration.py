"""One seeded run: processes that contend on one server while networks fail and processes stand still, then one dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random

import anyio

from kubernaut.client import Client
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile.election import LeadershipLost
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.resources.meta import ObjectMeta
from tests.reconcile.election.world import network
from tests.reconcile.election.world.network import Wire
from tests.reconcile.election.world.oracle import Oracle
from tests.reconcile.election.world.participants import Contender, MakeParticipant, SkewedClock, sample
from tests.reconcile.election.world.processes import Process, ProcessLoop

TAKEOVER = 24.0
PAUSED, STOPPED = "paused", "stopped"
TROUBLES = {
    PAUSED: 4,
    network.LATE: 3,
    network.SPLIT: 3,
    network.SILENT: 2,
    network.DEAF: 2,
    network.REFUSED: 1,
    network.ERRORS: 2,
    STOPPED: 1,
}
"""What happens to a process, and how often in comparison."""
LONGEST = {trouble: 25.0 if trouble == PAUSED else 1.0 if trouble == STOPPED else 15.0 for trouble in TROUBLES}
"""For how many seconds at most."""


class Failed(AssertionError):
    """A run in which an invariant did not hold; its text has the seed and the timeline."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened in a run: so that a suite can see that it explores what it means to."""

    gains: int
    writes: int
    late_writes_refused: int
    losses: int


class Site:
    """One process, its wire, and the incarnations of the participant that run in it one after the other."""

    def __init__(self, name: str, shards: int, world: World) -> None:
        self.name = name
        self.random = Random(f"{world.seed}/{name}")
        self.process = Process(name, asyncio.get_running_loop())
        self.wire = Wire(name, world.transport, Random(f"{world.seed}/{name}/wire"), world.oracle)
        self.clock = SkewedClock(timedelta(seconds=self.random.uniform(-7200, 7200)))
        self.stop = anyio.Event()
        self.losses = 0
        self.troubled = False
        self.started_at = 0.0
        self._shards = shards
        self._world = world

    async def live(self) -> None:
        """Run one incarnation after the other, as a kubelet would."""
        oracle = self._world.oracle
        while not self._world.over:
            self.stop = anyio.Event()
            oracle.started(self.name)
            participant = self._world.make(self.wire, oracle, self.random, self.clock, self._shards)
            oracle.believing[self.name] = participant.believes
            self.started_at = asyncio.get_running_loop().time()
            oracle.note(self.name, "starts")
            try:
                await participant.run(self.stop)
                oracle.note(self.name, "stopped in order")
            except LeadershipLost as lost:
                self.losses += 1
                oracle.note(self.name, f"ends: {lost}")
            except Exception as error:
                oracle.violations.append(f"{self.name} ended with {error!r}")
                raise
            await anyio.sleep(self.random.uniform(0, 2))

    async def trouble(self, trouble: str, span: float, random: Random) -> None:
        """One trouble, for `span` seconds."""
        self._world.oracle.note(self.name, f"trouble for {span:.3f} s: {trouble}")
        self.troubled = True
        if trouble == PAUSED:
            self.process.pause()
        elif trouble == STOPPED:
            self.stop.set()
        else:
            self.wire.mode = trouble
        await asyncio.sleep(span)
        self.wire.mode = network.FAIR
        if trouble == PAUSED:
            self._world.oracle.note(self.name, "resumes")
            self.process.resume(random)
        self.troubled = False

    def die(self, random: Random) -> None:
        """Stand still, or be cut off, for good."""
        if random.random() < 0.5:
            self._world.oracle.note(self.name, "dies")
            self.process.pause()
        else:
            self._world.oracle.note(self.name, "is cut off for good")
            self.wire.mode = random.choice((network.REFUSED, network.SILENT))


class World:
    """The server, the processes and the oracle of one run."""

    def __init__(self, seed: int, make: MakeParticipant, shards: Sequence[int], trouble: float) -> None:
        self.seed = seed
        self.make = make
        self.oracle = Oracle()
        self.transport = InProcessTransport(ApiServer(seed=seed))
        self.sites = [Site(name, count, self) for name, count in zip("ABCDEFGH", shards, strict=False)]
        self.oracle.believing = {site.name: dict for site in self.sites}
        self.leases = [f"w-{index}" for index in range(max(shards))] if max(shards) > 1 else ["w"]
        self.over = False
        self._sample = sample(max(shards))
        self._trouble = trouble

    async def run(self) -> Summary:
        """Trouble, then a death, then a takeover in time."""
        server = Client(self.transport)
        for lease in self.leases:
            await server.create(ConfigMap(metadata=ObjectMeta(name=f"board-{lease}", namespace="default")))
        lives = [site.process.spawn(site.live()) for site in self.sites]
        try:
            await self._troubles()
            await self._takeover()
        finally:
            await self._end(lives)
        self.oracle.verdict()
        losses = sum(site.losses for site in self.sites)
        return Summary(self.oracle.gains, self.oracle.writes, self.oracle.late_writes_refused, losses)

    async def _troubles(self) -> None:
        """Troubles come now one by one and now at once, and mostly to who leads."""
        random, loop = Random(f"{self.seed}/troubles"), asyncio.get_running_loop()
        overlap = random.choice((0.3, 1.0, 2.0))
        async with asyncio.TaskGroup() as group:
            while loop.time() < self._trouble:
                trouble = random.choices(list(TROUBLES), list(TROUBLES.values()))[0]
                span = random.uniform(0.5, LONGEST[trouble])
                targets = self._leading() if random.random() < 0.7 else self.sites
                site = random.choice(targets or self.sites)
                if not site.troubled:
                    group.create_task(site.trouble(trouble, span, random))
                await asyncio.sleep(random.uniform(0.1, 0.1 + span * 2 / overlap))

    def _leading(self) -> list[Site]:
        return [site for site in self.sites if any(self.oracle.believing[site.name]().values())]

    async def _takeover(self) -> None:
        random = Random(f"{self.seed}/death")
        victim = random.choice(self._leading() or self.sites)
        died = asyncio.get_running_loop().time()
        victim.die(random)
        survivors = [site for site in self.sites if site is not victim]
        while not self._led(survivors):
            # Time counts from when the network has done its last harm: to the survivors, or by delivering late.
            began = max(
                died,
                self.oracle.lease_written_late,
                *(max(site.wire.trouble_until, site.started_at) for site in survivors),
            )
            if asyncio.get_running_loop().time() > began + TAKEOVER:
                self.oracle.note("ORACLE", "nobody took over in time")
                self.oracle.violations.append(f"not every lease was taken over within {TAKEOVER:g} s")
                return
            await asyncio.sleep(0.25)

    def _led(self, survivors: list[Site]) -> bool:
        held = {key.name: False for key in self._sample}
        for site in survivors:
            believed = self.oracle.believing[site.name]()
            held = {key: held[key] or believed.get(key, False) for key in held}
        return all(held.values())

    async def _end(self, lives: list[asyncio.Task[None]]) -> None:
        self.over = True
        for site, life in zip(self.sites, lives, strict=True):
            site.wire.mode = network.FAIR
            if site.process.paused:
                site.process.resume(Random(0))
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        for site in self.sites:
            await site.wire.aclose()


def explore(
    seed: int,
    *,
    make: MakeParticipant = Contender,
    shards: Sequence[int] = (1, 1),
    trouble: float = 32.0,
) -> Summary:
    """Run one seed; `shards`: of each process, `trouble`: for how many virtual seconds.

    Raises Failed with the seed and the timeline.
    """
    worlds: list[World] = []

    async def main() -> Summary:
        worlds.append(World(seed, make, shards, trouble))
        return await worlds[0].run()

    try:
        with _quiet(), asyncio.Runner(loop_factory=ProcessLoop) as runner:
            return runner.run(main())
    except Exception as error:
        timeline = worlds[0].oracle.timeline if worlds else []
        lines = [f"{at:9.3f}  {process:6}  {text}" for at, process, text in timeline]
        what = f"seed {seed}, processes with {shards} shards: {type(error).__name__}: {error}"
        raise Failed("\n".join([what, *lines])) from error


@contextmanager
def _quiet() -> Iterator[None]:
    log = logging.getLogger("kubernaut")
    before, log.level = log.level, logging.CRITICAL
    try:
        yield
    finally:
        log.setLevel(before)

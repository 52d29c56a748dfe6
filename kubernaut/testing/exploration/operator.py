"""The operator under test: one manager after another, which may die, hand over, or stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from kubernaut.client import Client
from kubernaut.reconcile import Controller, Manager
from kubernaut.reconcile.manager import NotStopped
from kubernaut.testing.exploration.generations import Generation
from kubernaut.testing.exploration.link import Link
from kubernaut.timing import current_clock

__all__ = ["JumpingClock", "Operator"]

RESTART = 0.001
"""Seconds between a death and the next life, at least: whatever happens at the moment of death comes first."""
BACKOFF = 1.0
LINGER = 5.0
"""Seconds that a deposed life goes on after what it had on its way has arrived."""


@dataclass
class JumpingClock:
    """The wall clock that the operator sees."""

    offset: timedelta = timedelta()

    def now(self) -> datetime:
        """The time, in UTC."""
        return current_clock().now() + self.offset


class _Unread(CollectorRegistry):
    """Metrics that nobody reads: what is registered is not asked for its names, which takes longer than a reconcile."""

    def register(self, collector: Collector) -> None:
        """Does nothing."""

    def unregister(self, collector: Collector) -> None:
        """Does nothing."""


class MakeLink(Protocol):
    """Makes the transport of one life."""

    def __call__(self, generation: Generation) -> Link: ...


class Operator:
    """Runs one life after the other until it is ended. `failed` is told what ended a manager that should go on."""

    def __init__(
        self,
        name: str,
        controllers: Callable[[], Iterable[Controller]],
        link: MakeLink,
        failed: Callable[[str], None],
        note: Callable[[str, str], None],
    ) -> None:
        self.clock = JumpingClock()
        self.generation = Generation(0, dead=True)
        self.link: Link | None = None
        self.lives: list[Generation] = []
        self._name = name
        self._controllers = controllers
        self._make_link = link
        self._failed = failed
        self._note = note
        self._manager: Manager | None = None
        self._wake = asyncio.Event()
        self._downtime: float | None = None
        self._deposed: float | None = None
        self._handover = False
        self._ending = False

    @property
    def up(self) -> bool:
        """Whether a manager is alive."""
        return not self.generation.dead

    @property
    def lingering(self) -> bool:
        """Whether a life goes on though another one leads."""
        return any(life.deposed and not life.dead for life in self.lives)

    def crash(self, downtime: float) -> bool:
        """Die now; live again after `downtime` seconds. False if it is dead already."""
        if self.generation.dead:
            return False
        self.generation.dead = True
        self._downtime = downtime
        self._wake.set()
        return True

    def depose(self, seconds: float) -> bool:
        """Let another one lead; this life goes on for `seconds` and a little more. False where none is to follow."""
        if self.generation.dead or self.generation.deposed or self._handover or self._ending:
            return False
        self.generation.deposed = True
        self._deposed = seconds
        self._wake.set()
        return True

    def hand_over(self) -> bool:
        """Stop in order, and let another one start. False where that is under way already."""
        if self.generation.dead or self.generation.deposed or self._handover:
            return False
        self._handover = True
        self._wake.set()
        return True

    def end(self) -> None:
        """Stop in order, for good."""
        self._ending = True
        self._wake.set()

    async def run(self) -> None:
        """Live, again and again. Cancelled, it dies at once."""
        try:
            while not self._ending:
                await self._live()
        finally:
            self.die()

    def die(self) -> None:
        """Nothing that any life does has an effect from now on."""
        for life in self.lives:
            life.dead = True

    async def bury(self) -> list[str]:
        """End every task of every life at once; returns the names of those that cannot be ended."""
        return [name for generation in self.lives for name in await generation.kill()]

    async def _live(self) -> None:
        generation = self.generation = Generation(self.generation.number + 1)
        self.lives.append(generation)
        self._wake.clear()
        self._downtime, self._deposed, self._handover = None, None, False
        self.link = self._make_link(generation)
        self._note(generation.name, "starts")
        life = generation.start(self._body(generation), generation.name)
        life.add_done_callback(lambda _: self._wake.set() if self.generation is generation else None)
        await self._wake.wait()
        if self._deposed is not None and self._downtime is None and not life.done():
            asyncio.get_running_loop().create_task(self._linger(generation, self._deposed), name=generation.name)
            await asyncio.sleep(RESTART)
            return
        if self._downtime is None and not life.done():  # to stop in order
            self._wake.clear()
            if self._manager is not None:
                self._manager.stop()
            await self._wake.wait()
        if self._downtime is not None:
            await self._die(generation, self._downtime)
        elif life.done():
            self._stopped(generation, life)
            await asyncio.sleep(RESTART if self._handover or self._ending else BACKOFF)

    async def _linger(self, generation: Generation, seconds: float) -> None:
        await asyncio.sleep(seconds + LINGER)
        if not generation.dead:
            self._note(generation.name, "finds that it does not lead, and ends")
            await self._kill(generation)

    async def _die(self, generation: Generation, downtime: float) -> None:
        self._note(generation.name, "is dead")
        await self._kill(generation)
        await asyncio.sleep(max(RESTART, downtime))

    async def _kill(self, generation: Generation) -> None:
        stuck = await generation.kill()
        if stuck:
            self._failed(f"these tasks cannot be cancelled: {', '.join(stuck)}")

    def _stopped(self, generation: Generation, life: asyncio.Task[None]) -> None:
        generation.dead = True
        error = None if life.cancelled() else life.exception()
        if isinstance(
            error, NotStopped
        ):  # a call that hangs for longer than a stop may take is cut off: as it should be
            self._note(generation.name, f"has stopped: {error}")
        elif error is not None:
            self._failed(f"the manager ended: {type(error).__name__}: {error}")
        elif not (self._handover or self._ending):
            self._failed("the manager ended by itself")
        else:
            self._note(generation.name, "has stopped")

    async def _body(self, generation: Generation) -> None:
        assert self.link is not None
        client = Client(self.link, user_agent=self._name)
        seed = f"{self._name}/{generation.number}"
        manager = self._manager = Manager(
            client, name=self._name, seed=seed, clock=self.clock, registry=_Unread(auto_describe=False)
        )
        manager.add(*self._controllers())
        await manager.run()

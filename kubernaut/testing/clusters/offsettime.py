"""An event loop whose time can be moved on while real servers answer: the machine's time plus an offset."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from typing_extensions import TypeVarTuple, Unpack

from kubernaut.testing.virtualtime import WrappedSelector
from kubernaut.timing import Clock

__all__ = ["LULL", "OffsetTimeLoop"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LULL = 0.02
"""Real seconds without anything from outside after which nothing more is thought to be on its way."""


class OffsetClock:
    """The machine's wall-clock time, moved on as the loop's time is."""

    def __init__(self, offset: Callable[[], float]) -> None:
        self._offset = offset

    def now(self) -> datetime:
        """The current time of the loop, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._offset())


class OffsetTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop in real time, which `advance` moves on; implements kubernaut.timing.VirtualTime.

    Time passes as it does on the machine. ``advance`` lets nothing wait: once all work has come to rest (no callback
    ready, no hold open, and nothing from outside for LULL), it adds to the offset what is missing to the next timer,
    until the time asked for has passed. Requests of kubernaut's transports and work in executors are holds; of a
    server's watches it is assumed that what they bring follows its cause within LULL.

    ``come_to_rest`` is awaited between two steps; a test of a real cluster sets it to something that asks the server
    as well. What the server itself does by its clock is not moved.
    """

    def __init__(self) -> None:
        self.offset = 0.0
        """Seconds by which this loop is ahead of the machine."""
        self.come_to_rest: Callable[[], Awaitable[object]] = self.idle
        self._holds = 0
        self._stirred = time.monotonic()
        self._idlers: list[asyncio.Future[None]] = []
        self._offset_clock = OffsetClock(lambda: self.offset)
        super().__init__(_ListeningSelector(self._wait_at_most, self._stir))

    @property
    def clock(self) -> Clock:
        """Wall-clock time in step with ``time()``."""
        return self._offset_clock

    @property
    def stirred(self) -> float:
        """When something last came from outside or a hold was released; in the machine's monotonic seconds."""
        return self._stirred

    def time(self) -> float:
        """The machine's monotonic seconds and what was added."""
        return super().time() + self.offset

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Nothing is skipped while any hold is open."""
        self._holds += 1
        try:
            yield
        finally:
            self._release()

    async def idle(self) -> None:
        """Return when nothing is ready to run, no hold is open and nothing has come from outside for LULL."""
        future: asyncio.Future[None] = self.create_future()
        self._idlers.append(future)
        await future

    def due(self) -> float | None:
        """When the next timer is due, in ``time()``; None if none is set."""
        timers: list[asyncio.TimerHandle] = getattr(self, "_scheduled", [])
        return min((timer.when() for timer in timers if not timer.cancelled()), default=None)

    def skip(self, seconds: float) -> None:
        """Add to the offset, whatever is going on; nothing happens for a negative number."""
        self.offset += max(seconds, 0.0)

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, timer by timer; see above. Raises ValueError when they are negative."""
        if seconds < 0:
            raise ValueError("time does not go back")
        end = self.time() + seconds
        while True:
            await self.come_to_rest()
            due = self.due()
            if due is None or due >= end:
                break
            self.skip(due - self.time())
            await asyncio.sleep(0)
        self.skip(end - self.time())
        await asyncio.sleep(0)
        await self.come_to_rest()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As asyncio's; nothing is skipped until the result is there."""
        future = super().run_in_executor(executor, func, *args)
        self._holds += 1
        future.add_done_callback(self._release)
        return future

    def _release(self, _: object = None) -> None:
        self._holds -= 1
        self._stir()

    def _stir(self) -> None:
        self._stirred = time.monotonic()

    def _wait_at_most(self, timeout: float | None) -> float | None:
        """Called when nothing is ready: how long to wait for something (None: until it comes)."""
        if self._holds or not self._idlers:
            return timeout
        left = self._stirred + LULL - time.monotonic()
        if left > 0:
            return left if timeout is None else min(timeout, left)
        idlers, self._idlers = self._idlers, []
        for future in idlers:
            if not future.done():
                future.set_result(None)
        return 0


class _ListeningSelector(WrappedSelector):
    """A selector that asks the loop before it waits, and tells it when something came."""

    def __init__(self, wait_at_most: Callable[[float | None], float | None], stir: Callable[[], None]) -> None:
        super().__init__()
        self._wait_at_most = wait_at_most
        self._stir = stir

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._selector.select(0)
        if not events and (timeout is None or timeout > 0):
            wait = self._wait_at_most(timeout)
            events = self._selector.select(wait) if wait != 0 else []
        if events:
            self._stir()
        return events

"""Several processes on one loop in virtual time, each of which can be paused as SIGSTOP or a blocked loop does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any

from kubernaut.testing import VirtualTimeLoop

PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)


class Process:
    """Whatever runs in this process's context: its tasks, their timers, the callbacks of what they wait for.

    While it is paused none of that runs, and time goes on. Code between two awaits is never cut in two: what a process
    found out in one step of its loop still holds at the end of that step.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.paused = False
        self._loop = loop
        self._ready: list[asyncio.Handle] = []
        self._timers: list[asyncio.Handle] = []

    def spawn(self, body: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task in this process."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return self._loop.create_task(body, name=self.name, context=context)

    def pause(self) -> None:
        """Run nothing of this process from now on."""
        self.paused = True

    def resume(self, random: Random) -> None:
        """Run what fell due meanwhile: timers before or after what came in, as a real loop may find them."""
        self.paused = False
        parts = [self._ready, self._timers]
        if random.random() < 0.5:
            parts.reverse()
        for handle in (*parts[0], *parts[1]):
            self._loop._ready.append(handle)  # type: ignore[attr-defined]
        self._ready, self._timers = [], []

    def gate(self, cell: list[asyncio.Handle], timer: bool, callback: Callable[..., object], args: Any) -> None:
        """Run the callback now, or keep its handle until the process resumes."""
        if self.paused:
            (self._timers if timer else self._ready).append(cell[0])
        else:
            callback(*args)


class ProcessLoop(VirtualTimeLoop):
    """A virtual-time loop that asks the process of each callback whether it may run."""

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context
        process = context.get(PROCESS)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        cell: list[asyncio.Handle] = []
        handle = super().call_soon(process.gate, cell, False, callback, args, context=context)
        cell.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        process = context.get(PROCESS)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        cell: list[asyncio.Handle] = []
        handle = super().call_at(when, process.gate, cell, True, callback, args, context=context)
        cell.append(handle)
        return handle

"""The event loop of a run: virtual time that asks the operating system for nothing while nothing is held."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from kubernaut.testing.virtualtime import CLOCK_RESOLUTION, NeverAtRest, VirtualTimeLoop

__all__ = ["ExplorationLoop", "run_exploring"]

ROUNDS = 2_000_000
"""Rounds of the loop in which something was ready all the time: more than any run has."""


class ExplorationLoop(VirtualTimeLoop):
    """A virtual-time loop that polls no files while no hold is open, and counts its rounds instead of its seconds.

    A run waits for nothing outside its process, and is over in milliseconds: the system calls of an ordinary loop would
    be a large part of it. How long something may be ready without a rest is counted, so that every machine gives up at
    the same place. Raises NeverAtRest then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.others: dict[asyncio.Task[Any], None] = {}
        """Tasks that belong to no life of the operator; kept here, so that they go with the loop."""
        self._rounds = 0
        selector: Any = vars(self)["_selector"]
        self._poll = selector.select
        selector.select = self._select

    def _run_once(self) -> None:
        """One round, as asyncio's: but where callbacks are ready, and no timer is, there is nothing else to look at."""
        ready, timers = self._ready, self._scheduled  # type: ignore[attr-defined]
        if not ready or self._holds or (timers and timers[0].when() < self._elapsed + CLOCK_RESOLUTION):
            super()._run_once()  # type: ignore[misc]
            return
        self._count()
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _count(self) -> None:
        self._rounds += 1
        if self._rounds > ROUNDS:
            self._rounds = 0  # what follows is the end of the tasks, which may take as long again
            raise NeverAtRest(f"something was ready to run for {ROUNDS} rounds of the loop")

    def _select(self, timeout: float | None = None) -> Any:
        if self._holds:
            return self._poll(timeout)
        if timeout is not None and timeout <= 0:
            self._count()
            return ()
        self._rounds = 0
        if self._nothing_ready(timeout) == 0:
            return ()
        return self._poll(timeout)


def run_exploring(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `main()` on a loop of its own. Raises what it raises; its tasks are ended then, as asyncio.run does.

    A `main` that returns has ended its tasks itself: looking for more among all tasks of the process, as asyncio.run
    does, would cost more with every run whose tasks are not collected yet.
    """
    loop = ExplorationLoop()
    try:
        try:
            loop.run_until_complete(main())
        except BaseException:
            loop.run_until_complete(_end_tasks())
            raise
        finally:
            loop.set_task_factory(None)
            loop.run_until_complete(_shut_down(loop))
    finally:
        loop.close()


async def _end_tasks() -> None:
    current = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not current]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _shut_down(loop: ExplorationLoop) -> None:
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()

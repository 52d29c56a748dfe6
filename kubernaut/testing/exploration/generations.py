"""One life of the operator's process: which tasks are part of it, and how it dies without goodbye."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kubernaut.testing.exploration.loop import ExplorationLoop

__all__ = ["Generation", "current_generation", "end_others", "task_factory"]

T = TypeVar("T")
ROUNDS = 500
_CURRENT: ContextVar[Generation | None] = ContextVar("kubernaut_exploration_generation", default=None)


@dataclass(eq=False)
class Generation:
    """One life, from 1 up. Once `dead`, no request of it is sent and none returns."""

    number: int
    dead: bool = False
    deposed: bool = False
    """Another one leads, and it does not know: what it writes from now on is refused."""
    calls: int = 0
    """Calls that are under way."""
    tasks: dict[asyncio.Task[Any], None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called in timelines."""
        return f"operator/{self.number}"

    def start(self, body: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task of this life; what it starts belongs to it as well."""
        context = copy_context()
        context.run(_CURRENT.set, self)
        return asyncio.get_running_loop().create_task(body, name=name, context=context)

    async def hang(self) -> None:
        """What a request of a dead process comes to: nothing, for ever."""
        await asyncio.get_running_loop().create_future()

    async def kill(self) -> list[str]:
        """End its tasks, the newest first; returns the names of those that cannot be ended.

        Nothing that they do on the way has an effect, and no time passes.
        """
        self.dead = True
        for _ in range(ROUNDS):
            alive = [task for task in reversed(self.tasks) if not task.done()]
            if not alive:
                break
            for task in alive:
                task.cancel()
                await asyncio.sleep(0)
        for task in self.tasks:
            if task.done() and not task.cancelled():
                task.exception()  # asked for, or asyncio would log that nobody did
        return [task.get_name() for task in self.tasks if not task.done()]


def current_generation() -> Generation | None:
    """The life that the running task belongs to; None for people and for the engine."""
    return _CURRENT.get()


def task_factory(
    loop: asyncio.AbstractEventLoop,
    body: Coroutine[Any, Any, T] | Generator[Any, None, T],
    context: Context | None = None,
    **options: Any,
) -> asyncio.Task[T]:
    """Makes tasks, and remembers those that a generation starts."""
    task: asyncio.Task[T] = asyncio.Task(body, loop=loop, context=context, **options)
    generation = _CURRENT.get() if context is None else context.get(_CURRENT)
    if generation is not None:
        generation.tasks[task] = None
    elif isinstance(loop, ExplorationLoop):
        loop.others[task] = None
    return task


async def end_others() -> None:
    """End the tasks of the running loop that belong to no generation, but for the one that asks."""
    current, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert isinstance(loop, ExplorationLoop)
    tasks, loop.others = loop.others, {}
    for _ in range(ROUNDS):
        left = [task for task in tasks if task is not current and not task.done()]
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.sleep(0)

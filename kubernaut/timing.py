"""One source of wall-clock time, and the seam through which tests take hold of time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

__all__ = ["Clock", "SystemClock", "VirtualTime", "current_clock", "hold", "virtual_time"]


class Clock(Protocol):
    """Wall-clock time. For intervals use the running loop's monotonic ``time()``."""

    def now(self) -> datetime:
        """The current time, timezone-aware and in UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The current time, timezone-aware and in UTC."""
        return datetime.now(UTC)


@runtime_checkable
class VirtualTime(Protocol):
    """An event loop whose time jumps to the next timer as soon as nothing else is left to do."""

    @property
    def clock(self) -> Clock:
        """Wall-clock time in step with the loop's ``time()``."""
        ...

    def hold(self) -> AbstractContextManager[None]:
        """Time stands still while any hold is open: real work is going on outside the loop."""
        ...

    async def idle(self) -> None:
        """Return when nothing is ready to run and no hold is open, before time moves on."""
        ...

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, then wait until everything that fell due has run.

        Raises ValueError when ``seconds`` is negative.
        """
        ...


_SYSTEM_CLOCK = SystemClock()


def virtual_time() -> VirtualTime | None:
    """The virtual time of the running loop; None on an ordinary loop, or outside of one."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop if isinstance(loop, VirtualTime) else None


def current_clock() -> Clock:
    """The running loop's ``clock`` where it has one (virtual time does), else the system's."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return _SYSTEM_CLOCK
    clock: Clock = getattr(loop, "clock", _SYSTEM_CLOCK)
    return clock


@contextmanager
def hold() -> Iterator[None]:
    """Wrap awaits on work outside the loop (a subprocess, a socket, a thread that SQL runs in).

    On a virtual-time loop, time stands still meanwhile, so that no timeout fires for work that takes no virtual
    time. On an ordinary loop this does nothing.
    """
    time = virtual_time()
    if time is None:
        yield
        return
    with time.hold():
        yield

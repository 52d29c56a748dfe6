"""An event loop on which an hour takes no time: it jumps to the next timer when nothing else is left to do."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar

from typing_extensions import TypeVarTuple, Unpack

from kubernaut.timing import Clock

__all__ = ["DEFAULT_START", "NeverAtRest", "NothingLeftToDo", "VirtualTimeLoop", "run_virtual"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

DEFAULT_START = datetime(2024, 1, 1, tzinfo=UTC)
# Real seconds to wait for the outside world when the loop has neither timers nor holds.
STALL_LIMIT = 30.0
# Seconds of computing during which something is ready all the time. A breakpoint uses none of them.
BUSY_LIMIT = 20.0
BUSY_SAMPLE = 64
CLOCK_RESOLUTION = 1e-6


class NothingLeftToDo(RuntimeError):
    """Every task waits for something that nothing will bring about: there is no timer, and no hold is open."""


class NeverAtRest(RuntimeError):
    """Something is ready to run all the time, so that virtual time cannot move; names the busiest tasks."""


class VirtualClock:
    """Wall-clock time in step with a loop's monotonic time."""

    def __init__(self, start: datetime, time: Callable[[], float]) -> None:
        self._start = start.astimezone(UTC)
        self._time = time

    def now(self) -> datetime:
        """The current virtual time, in UTC."""
        return self._start + timedelta(seconds=self._time())


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop in virtual time; implements kubernaut.timing.VirtualTime.

    ``time()`` starts at 0 and ``clock`` at ``start`` (2024-01-01T00:00:00Z unless given; it must be timezone-aware).
    Both stand still while callbacks run and move only by jumps to the next timer, when nothing is ready, no hold is
    open and nobody awaits ``idle``. Work in executors holds time by itself; wrap awaits on other outside work
    (subprocesses, sockets, libraries with threads of their own) in ``kubernaut.timing.hold()``.

    With nothing ready, no timer and no hold, the loop waits 30 real seconds for the outside world and then raises
    NothingLeftToDo, so that a test that waits in vain fails. One in which something is ready to run all the time (two
    controllers that undo each other's writes, say) would never see the next timer: after 20 seconds of computing the
    loop raises NeverAtRest.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._elapsed = 0.0
        self._holds = 0
        self._idlers: list[asyncio.Future[None]] = []
        self._virtual_clock = VirtualClock(start or DEFAULT_START, self.time)
        self._busy = _Busy()
        super().__init__(_JumpingSelector(self._nothing_ready, self._something_ready))
        # asyncio runs timers due before time() + this. Its nanosecond is lost in the rounding of a float after 97 days,
        # and a timer due exactly now would then never run.
        self._clock_resolution = CLOCK_RESOLUTION
        if start is not None and start.tzinfo is None:
            self.close()
            raise ValueError("the start of virtual time needs a timezone")

    @property
    def clock(self) -> Clock:
        """Wall-clock time in step with ``time()``."""
        return self._virtual_clock

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._elapsed

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Time stands still while any hold is open. Do not await ``idle`` or timers inside."""
        self._holds += 1
        try:
            yield
        finally:
            self._release()

    async def idle(self) -> None:
        """Return when nothing is ready to run and no hold is open, before time moves on."""
        future: asyncio.Future[None] = self.create_future()
        self._idlers.append(future)
        await future

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, then wait until everything that fell due has run."""
        if seconds < 0:
            raise ValueError("time does not go back")
        if seconds > 0:
            await asyncio.sleep(seconds)
        await self.idle()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As asyncio's, and time stands still until the result is there."""
        future = super().run_in_executor(executor, func, *args)
        self._holds += 1
        future.add_done_callback(self._release)
        return future

    def _release(self, _: object = None) -> None:
        self._holds -= 1

    def _nothing_ready(self, timeout: float | None) -> float | None:
        """Called when no callback and no file is ready: how long to wait in real time (None: until woken)."""
        self._busy.rests()
        if self._holds:
            return None
        idlers = [future for future in self._idlers if not future.done()]
        self._idlers.clear()
        if idlers:
            for future in idlers:
                future.set_result(None)
            return 0
        if timeout is None:
            return STALL_LIMIT
        self._elapsed += timeout
        return 0

    def _something_ready(self) -> None:
        """Called when callbacks are ready, and before they run."""
        if self._holds:
            self._busy.rests()
        else:
            self._busy.goes_on(getattr(self, "_ready", ()))


class _Busy:
    """How long something has been ready all the time, and what it was, by samples."""

    def __init__(self) -> None:
        self._rounds = 0
        self._since = 0.0
        self._seen: Counter[tuple[str, str]] = Counter()

    def rests(self) -> None:
        self._rounds = 0

    def goes_on(self, ready: Iterable[asyncio.Handle]) -> None:
        self._rounds += 1
        if self._rounds == 1:
            self._since = time.thread_time()
            self._seen.clear()
        if self._rounds % BUSY_SAMPLE:
            return
        self._seen.update(task for handle in ready if (task := _task_of(handle)) is not None)
        if time.thread_time() - self._since > BUSY_LIMIT:
            self._give_up()

    def _give_up(self) -> NoReturn:
        self.rests()  # what follows is the end of the tasks, which may take as long again
        # Reconciles come first: the tasks of transports and informers only do what these ask for.
        tasks = sorted((task for task, _ in self._seen.most_common()), key=lambda task: not task[1])
        busiest = ", ".join(f"{name} ({about})" if about else name for name, about in tasks[:3]) or "no task"
        raise NeverAtRest(
            f"something was ready to run for {BUSY_LIMIT:g} s of computing, so virtual time could not move; "
            f"the busiest: {busiest}"
        )


def _task_of(handle: asyncio.Handle) -> tuple[str, str] | None:
    """The name of the task that a callback belongs to, and which object it reconciles ("": none)."""
    task = getattr(getattr(handle, "_callback", None), "__self__", None)
    if not isinstance(task, asyncio.Task):
        return None
    # The keys that kubernaut.reconcile.log binds, as structlog keeps them; importing it here would load the client.
    bound = {var.name: value for var, value in getattr(handle, "_context", {}).items()}
    about = bound.get("structlog_object", ...)
    return task.get_name(), "" if about is ... else f"{bound.get('structlog_controller')} {about}"


class WrappedSelector(selectors.BaseSelector):
    """The platform's selector, for one that does something of its own before it waits."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._selector.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._selector.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._selector.modify(fileobj, events, data)

    def close(self) -> None:
        self._selector.close()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._selector.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._selector.get_map()


class _JumpingSelector(WrappedSelector):
    """A selector that asks the loop before it waits."""

    def __init__(
        self, nothing_ready: Callable[[float | None], float | None], something_ready: Callable[[], None]
    ) -> None:
        super().__init__()
        self._nothing_ready = nothing_ready
        self._something_ready = something_ready

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._selector.select(0)
        if events or (timeout is not None and timeout <= 0):
            self._something_ready()
            return events
        wait = self._nothing_ready(timeout)
        if wait == 0:
            return []
        events = self._selector.select(wait)
        if not events and wait is not None:
            raise NothingLeftToDo(f"nothing is ready, no timer is set and nothing came in {wait:g} real seconds")
        return events


def run_virtual(main: Callable[[], Coroutine[Any, Any, T]], *, start: datetime | None = None) -> T:
    """Run ``main()`` on a fresh virtual-time loop, as ``asyncio.run`` does on an ordinary one."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(start)) as runner:
        return runner.run(main())

"""Runs a program of controllers as a process: signals, logs if asked for, an exit code that says why it ended."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from enum import IntEnum
from types import FrameType
from typing import Any, Literal, NoReturn

from kubernaut.reconcile.election import LeadershipLost
from kubernaut.reconcile.groups import leaves
from kubernaut.reconcile.log import configure_logging, logger
from kubernaut.reconcile.manager import Manager, NotStopped
from kubernaut.reconcile.serving import BindError, CertificateError

FORCED_SECONDS = 5.0
"""How long after a second signal the program may take to unwind; then the process ends where it stands."""

FORCE_AGAIN_SECONDS = 0.2

SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SIGNALLED = 128


class ExitCode(IntEnum):
    """Why a program ended. A second signal gives 128 + its number instead (143 for SIGTERM, 130 for SIGINT)."""

    STOPPED = 0
    """It was asked to stop, by a signal or by `Manager.stop`, and did so in order."""
    FAILED = 1
    """An error: a service kept crashing, or the program itself raised."""
    MISCONFIGURED = 2
    """It never started: what makes the manager raised, or a certificate cannot be used."""
    LEADERSHIP_LOST = 3
    """The lease was lost; another replica leads by now, or soon."""
    NOT_BOUND = 4
    """An address (metrics, health, webhooks) could not be bound."""
    CUT_OFF = 5
    """The graceful timeout passed, and reconciles in flight were cut off."""


LogFormat = Literal["console", "json"]
Program = Manager | Callable[[], Any]
"""A manager; a function that returns an async context manager of one; or a coroutine function, as for `asyncio.run`."""


def main(
    program: Program,
    *,
    log_format: LogFormat | None = None,
    log_level: str | int = "INFO",
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> NoReturn:
    """Run a program of controllers until it ends and exit with its `ExitCode`.

        @asynccontextmanager
        async def widgets() -> AsyncIterator[Manager]:
            async with connect() as client:
                manager = Manager(client)
                manager.add(...)
                yield manager

        kubernaut.main(widgets)

    `program` may also be a Manager, whose client is closed at the end, or a coroutine function that runs everything
    itself (``await manager.run()``), or that returns a Manager to run.

    The first SIGTERM or SIGINT stops the manager in order: reconciles in flight may finish within its graceful timeout.
    A program that has no manager (yet) is cancelled; a manager that it runs itself then stops in order as well. A
    second signal cancels that stop, too, and after five seconds ends the process; a third one ends it at once.
    `log_format` ("console" or "json") configures the log of the process, which without it is left as it is. Signal
    handlers are in place only while it runs.

    Raises RuntimeError outside of the main thread, SystemExit otherwise.
    """
    sys.exit(run_program(program, log_format=log_format, log_level=log_level, loop_factory=loop_factory))


def run_program(
    program: Program,
    *,
    log_format: LogFormat | None = None,
    log_level: str | int = "INFO",
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """As `main`, but return the exit code."""
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            "signals reach the main thread only: call main there, or await manager.run() in your own loop"
        )
    run = _Run()
    with contextlib.ExitStack() as stack:
        if log_format is not None:
            stack.enter_context(configure_logging(log_format, log_level))
        stack.enter_context(_signal_handlers(run.signalled))
        error = run.of(program, loop_factory)
        return run.exit_code(error)


@contextlib.contextmanager
def _signal_handlers(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            # None stands for a handler that was not installed from Python, which cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


class _Run:
    """One run of one program."""

    def __init__(self) -> None:
        self._log = logger("kubernaut.process")
        self._received: list[int] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._last_resort: threading.Timer | None = None
        self._manager: Manager | None = None
        self._made = False
        # A signal interrupts whatever runs: without a context of its own its lines would carry that reconcile's keys.
        self._context = contextvars.copy_context()

    def of(
        self, program: Program, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None
    ) -> BaseException | None:
        """Run to the end; the error that ended it, if one did."""
        try:
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(self._supervised(program))
        except (Exception, asyncio.CancelledError) as error:
            return error
        finally:
            if self._last_resort is not None:
                self._last_resort.cancel()
        return None

    def signalled(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler: it may interrupt anything, so all but the last resort is left to the loop."""
        self._received.append(number)
        if len(self._received) > 2:
            os._exit(_SIGNALLED + number)
        # A loop that is closed already has nothing left to stop.
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._obey, len(self._received), context=self._context)

    def exit_code(self, error: BaseException | None) -> int:
        """The code for how it ended, and a log line that says it to a person."""
        if len(self._received) > 1:
            code = _SIGNALLED + self._received[1]
            self._log.error("ended by force", code=code)
            return code
        if error is None or (self._received and isinstance(error, asyncio.CancelledError)):
            self._log.info("stopped", code=0)
            return ExitCode.STOPPED
        code, cause = self._classified(error)
        unexpected = code in (ExitCode.FAILED, ExitCode.MISCONFIGURED)
        told = f"{type(cause).__name__}: {cause}"
        self._log.error(_MEANING[code], error=told, code=int(code), exc_info=error if unexpected else None)
        return code

    async def _supervised(self, program: Program) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._received:
            self._obey(len(self._received))
        made = program() if callable(program) else program
        if isinstance(made, AbstractAsyncContextManager):
            async with made as manager:
                if not isinstance(manager, Manager):
                    raise _not_a_program(f"the context manager of {program!r} yields {manager!r}")
                await self._ran(manager)
            return
        if inspect.isawaitable(made):
            # It may run its manager itself: its errors are not those of something that never started.
            self._made = True
            made = await made
            if made is None:
                return
        if not isinstance(made, Manager):
            raise _not_a_program(f"{program!r} returned {made!r}" if callable(program) else f"the program is {made!r}")
        async with made.client:
            await self._ran(made)

    async def _ran(self, manager: Manager) -> None:
        self._made = True
        self._manager = manager
        try:
            await manager.run()
        finally:
            self._manager = None

    def _obey(self, signals: int) -> None:
        name = signal.Signals(self._received[signals - 1]).name
        if signals == 1:
            self._log.info("stopping; a second signal forces", signal=name)
        else:
            self._log.warning("forced to end", signal=name)
            code = _SIGNALLED + self._received[1]
            self._last_resort = threading.Timer(FORCED_SECONDS, os._exit, args=(code,))
            self._last_resort.daemon = True
            self._last_resort.start()
        if signals == 1 and self._manager is not None:
            self._manager.stop()
        elif signals == 1 and self._task is not None:
            self._task.cancel()
        else:
            self._force()

    def _force(self) -> None:
        # A cancellation that meets the program before its stop has begun only begins it: the next one breaks into it.
        if self._task is not None and self._loop is not None and not self._task.done():
            self._task.cancel()
            self._loop.call_later(FORCE_AGAIN_SECONDS, self._force)

    def _classified(self, error: BaseException) -> tuple[ExitCode, BaseException]:
        causes = list(leaves(error))
        for kind, code in _CLASSES.items():
            for cause in causes:
                if isinstance(cause, kind):
                    return code, cause
        return (ExitCode.FAILED if self._made else ExitCode.MISCONFIGURED), error


class _NotAProgram(TypeError):
    """What was given to `main` runs nothing."""


def _not_a_program(what: str) -> _NotAProgram:
    return _NotAProgram(
        f"{what}: a program must be a Manager, a coroutine function that returns one or runs one itself, or a function "
        "with @asynccontextmanager that yields one"
    )


_CLASSES: dict[type[BaseException], ExitCode] = {
    LeadershipLost: ExitCode.LEADERSHIP_LOST,
    BindError: ExitCode.NOT_BOUND,
    CertificateError: ExitCode.MISCONFIGURED,
    _NotAProgram: ExitCode.MISCONFIGURED,
    NotStopped: ExitCode.CUT_OFF,
}
"""The first class that is found among the errors decides."""

_MEANING = {
    ExitCode.FAILED: "ended by an error",
    ExitCode.MISCONFIGURED: "could not be started",
    ExitCode.LEADERSHIP_LOST: "ended: the leadership is lost",
    ExitCode.NOT_BOUND: "ended: an address could not be bound",
    ExitCode.CUT_OFF: "ended: reconciles were cut off at the stop",
}

"""Long-lived tasks with an owner: restarted with back-off when they crash, ended one by one in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

import anyio
from anyio.abc import TaskGroup
from structlog.stdlib import BoundLogger

from kubernaut.reconcile.informer import RetryDelay
from kubernaut.reconcile.running.cancellation import is_stray

CRASH_LIMIT = 5
"""A service that crashes more often than this without two minutes of health in between ends the manager."""


@dataclass
class Service:
    """One long-lived task. `scope` ends it alone; `done` is set when it has ended.

    A `fatal` error is not followed by a restart: it ends the manager at once.
    """

    name: str
    body: Callable[[], Awaitable[None]]
    fatal: tuple[type[Exception], ...] = ()
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    done: anyio.Event = field(default_factory=anyio.Event)
    started: bool = False

    async def ended(self) -> None:
        """Wait until it has ended; at once if it was never started."""
        if self.started:
            await self.done.wait()

    async def stop(self) -> None:
        """Cancel it and wait until it has ended."""
        self.scope.cancel()
        await self.ended()


class Supervisor:
    """Hosts services in one task group."""

    def __init__(self, group: TaskGroup, seed: str, log: BoundLogger) -> None:
        self._group = group
        self._seed = seed
        self._log = log

    def start(self, service: Service) -> None:
        """Start a service; it runs until it returns or is stopped."""
        service.started = True
        self._group.start_soon(self._host, service, name=service.name)

    async def _host(self, service: Service) -> None:
        try:
            with service.scope:
                await self._supervise(service)
        finally:
            service.done.set()

    async def _supervise(self, service: Service) -> None:
        delay = RetryDelay(Random(f"{self._seed}/crash/{service.name}"))
        while True:
            try:
                await self._run(service)
                return
            except service.fatal:
                raise
            except Exception:
                wait = delay.next(anyio.current_time())
                if delay.failures > CRASH_LIMIT:
                    self._log.exception("a service keeps crashing: the manager ends", service=service.name)
                    raise
                self._log.exception("a service crashed and is restarted", service=service.name, wait=round(wait, 3))
            await anyio.sleep(wait)

    async def _run(self, service: Service) -> None:
        try:
            await service.body()
        except asyncio.CancelledError:
            if not is_stray():
                raise
            # It would end the whole manager without a word.
            told = f"the service {service.name} raised CancelledError though it was not cancelled"
            raise RuntimeError(told) from None


async def stop_in_reverse(services: list[Service]) -> None:
    """End services one by one, the one started last first."""
    for service in reversed(services):
        await service.stop()

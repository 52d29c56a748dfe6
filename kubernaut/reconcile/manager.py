"""Runs controllers together: shared informers, start and stop order, supervision."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random, SystemRandom

import anyio
from anyio.abc import TaskGroup

from kubernaut.client import Client
from kubernaut.reconcile.cache import Cache
from kubernaut.reconcile.controller import Controller, ControllerRun
from kubernaut.reconcile.events import EventRecorder
from kubernaut.reconcile.informer import RetryDelay
from kubernaut.reconcile.log import logger
from kubernaut.timing import Clock, virtual_time

CRASH_LIMIT = 5
"""A service that crashes more often than this without two minutes of health in between ends the manager."""
FLUSH_SECONDS = 5.0


class NotSynced(TimeoutError):
    """Raised when informers have no complete list in time; names them."""


@dataclass
class _Service:
    """One long-lived task. `scope` ends it alone; `done` is set when it has ended."""

    name: str
    body: Callable[[], Awaitable[None]]
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    done: anyio.Event = field(default_factory=anyio.Event)

    async def stop(self) -> None:
        self.scope.cancel()
        await self.done.wait()


class Manager:
    """Runs controllers on one event loop; may be run again after it stopped, never twice at once.

        manager = Manager(client)
        manager.add(widgets())
        await manager.run()

    `graceful_timeout`: how long reconciles in flight may go on when it stops. `seed` fixes jitter and names; by default
    it is 0 on a virtual-time loop and random elsewhere. `clock`: the wall time that reconcilers see, the loop's by
    default. It installs no signal handlers and leaves the client open.
    """

    def __init__(
        self,
        client: Client,
        *,
        name: str = "kubernaut",
        clock: Clock | None = None,
        seed: int | str | None = None,
        graceful_timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        self.client = client
        self.name = name
        self.graceful_timeout = graceful_timeout
        self._clock = clock
        self._seed = seed
        self._controllers: list[Controller] = []
        self._run: ManagerRun | None = None
        self._stop: anyio.Event | None = None

    def add(self, *controllers: Controller) -> None:
        """Add controllers; raises ValueError for a name that is taken, RuntimeError while running."""
        if self._run is not None:
            raise RuntimeError("controllers cannot be added to a manager that is running")
        for controller in controllers:
            if any(controller.name == other.name for other in self._controllers):
                raise ValueError(f"there is a controller named {controller.name!r} already: give one another name")
            self._controllers.append(controller)

    @property
    def cache(self) -> Cache:
        """The cache of the current run; raises RuntimeError when it is not running."""
        return self._running_now().cache

    @property
    def events(self) -> EventRecorder:
        """The event recorder of the current run; raises RuntimeError when it is not running."""
        return self._running_now().recorder

    async def synced(self) -> None:
        """Wait until every informer has completed its first list. Raises RuntimeError when it is not running."""
        await self._running_now().synced()

    def unsynced(self) -> list[str]:
        """What the manager waits for: informers without a complete list, or whose kind the server does not serve."""
        return self._running_now().unsynced()

    def stop(self) -> None:
        """Make `run` return after an orderly stop; harmless when it is not running."""
        if self._stop is not None:
            self._stop.set()

    async def run(self) -> None:
        """Run until `stop` is called or until cancelled, with an orderly stop in both cases.

        Raises what ended a service that kept crashing.
        """
        async with self.running(wait=False):
            assert self._stop is not None
            await self._stop.wait()

    @asynccontextmanager
    async def running(
        self, *, wait: bool = True, sync_timeout: timedelta = timedelta(minutes=2)
    ) -> AsyncIterator[Manager]:
        """Start, wait until synced (raises NotSynced after `sync_timeout`), and stop in order on leaving."""
        if self._run is not None:
            raise RuntimeError("the manager is running already")
        seed = self._seed
        if seed is None:
            seed = 0 if virtual_time() is not None else SystemRandom().getrandbits(64)
        run = self._run = ManagerRun(self.client, self._controllers, self.name, str(seed), self._clock)
        self._stop = anyio.Event()
        try:
            async with anyio.create_task_group() as group:
                run.start(group)
                try:
                    if wait:
                        await self._wait_synced(run, sync_timeout)
                    yield self
                finally:
                    with anyio.CancelScope(shield=True):
                        await run.stop(self.graceful_timeout.total_seconds())
        except BaseExceptionGroup as group_error:
            raise _only(group_error) from None
        finally:
            self._run = self._stop = None

    async def _wait_synced(self, run: ManagerRun, bound: timedelta) -> None:
        with anyio.move_on_after(bound.total_seconds()):
            await run.synced()
            return
        raise NotSynced(f"no complete list within {bound} of: {', '.join(run.unsynced())}")

    def _running_now(self) -> ManagerRun:
        if self._run is None:
            raise RuntimeError("the manager is not running")
        return self._run


class ManagerRun:
    """One run of a manager: everything that is made at its start and gone at its end."""

    def __init__(
        self, client: Client, controllers: Sequence[Controller], name: str, seed: str, clock: Clock | None
    ) -> None:
        self.cache = Cache(client, seed=seed)
        self.recorder = EventRecorder(client, controller=name, random=Random(f"{seed}/events"), clock=clock)
        self._seed = seed
        self._log = logger("kubernaut.manager").bind(manager=name)
        self._controllers = [
            ControllerRun(c, client, self.cache, self.recorder.named(c.name), seed=seed, clock=clock)
            for c in controllers
        ]
        for controller in self._controllers:
            controller.attach()
        self._background = [_Service("events", self.recorder.run)]
        self._background += [_Service(f"informer {i.scope}", i.run) for i in self.cache.informers]
        self._workers = [_Service(f"controller {c.controller.name}", c.run) for c in self._controllers]

    def start(self, group: TaskGroup) -> None:
        """Start informers before controllers, which wait for them."""
        for service in (*self._background, *self._workers):
            group.start_soon(self._host, service, name=service.name)

    async def synced(self) -> None:
        for informer in self.cache.informers:
            await informer.synced.wait()

    def unsynced(self) -> list[str]:
        return [
            f"{informer.scope} (not served)" if informer.absent else str(informer.scope)
            for informer in self.cache.informers
            if informer.absent or not informer.synced.is_set()
        ]

    async def stop(self, grace: float) -> None:
        """Let reconciles in flight finish for `grace` seconds, then end every task, one by one, in reverse order."""
        for controller in reversed(self._controllers):
            controller.stop()
        with anyio.move_on_after(grace) as waiting:
            for service in reversed(self._workers):
                await service.done.wait()
        if waiting.cancelled_caught:
            self._log.warning("reconciles were cut off at the stop", after=grace)
        for service in reversed(self._workers):
            await service.stop()
        events, *informers = self._background
        if not events.done.is_set():
            with anyio.move_on_after(FLUSH_SECONDS):
                await self.recorder.drained()
        for service in (*reversed(informers), events):
            await service.stop()

    async def _host(self, service: _Service) -> None:
        try:
            with service.scope:
                await self._supervise(service)
        finally:
            service.done.set()

    async def _supervise(self, service: _Service) -> None:
        """Restart a service that raises, with back-off; one that keeps crashing takes the manager down."""
        delay = RetryDelay(Random(f"{self._seed}/crash/{service.name}"))
        while True:
            try:
                await service.body()
                return
            except Exception:
                wait = delay.next(anyio.current_time())
                if delay.failures > CRASH_LIMIT:
                    self._log.exception("a service keeps crashing: the manager ends", service=service.name)
                    raise
                self._log.exception("a service crashed and is restarted", service=service.name, wait=round(wait, 3))
            await anyio.sleep(wait)


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one exception of nested groups that hold nothing else; else the group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error

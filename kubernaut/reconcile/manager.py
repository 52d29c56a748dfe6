"""Runs controllers together: shared informers, start and stop order, supervision."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from random import SystemRandom
from types import NoneType
from typing import TYPE_CHECKING, Any

import anyio
from prometheus_client import CollectorRegistry

from kubernaut.client import Client
from kubernaut.reconcile.cache import Cache, CacheOptions
from kubernaut.reconcile.controller import Controller
from kubernaut.reconcile.election import LeaderElection
from kubernaut.reconcile.events import EventRecorder
from kubernaut.reconcile.groups import only_error
from kubernaut.reconcile.metrics import RuntimeMetrics
from kubernaut.reconcile.running.manager import ManagerRun
from kubernaut.reconcile.running.readiness import INFORMERS, not_running
from kubernaut.reconcile.running.wiring import ExtraService, ServiceBody, Wiring
from kubernaut.reconcile.serving import (
    App,
    Authenticate,
    Checks,
    Endpoint,
    IssuedTls,
    TlsFiles,
    TlsSource,
    metrics_app,
    probes_app,
)
from kubernaut.reconcile.serving.bind import Bind
from kubernaut.reconcile.settings import check_duration, check_type
from kubernaut.timing import Clock, virtual_time

if TYPE_CHECKING:
    from kubernaut.reconcile.webhooks import Webhook
    from kubernaut.reconcile.webhooks.certificates import ManagedCertificates


class NotSynced(TimeoutError):
    """Raised when informers have no complete list in time; names them."""


class NotStopped(TimeoutError):
    """Raised by `Manager.run` after a stop for which reconciles in flight had to be cut off."""


class Manager:
    """Runs controllers on one event loop; may be run again after it stopped, never twice at once.

        manager = Manager(client)
        manager.add(widgets())
        await manager.run()

    `leader_election`: of the replicas with one lease, the leader's controllers work; the others keep their caches warm.
    `cache`: what is kept of objects in memory. `metrics_bind` and `health_bind` (":8080", "127.0.0.1:0"; None: not
    served) are where `/metrics`, and `/healthz` with `/readyz`, are served; they may be the same. `metrics_tls` and
    `metrics_access` (a TokenReview, say) protect the metrics, which are in `registry`, by default one of the manager's
    own. `healthz` and `readyz` take checks of yours. `graceful_timeout`: how long reconciles in flight may go on when
    it stops; what is left of it, five seconds at most, is for events that are not written yet. `seed` fixes jitter and
    names; by default it is 0 on a virtual-time loop and random elsewhere. `clock`: the wall time that reconcilers see,
    the loop's by default. It installs no signal handlers and leaves the clients open. Raises TypeError and ValueError
    for settings that cannot work.
    """

    def __init__(
        self,
        client: Client,
        *,
        name: str = "kubernaut",
        clock: Clock | None = None,
        seed: int | str | None = None,
        graceful_timeout: timedelta = timedelta(seconds=30),
        leader_election: LeaderElection | None = None,
        cache: CacheOptions | None = None,
        metrics_bind: str | None = None,
        metrics_tls: TlsFiles | None = None,
        metrics_access: Authenticate | None = None,
        health_bind: str | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        check_type("client", client, Client, "a Client, as connect() yields")
        check_type("name", name, str, "a text")
        check_duration("graceful_timeout", graceful_timeout)
        _check_optional("leader_election", leader_election, LeaderElection, 'LeaderElection("the name of a lease")')
        _check_optional("cache", cache, CacheOptions, "CacheOptions")
        _check_bind("metrics_bind", metrics_bind)
        _check_tls("metrics_tls", metrics_tls)
        _check_bind("health_bind", health_bind)
        _check_optional("registry", registry, CollectorRegistry, "a CollectorRegistry")
        self.client = client
        self.name = name
        self.graceful_timeout = graceful_timeout
        self.leader_election = leader_election
        self._cache_options = cache or CacheOptions()
        self.metrics = RuntimeMetrics(registry)
        self.healthz, self.readyz = Checks(), Checks()
        self.readyz.add(INFORMERS, not_running)
        self._endpoints = [
            Endpoint("metrics_bind", metrics_bind, self._metrics_apps(metrics_access), metrics_tls),
            Endpoint("health_bind", health_bind, {"/": probes_app(self.healthz, self.readyz)}),
        ]
        self._clock = clock
        self._seed = seed
        self._clusters: dict[str, Client] = {"": client}
        self._controllers: list[Controller] = []
        self._services: list[ExtraService] = []
        self._managed: list[tuple[ManagedCertificates, IssuedTls]] = []
        self._running = False
        self._run: ManagerRun | None = None
        # Made anew when a run ends, so that a stop between two runs is not lost.
        self._stop = anyio.Event()
        self._stopped_in_time = True

    @property
    def controllers(self) -> tuple[Controller, ...]:
        """What was added."""
        return tuple(self._controllers)

    def add(self, *controllers: Controller) -> None:
        """Add controllers; raises ValueError for a name that is taken, RuntimeError while running."""
        self._not_while_running("controllers")
        for controller in controllers:
            check_type("what is added", controller, Controller, "a Controller, or several: add(one, another)")
            if any(controller.name == other.name for other in self._controllers):
                raise ValueError(f"there is a controller named {controller.name!r} already: give one another name")
            self._controllers.append(controller)

    def add_service(self, name: str, body: ServiceBody, *, leader_elected: bool = False) -> None:
        """Run a task of yours with the manager: after the caches have started, cancelled when it stops.

        One that returns has done its work; one that raises is started again with back-off, and ends the manager if it
        keeps raising. With `leader_elected` it runs while this process leads (with shards: holds the first). Raises
        ValueError for a name that is taken, RuntimeError while running.
        """
        self._not_while_running("services")
        _check_body(name, body)
        if any(name == other.name for other in self._services):
            raise ValueError(f"there is a service named {name!r} already: give one another name")
        self._services.append(ExtraService(name, body, leader_elected))

    def add_webhooks(
        self, *webhooks: Webhook, bind: str = ":9443", tls: TlsFiles | ManagedCertificates | None = None
    ) -> None:
        """Serve webhooks at `bind`, each at its path, on every replica: the API server calls whichever it likes.

        API servers speak TLS only: `tls` are files, read again when they change, or certificates that the replicas make
        and renew themselves; without, something else must end it. Webhooks with managed certificates are served as soon
        as there is one; readiness (check "webhooks") waits for it, liveness does not. Raises ValueError for two
        webhooks at one path, RuntimeError while running, ImportError where managed certificates lack their extra.
        """
        self._not_while_running("webhooks")
        for webhook in webhooks:
            if not hasattr(webhook, "path"):
                raise TypeError(f"{webhook!r} is no webhook: pass them one by one, add_webhooks(one, another)")
        _check_bind("bind", bind)
        # Imported where there are webhooks: they are a sixth of what importing a manager would take.
        from kubernaut.reconcile.webhooks import webhooks_app
        from kubernaut.reconcile.webhooks.certificates import ManagedCertificates

        _check_optional("tls", tls, (TlsFiles, ManagedCertificates), "TlsFiles, or ManagedCertificates")
        app = webhooks_app(webhooks, registry=self.metrics.registry)
        self._endpoints.append(Endpoint("webhooks", bind, dict.fromkeys(app.paths, app), self._source(tls)))

    def _source(self, tls: TlsFiles | ManagedCertificates | None) -> TlsSource | None:
        if tls is None or isinstance(tls, TlsFiles):
            return tls
        tls.require()
        for settings, issued in self._managed:
            if settings == tls:
                return issued
        issued = IssuedTls(f"Secret {tls.secret}")
        self._managed.append((tls, issued))
        return issued

    def add_cluster(self, name: str, client: Client) -> None:
        """Work in one more cluster, from now on; `Request.cluster` and `Context.clusters` know it by `name`.

        Does not wait: the cluster's objects are reconciled as its lists come in, and a cluster that cannot be reached
        is tried again and again. During a stop it is only remembered, for the next run. Raises ValueError for a name
        that is empty or taken.
        """
        check_type("client", client, Client, "a Client, as connect() yields")
        if not name:
            raise ValueError("the name of a cluster must not be empty: that is the manager's own")
        if name in self._clusters:
            raise ValueError(f"there is a cluster named {name!r} already: remove it first")
        self._clusters[name] = client
        if self._run is not None:
            self._run.add_cluster(name, client)

    async def remove_cluster(self, name: str) -> None:
        """Work in a cluster no longer. Reconciles in flight for it get `graceful_timeout`, and are then cut off.

        Returns when they have ended and its events are written, five seconds after the cut at most; cancelling the call
        cuts at once. Its client is left open. Raises ValueError for a name that is not there.
        """
        if not name or name not in self._clusters:
            raise ValueError(f"there is no cluster named {name!r} to remove")
        del self._clusters[name]
        if self._run is not None:
            await self._run.remove_cluster(name, self.graceful_timeout.total_seconds())

    @property
    def cache(self) -> Cache:
        """The cache of the manager's own cluster; raises RuntimeError when it is not running."""
        return self._running_now().own.cache

    @property
    def events(self) -> EventRecorder:
        """The event recorder of the manager's own cluster; raises RuntimeError when it is not running."""
        return self._running_now().own.recorder

    async def synced(self) -> None:
        """Wait until every informer has completed its first list. Raises RuntimeError when it is not running."""
        await self._running_now().synced()

    def unsynced(self) -> list[str]:
        """What the manager waits for: informers without a complete list, or whose kind the server does not serve."""
        return self._running_now().unsynced()

    def url(self, endpoint: str) -> str:
        """Where "metrics_bind", "health_bind" or "webhooks" is served; raises RuntimeError where it is not."""
        return self._running_now().url(endpoint)

    def stop(self) -> None:
        """Make `run` return after an orderly stop; before a run it makes the next one return as soon as it started."""
        self._stop.set()

    async def run(self) -> None:
        """Run until `stop` is called or until cancelled, with an orderly stop in both cases.

        Raises LeadershipLost when the lease was lost (everything was cancelled at once: end the process), NotStopped
        when reconciles had to be cut off at the end of `graceful_timeout`, and what ended a service that kept crashing.
        """
        async with self.running(wait=False):
            await self._stop.wait()
        if not self._stopped_in_time:
            raise NotStopped(f"reconciles in flight did not end within {self.graceful_timeout} and were cut off")

    @asynccontextmanager
    async def running(
        self, *, wait: bool = True, sync_timeout: timedelta = timedelta(minutes=2)
    ) -> AsyncIterator[Manager]:
        """Start, wait until synced (raises NotSynced after `sync_timeout`), and stop in order on leaving."""
        if self._running:
            raise RuntimeError("the manager is running already")
        self._running = True
        try:
            async with anyio.create_task_group() as group:
                run = self._run = ManagerRun(self._wiring(), group)
                try:
                    await run.start()
                    if wait:
                        await self._wait_synced(run, sync_timeout)
                    yield self
                finally:
                    with anyio.CancelScope(shield=True):
                        self._stopped_in_time = await run.stop(self.graceful_timeout.total_seconds())
        except BaseExceptionGroup as group_error:
            raise only_error(group_error) from None
        finally:
            self._running, self._run, self._stop = False, None, anyio.Event()

    def _metrics_apps(self, access: Authenticate | None) -> dict[str, App]:
        return {"/metrics": metrics_app(self.metrics.registry, access)}

    def _wiring(self) -> Wiring:
        seed = self._seed
        if seed is None:
            seed = 0 if virtual_time() is not None else SystemRandom().getrandbits(64)
        return Wiring(
            clusters=dict(self._clusters),
            controllers=tuple(self._controllers),
            services=tuple(self._services),
            name=self.name,
            seed=str(seed),
            clock=self._clock,
            election=self.leader_election,
            cache=self._cache_options,
            endpoints=tuple(self._endpoints),
            metrics=self.metrics,
            readyz=self.readyz,
            managed=tuple(self._managed),
        )

    async def _wait_synced(self, run: ManagerRun, bound: timedelta) -> None:
        with anyio.move_on_after(bound.total_seconds()):
            await run.synced()
            return
        raise NotSynced(f"no complete list within {bound} of: {', '.join(run.unsynced())}")

    def _not_while_running(self, what: str) -> None:
        if self._running:
            raise RuntimeError(f"{what} cannot be added to a manager that is running")

    def _running_now(self) -> ManagerRun:
        if self._run is None:
            raise RuntimeError("the manager is not running")
        return self._run


def _check_optional(name: str, value: object, wanted: type | tuple[type, ...], example: str) -> None:
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    check_type(name, value, (*kinds, NoneType), f"{example}, or None")


def _check_bind(name: str, bind: object) -> None:
    check_type(name, bind, (str, NoneType), 'an address such as ":8080", or None')
    Bind.parse(None if bind is None else str(bind), name)


def _check_tls(name: str, tls: object) -> None:
    _check_optional(name, tls, TlsFiles, "TlsFiles of a certificate and a key")


def _check_body(name: str, body: Any) -> None:
    if inspect.iscoroutine(body):
        body.close()
        raise TypeError(
            f"the body of the service {name!r} is a coroutine: give the function itself, without calling it"
        )
    if not callable(body):
        raise TypeError(f"the body of the service {name!r} is {body!r}: it must be a coroutine function")

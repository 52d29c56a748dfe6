"""RealCluster: a real API server with FakeCluster's face, as new for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import anyio

from kubernaut.client import Client
from kubernaut.client.transports.faults import Faults, FaultyTransport
from kubernaut.fake.apiserver import LoggedRequest
from kubernaut.fake.controlplane.behaviour import PodBehaviour, PodScript
from kubernaut.fake.loading import Loaded, Loader, Source, read
from kubernaut.reconcile import Controller, Manager
from kubernaut.reconcile.permissions import declared as only_declared
from kubernaut.reconcile.permissions import manager_permissions
from kubernaut.resources import Resource, crd_for
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import Container
from kubernaut.testing.clusters.access import PodCommands, open_as_account, open_to
from kubernaut.testing.clusters.backend import Backend
from kubernaut.testing.clusters.dumping import dump
from kubernaut.testing.clusters.logs import PodLogs
from kubernaut.testing.clusters.nodes import running_nodes
from kubernaut.testing.clusters.offsettime import OffsetTimeLoop
from kubernaut.testing.clusters.recording import Recording, RequestLog
from kubernaut.testing.clusters.resting import Rest, settle
from kubernaut.testing.clusters.serving import Discovered

__all__ = ["RealCluster"]

_QUIET = timedelta(seconds=2)
_TOKEN_LIFE = timedelta(hours=1)
_SETTLE_LIMIT = timedelta(hours=1)
_ADMINISTRATOR = "kubernetes-admin"


class RealCluster:
    """A real API server for one test, on an `OffsetTimeLoop`; implements `Cluster`.

    The options are those of `FakeCluster`, as far as they have a meaning: RBAC is what the server has; `nodes` and
    `behaviour` are for servers without real nodes, where kubernaut's own scheduler and kubelet run pods; without
    `controlplane` neither these nor kube-controller-manager run, if the server is a local one.

    `requests`, `faults`, and what `running` runs pass through this class; the nodes and `load` do not. `advance` moves
    the loop of the test and the nodes. The server and kube-controller-manager go by the machine's clock: TTLs,
    deadlines of Jobs and expiring tokens do not come sooner.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        controlplane: bool = True,
        rbac: bool = False,
        seed: int = 0,
        nodes: int = 2,
        behaviour: PodBehaviour | None = None,
        crds: Sequence[type[Resource]] = (),
        declared: bool = False,
    ) -> None:
        self.faults = Faults(seed)
        self.behaviour = behaviour
        self._backend = backend
        self._controlplane = controlplane
        self._declared = declared
        self._seed = seed
        self._nodes = nodes
        self._crds = [crd_for(model) for model in crds]
        self._managers = 0
        self._log = RequestLog(_ADMINISTRATOR)
        self._began = 0
        self._stop = asyncio.Event()
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests of `client`, of clients derived from it and of the controllers under test, oldest first."""
        return self._log.requests

    def client_as(self, user: str, groups: Sequence[str] = ()) -> Client:
        """A client that acts as another user, by impersonation; it is closed with the cluster."""
        return self.client.impersonating(user, groups)

    async def client_as_service_account(self, namespace: str, name: str, *, expires: timedelta = _TOKEN_LIFE) -> Client:
        """A client with a token of a ServiceAccount, from the TokenRequest API; closing it is the caller's.

        The token ends after `expires` (ten minutes at least) by the server's clock. Raises NotFound.
        """
        transport = await open_as_account(self._own, self._backend.target, namespace, name, expires=expires)
        log = RequestLog(f"system:serviceaccount:{namespace}:{name}")
        log.requests, log.made = self._log.requests, self._log.made
        return Client(FaultyTransport(Recording(transport, log), self.faults))

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, OffsetTimeLoop):
            raise RuntimeError("a RealCluster needs an OffsetTimeLoop: its fixture `cluster` has one")
        self._loop = loop
        transport = await open_to(self._backend.target)
        self._own = Client(Recording(transport, RequestLog(_ADMINISTRATOR)))
        self.client = Client(FaultyTransport(Recording(transport, self._log), self.faults))
        self._rest = Rest(self._own, loop, self._backend.rest, self._log)
        try:
            await self._begin()
        except BaseException:
            await self._end()
            raise
        loop.come_to_rest = self._rest.reached
        return self

    async def _begin(self) -> None:
        await self._backend.begin(self._own, self._crds)
        self._began = await self._rest.revision()
        if not self._controlplane:
            return
        await self._backend.start_controllers(self._own)
        self._task = asyncio.create_task(self._run(), name="nodes")
        ready = asyncio.ensure_future(self._ready.wait())
        try:
            await asyncio.wait((self._task, ready), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._task.done():
            await self._task

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        self._loop.come_to_rest = self._loop.idle
        self._stop.set()
        with anyio.CancelScope(shield=True):
            try:
                if self._task is not None:
                    await self._task
            finally:
                try:
                    await self._backend.end(self._own, self._log.made)
                finally:
                    await self.client.aclose()

    async def _run(self) -> None:
        tls = self._backend.kubelet_tls
        async with AsyncExitStack() as stack:
            if tls is not None:
                logs = await stack.enter_async_context(PodLogs().serving(tls))
                runner = PodCommands(self._own, self._backend.target)
                nodes = running_nodes(self._own, runner, self._behave, logs, count=self._nodes, seed=self._seed)
                await stack.enter_async_context(nodes)
            self._ready.set()
            await self._stop.wait()

    def _behave(self, pod: Pod, container: Container, restarts: int) -> PodScript | None:
        return self.behaviour(pod, container, restarts) if self.behaviour is not None else None

    @asynccontextmanager
    async def running(self, *controllers: Controller, declared: bool | None = None) -> AsyncIterator[Manager]:
        """As FakeCluster.running."""
        self._managers += 1
        limited = self._declared if declared is None else declared
        rights = only_declared(self.client, manager_permissions(controllers)) if limited else nullcontext(self.client)
        with rights as client:
            manager = Manager(client, name=f"test-{self._managers}", seed=self._seed + self._managers)
            manager.add(*controllers)
            async with manager.running():
                yield manager

    async def settled(self, quiet: timedelta = _QUIET, within: timedelta = _SETTLE_LIMIT) -> None:
        """Wait until nothing has been written for `quiet`. Raises NotSettled if that does not happen `within` a time.

        The server and its controllers are waited for in real time, until the server's revision has stood still for a
        moment; what is due here within `quiet` is not waited for, but brought about.
        """
        await settle(self._loop, self._rest, quiet.total_seconds(), within.total_seconds())

    async def advance(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass for controllers and simulated nodes, timer by timer; the server's clock is not moved."""
        total = timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds()
        await self._loop.advance(total)

    async def load(self, source: Source, *, strict: bool = False) -> Loaded:
        """As FakeCluster.load. Servers before 1.25 know no `strict` and drop unknown fields."""
        client = self._own.through(lambda inner: Recording(inner, self._made_by_load))
        return await Loader(Discovered(client), client, strict=strict).load(read(source))

    @property
    def _made_by_load(self) -> RequestLog:
        log = RequestLog(_ADMINISTRATOR)
        log.made = self._log.made
        return log

    def dump(self) -> list[dict[str, Any]]:
        """All objects that were written since the test began, by kind; blocks until they are read."""
        return dump(self._backend.target, self._began)

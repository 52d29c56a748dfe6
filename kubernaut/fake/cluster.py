"""FakeCluster: an API server in memory with its control plane, for tests and demonstrations."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
import msgspec

from kubernaut.client import Client
from kubernaut.client.transports.faults import Faults, FaultyTransport
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake.apiserver import ApiServer, LoggedRequest, User
from kubernaut.fake.controlplane import controlplane
from kubernaut.fake.controlplane.behaviour import PodBehaviour, PodScript
from kubernaut.fake.controlplane.binary import Binary
from kubernaut.fake.controlplane.gc import GarbageCollector
from kubernaut.fake.controlplane.nodes import node
from kubernaut.fake.controlplane.processes import Processes
from kubernaut.fake.ending import Ending
from kubernaut.fake.kubeconfig import write_kubeconfig
from kubernaut.fake.loading import KindsOf, Loaded, Loader, Source, read
from kubernaut.fake.settling import settled
from kubernaut.reconcile import Controller, Manager
from kubernaut.reconcile.permissions import declared as only_declared
from kubernaut.reconcile.permissions import manager_permissions
from kubernaut.reconcile.serving import HttpServer
from kubernaut.resources import Resource, crd_for
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import Container
from kubernaut.timing import virtual_time

_QUIET = timedelta(seconds=2)
_TOKEN_LIFE = timedelta(hours=1)
_SETTLE_LIMIT = timedelta(hours=1)
_ADMINISTRATOR = User("kubernetes-admin", ("system:masters", "system:authenticated"))


class FakeCluster:
    """A cluster in memory. Use it as an async context manager::

        async with FakeCluster() as cluster:
            await cluster.client.create(deployment)
            await cluster.settled()

    `controlplane`: whether Deployments, Jobs, pods, namespaces and owner references come to life, on `nodes` simulated
    nodes. `rbac`: whether Roles and bindings are enforced on users other than the administrator. The same `seed`, on a
    virtual-time loop, gives the same run. `behaviour` says what containers do; it may be set at any time. `crds`: your
    own kinds, whose CRDs are there from the start. `kubectl`: the program that runs the kubectl commands of containers,
    in real time and with a token of their ServiceAccount; by default an interpreter does, in virtual time.

    `faults` injects faults into the requests of `client`, of the clients derived from it and of the controllers that
    `running` runs; the control plane, the commands in its pods and `load` are spared.

    `declared`: the controllers that `running` runs may do what follows from them and what they declare, and nothing
    else; see there.

    The control plane runs in a task of its own, which ends before the context is left; an error that ended it is raised
    on leaving.
    """

    def __init__(
        self,
        *,
        controlplane: bool = True,
        rbac: bool = False,
        seed: int = 0,
        nodes: int = 2,
        behaviour: PodBehaviour | None = None,
        crds: Sequence[type[Resource]] = (),
        kubectl: str | Path | None = None,
        declared: bool = False,
    ) -> None:
        # the control plane makes default ServiceAccounts and stands for the controllers that keep quotas
        self.server = ApiServer(seed=seed, rbac=rbac, service_accounts=controlplane, quotas=controlplane)
        self.faults = Faults(seed)
        self.client = Client(FaultyTransport(InProcessTransport(self.server), self.faults))
        self._own = Client(InProcessTransport(self.server))
        self.behaviour = behaviour
        self._crds = tuple(crds)
        self._kubectl = kubectl
        self._declared = declared
        self._controlplane = controlplane
        self._seed = seed
        self._nodes = nodes
        self._managers = 0
        self._url: str | None = None
        self._token = secrets.token_urlsafe(24)
        self.server.add_token(self._token, _ADMINISTRATOR)
        self._stop = asyncio.Event()
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def requests(self) -> list[LoggedRequest]:
        """Every request that was answered, oldest first."""
        return self.server.requests

    def client_as(self, user: str, groups: Sequence[str] = ()) -> Client:
        """A client that acts as another user; it is closed with the cluster."""
        return self.client.impersonating(user, groups)

    async def client_as_service_account(self, namespace: str, name: str, *, expires: timedelta = _TOKEN_LIFE) -> Client:
        """A client with a token of a ServiceAccount, as a pod has one; closing it is the caller's.

        The token ends after `expires` of the cluster's time (ten minutes at least), and with the ServiceAccount: then
        requests get 401. Raises NotFound.
        """
        url = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        body = {"spec": {"expirationSeconds": int(expires.total_seconds())}}
        answer = await self._own.request("POST", url, body=body)
        token = msgspec.json.decode(answer.body)["status"]["token"]
        headers = [("authorization", f"Bearer {token}")]
        return Client(FaultyTransport(InProcessTransport(self.server, headers=headers), self.faults))

    async def __aenter__(self) -> Self:
        await self.load([crd_for(model) for model in self._crds])
        if self._controlplane:
            for number in range(1, self._nodes + 1):
                await self._own.create(node(number))
            self._task = asyncio.create_task(self._run(), name="fake control plane")
            ready = asyncio.ensure_future(self._ready.wait())
            try:
                await asyncio.wait((self._task, ready), return_when=asyncio.FIRST_COMPLETED)
            except BaseException:
                await self._end()
                raise
            finally:
                ready.cancel()
            if self._task.done():
                await self._end()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        self._stop.set()
        try:
            if self._task is not None:
                with anyio.CancelScope(shield=True):
                    await self._task
        finally:
            self.server.close()
            await self.client.aclose()
            await self._own.aclose()

    async def _run(self) -> None:
        client = self._own.managing_as("kube-controller-manager")
        binary = Binary(self._kubectl, self.server, self._own) if self._kubectl is not None else None
        processes = Processes(self._own, binary)
        manager = Manager(client, name="kube-controller-manager", seed=self._seed)
        manager.add(*controlplane(processes, self._behave, self.server.set_pod_log))
        async with processes.running(), manager.running(), anyio.create_task_group() as group:
            group.start_soon(GarbageCollector(client).run, name="gc")
            self._ready.set()
            await self._stop.wait()
            group.cancel_scope.cancel()

    def _behave(self, pod: Pod, container: Container, restarts: int) -> PodScript | None:
        return self.behaviour(pod, container, restarts) if self.behaviour is not None else None

    @asynccontextmanager
    async def running(self, *controllers: Controller, declared: bool | None = None) -> AsyncIterator[Manager]:
        """Run controllers against this cluster, synced when the body starts, stopped in order at its end.

        With `declared` (by default what the cluster was told) a request that neither follows from the controllers nor
        is among their `permissions` is answered 403, and raises Undeclared at the end, whatever became of the 403.
        """
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

        A leader's lease does not count. What is to happen later than `quiet` (a requeue in a minute, say) is not waited
        for: see `advance`.
        """
        await settled(self.server, quiet.total_seconds(), within.total_seconds())

    async def advance(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass, and what falls due in it happen; on an ordinary loop it takes as long as it says."""
        total = timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds()
        time = virtual_time()
        if time is not None:
            await time.advance(total)
        else:
            await asyncio.sleep(total)

    async def load(self, source: Source, *, strict: bool = False) -> Loaded:
        """Create objects from a file, a folder, YAML text or dicts, statuses included.

        CRDs come first, missing namespaces are created, kinds without a CRD get one that takes everything (the result
        names them). Objects that exist are replaced. With `strict`, fields that a kind
        does not have are refused. Raises ValueError, OSError, and LoadError for an object that the
        server refused.
        """
        return await Loader(KindsOf(self.server), self._own, strict=strict).load(read(source))

    @asynccontextmanager
    async def serve(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[str]:
        """Serve the cluster over HTTP while the body runs; yields the URL. Port 0 is any free one.

        For an ordinary event loop: on a virtual-time loop nobody waits for sockets, except within
        `kubernaut.timing.hold`. At the end watches over HTTP are ended. Raises BindError.
        """
        app = Ending(self.server)
        async with HttpServer(app, f"{host}:{port}", name="port", grace=1.0) as http:
            self._url = http.url
            try:
                yield http.url
            finally:
                self._url = None
                app.end()

    def kubeconfig(self, path: str | Path) -> Path:
        """Write a kubeconfig for the served cluster, whose user is an administrator; returns the path.

        Raises RuntimeError while the cluster is not served, ForeignKubeconfig for a file that holds something else.
        """
        if self._url is None:
            raise RuntimeError("the cluster is not served: use `async with cluster.serve():` around this")
        write_kubeconfig(Path(path), self._url, self._token)
        return Path(path)

    def dump(self) -> list[dict[str, Any]]:
        """All objects, as private copies."""
        return self.server.dump()

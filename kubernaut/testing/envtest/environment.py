"""A real control plane for tests: what users of `kubernaut.testing` see of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio

from kubernaut.client import Client
from kubernaut.client.connect import connect
from kubernaut.testing.envtest.controlplane import ASSETS, ControlPlane
from kubernaut.testing.envtest.errors import EnvTestError
from kubernaut.testing.envtest.files import MASTERS, Tokens, kubeconfig

__all__ = ["EnvTest"]

T = TypeVar("T")
START_SECONDS = 90.0
TOKEN_SECONDS = 3600


class EnvTest:
    """A real etcd, kube-apiserver and kube-controller-manager on this machine, gone with the block::

        async with EnvTest() as env, env.client() as client:
            await client.create(...)

    ``assets`` is the folder with the programs (default: what KUBEBUILDER_ASSETS names), any version from 1.20 on.
    There is RBAC, the admission plugins are those of a normal cluster, and the controllers are those that need neither
    a cloud nor machines: no kubelet, so pods stay Pending. Without ``controller_manager`` nothing is collected,
    namespaces are not emptied, and a pod needs a ServiceAccount that you make. ``folder`` takes the programs' logs
    and keeps them; all else lies in a temporary folder that goes with the environment. ``tokens`` are known to the
    server beside client certificates and ServiceAccounts' tokens: ``{"secret": ("jane", ["developers"])}``. Start-up is
    bounded by ``start_seconds``.

    It belongs to no event loop: ``with EnvTest() as env`` works as well (for a fixture of a whole session), and the
    methods may be called from any loop, one call at a time. On a virtual-time loop time stands still meanwhile. The
    programs end with this process, however it ends.

    Every method raises EnvTestError when something does not get ready, with the tail of the log of the program at
    fault. A start that is cancelled leaves nothing behind.
    """

    def __init__(
        self,
        assets: str | os.PathLike[str] | None = None,
        *,
        controller_manager: bool = True,
        folder: str | os.PathLike[str] | None = None,
        tokens: Tokens | None = None,
        start_seconds: float = START_SECONDS,
    ) -> None:
        found = assets if assets is not None else os.environ.get(ASSETS)
        if not found:
            raise EnvTestError(
                f"{ASSETS} is not set: it names the folder with etcd, kube-apiserver and kube-controller-manager"
                " (`setup-envtest use -p path` of controller-runtime prints it)"
            )
        self._plane = ControlPlane(
            Path(found),
            Path(folder) if folder is not None else None,
            tokens or {},
            controller_manager=controller_manager,
            start_seconds=start_seconds,
        )

    @property
    def url(self) -> str:
        """The API server's, ``https://127.0.0.1:PORT``; the same after a restart."""
        return self._plane.url

    @property
    def certificate_authority(self) -> bytes:
        """What the server's certificate is checked against, PEM."""
        return self._plane.files.serving_authority.read_bytes()

    def log(self, program: str) -> Path:
        """The log of ``etcd``, ``kube-apiserver`` or ``kube-controller-manager``. Raises KeyError for another."""
        return self._plane.log(program)

    def kubeconfig(
        self,
        user: str = "admin",
        groups: Sequence[str] = (MASTERS,),
        *,
        namespace: str = "default",
        server: str | None = None,
    ) -> dict[str, Any]:
        """A kubeconfig, as data, with a new client certificate for ``user``, whom RBAC knows by name and groups.

        ``server`` is another URL than `url`, of a proxy on 127.0.0.1 or localhost for instance. `connect` takes it;
        for kubectl write it to a file: JSON will do.
        """
        return self._plane.files.kubeconfig(server or self.url, user, groups, namespace)

    def certificate(self, user: str, groups: Sequence[str] = ()) -> tuple[bytes, bytes]:
        """A new client certificate and its key, PEM: for kubeconfigs that name files."""
        pair = self._plane.files.client(user, groups)
        return pair.certificate, pair.key

    def client(
        self, user: str = "admin", groups: Sequence[str] = (MASTERS,), *, namespace: str = "default", **options: Any
    ) -> AbstractAsyncContextManager[Client]:
        """A client that is ``user``, over the network transport; ``options`` are those of `connect`."""
        return connect(self.kubeconfig(user, groups, namespace=namespace), **options)

    async def token(self, namespace: str, name: str, *, seconds: int = TOKEN_SECONDS) -> str:
        """A token of an existing ServiceAccount, at least 600 s long; it ends early when the ServiceAccount is
        deleted."""
        return await self._run(lambda: self._plane.create_token(namespace, name, seconds))

    async def kubeconfig_for_service_account(
        self, namespace: str, name: str, *, server: str | None = None
    ) -> dict[str, Any]:
        """A kubeconfig, as data, with a token of that ServiceAccount, in its namespace."""
        token = await self.token(namespace, name)
        return kubeconfig(server or self.url, self.certificate_authority, {"token": token}, namespace)

    async def stop_api_server(self, *, kill: bool = False) -> None:
        """End the API server, in order or (``kill``) as a crash does; its data stay. Ended already: nothing happens."""
        await self._run(lambda: self._plane.stop_api_server(kill=kill))

    async def start_api_server(self) -> None:
        """Start it again on its port, with its data, and wait until it is ready."""
        await self._run(self._plane.start_api_server)

    async def restart_api_server(self, *, kill: bool = False) -> None:
        """Stop and start."""
        await self.stop_api_server(kill=kill)
        await self.start_api_server()

    async def compact(self) -> int:
        """Throw away etcd's history; returns the revision up to which.

        A running API server still answers watches from what it keeps in memory; after a restart too old a
        resourceVersion gets 410 Expired.
        """
        return await self._run(self._plane.compact)

    async def rotate_serving_certificate(self, *, authority: bool = False) -> None:
        """Give the API server a new certificate and restart it; with ``authority`` from a new authority, and
        kubeconfigs made before do not trust it."""
        await self._run(lambda: self._plane.rotate_serving(authority=authority))

    async def rotate_client_authority(self, *, keep_old: bool = False) -> None:
        """Make client certificates by a new authority and restart the API server. Kubeconfigs made before are
        refused, unless ``keep_old``."""
        await self._run(lambda: self._plane.rotate_clients(keep_old=keep_old))

    async def replace_tokens(self, tokens: Tokens) -> None:
        """Know these tokens instead of those that were given at the start, and restart the API server."""
        await self._run(lambda: self._plane.replace_tokens(tokens))

    def __enter__(self) -> Self:
        self._plane.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._plane.stop()

    async def __aenter__(self) -> Self:
        await self._run(self._plane.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await asyncio.to_thread(self._plane.stop)

    async def _run(self, work: Callable[[], T]) -> T:
        """In a thread, to whose end is waited also when this task is cancelled; it is told to hurry then."""
        abort = self._plane.abort
        abort.clear()
        running = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            abort.set()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([running])
            if not running.cancelled():
                running.exception()  # retrieved: it was told to give up
            raise

"""The HTTP servers of a running manager: they start first, listening before anything else begins, and stop last."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from kubernaut.client import Client
from kubernaut.reconcile.running.certificates import Certified
from kubernaut.reconcile.running.services import Service, Supervisor, stop_in_reverse
from kubernaut.reconcile.running.wiring import Wiring
from kubernaut.reconcile.serving import HttpServer, IssuedTls, servers_for

WEBHOOKS = "webhooks"
"""The endpoint of webhooks, and the check in the readiness that is about it."""


class Servers:
    """One server for each address of the endpoints, and what sees to the certificates that are made here."""

    def __init__(self, wiring: Wiring, supervisor: Supervisor, client: Client) -> None:
        self._wiring = wiring
        self._supervisor = supervisor
        self._servers = servers_for(wiring.endpoints)
        self._certified = Certified(wiring, client)
        self._services: list[Service] = []
        self._ends: list[Callable[[], None]] = []

    def url(self, endpoint: str) -> str:
        """The root of what is served for an endpoint; raises RuntimeError where nothing is."""
        for server in self._servers:
            if endpoint in _names(server):
                return server.url
        raise RuntimeError(f"nothing is served for {endpoint}: it has no address")

    async def start(self) -> None:
        """Start the servers, and wait until each takes connections. One that cannot listen ends the manager.

        One whose certificate is still to be made is not waited for: it listens as soon as there is something to show.
        """
        if any(endpoint.name == WEBHOOKS for endpoint in self._wiring.endpoints):
            self._wiring.readyz.add(WEBHOOKS, self._not_serving)
            self._ends.append(lambda: self._wiring.readyz.remove(WEBHOOKS))
        for server in self._servers:
            await self._start(server)
        for service in self._certified.services:
            self._services.append(service)
            self._supervisor.start(service)

    async def _start(self, server: HttpServer) -> None:
        started = anyio.Event()
        awaited = server.tls.ready if isinstance(server.tls, IssuedTls) else None

        async def serve() -> None:
            if awaited is not None:
                await awaited.wait()
            await server.run(started)

        # What is wrong with an address or a certificate at the start is not mended by trying again.
        service = Service(f"server of {server.name}", serve, fatal=(Exception,))
        self._services.append(service)
        self._supervisor.start(service)
        if server.tls is not None:
            self._ends.append(self._wiring.metrics.track_certificates(_Figures(server)))
        if awaited is not None:
            return
        async with anyio.create_task_group() as group:

            async def ended() -> None:
                await service.done.wait()
                started.set()

            group.start_soon(ended)
            await started.wait()
            group.cancel_scope.cancel()

    def _not_serving(self) -> str | None:
        """Why the API server cannot call the webhooks now; None when it can."""
        if problem := self._certified.problem():
            return problem
        for server in self._servers:
            if WEBHOOKS in _names(server) and not server.listening:
                return f"nothing listens on {server.bind}"
        return None

    async def stop(self) -> None:
        """Stop taking connections; requests in flight get a few seconds."""
        await stop_in_reverse(self._services)
        self._certified.clear()
        for end in self._ends:
            end()


def _names(server: HttpServer) -> list[str]:
    """The endpoints that share a server."""
    return server.name.split(" and ")


class _Figures:
    """How often a server's certificates were read; a server has them from when it begins to listen."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server

    @property
    def reads(self) -> int:
        found = self._server.certificates
        return found.reads if found is not None else 0

    @property
    def errors(self) -> int:
        found = self._server.certificates
        return found.errors if found is not None else 0

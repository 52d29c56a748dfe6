"""The HTTP servers of a running manager: they start first, listening before anything else begins, and stop last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio

from kubernaut.reconcile.metrics import RuntimeMetrics
from kubernaut.reconcile.running.services import Service, Supervisor, stop_in_reverse
from kubernaut.reconcile.serving import Endpoint, HttpServer, servers_for


class Servers:
    """One server for each address of the endpoints."""

    def __init__(self, endpoints: Sequence[Endpoint], supervisor: Supervisor, metrics: RuntimeMetrics) -> None:
        self._supervisor = supervisor
        self._metrics = metrics
        self._servers = servers_for(endpoints)
        self._services: list[Service] = []
        self._ends: list[Callable[[], None]] = []

    def url(self, endpoint: str) -> str:
        """The root of what is served for an endpoint; raises RuntimeError where nothing is."""
        for server in self._servers:
            if endpoint in server.name.split(" and "):
                return server.url
        raise RuntimeError(f"nothing is served for {endpoint}: it has no address")

    async def start(self) -> None:
        """Start the servers, and wait until each takes connections. One that cannot listen ends the manager."""
        for server in self._servers:
            started = anyio.Event()
            await self._start(server, started)

    async def _start(self, server: HttpServer, started: anyio.Event) -> None:
        async def serve() -> None:
            await server.run(started)

        # What is wrong with an address or a certificate at the start is not mended by trying again.
        service = Service(f"server of {server.name}", serve, fatal=(Exception,))
        self._services.append(service)
        self._supervisor.start(service)
        async with anyio.create_task_group() as group:

            async def ended() -> None:
                await service.done.wait()
                started.set()

            group.start_soon(ended)
            await started.wait()
            group.cancel_scope.cancel()
        if server.certificates is not None:
            self._ends.append(self._metrics.track_certificates(server.certificates))

    async def stop(self) -> None:
        """Stop taking connections; requests in flight get a few seconds."""
        await stop_in_reverse(self._services)
        for end in self._ends:
            end()

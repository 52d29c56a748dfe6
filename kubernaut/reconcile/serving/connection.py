"""The one module that knows uvicorn: its HTTP/1.1 protocol, without its server, which takes over signals and logging.

`uvicorn.Server` replaces the handlers of SIGINT and SIGTERM and ticks ten times a second; `uvicorn.Config` sets up
loggers. None of that is wanted in a host's process, so only the protocol is used: `uvicorn.protocols.http.h11_impl`,
its arguments, `shutdown()`, and `cycle`; a test for each says so when an upgrade changes them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import anyio
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from kubernaut.reconcile.serving.asgi import App

__all__ = ["Connections"]

IDLE_SECONDS = 90
"""An open connection without a request is closed after this; clients' pools keep them as long (net/http does)."""
HEADER_SECONDS = 32.0
"""A request's headers must be complete after this (controller-runtime's ReadHeaderTimeout)."""
FLUSH_SECONDS = 1.0
"""A closing connection may take this long to send what is left and to say goodbye."""
CANCEL_SECONDS = 1.0
"""A request that was cancelled may take this long to end."""

_logger = logging.getLogger("kubernaut.serving")


class _Config(Config):
    def configure_logging(self) -> None:
        """Leave logging alone: uvicorn would name a level, and quieten a logger, of the whole process."""


class _Connection(H11Protocol):
    """One connection. Lines that uvicorn writes about it go to our logger; requests are not logged."""

    def __init__(self, config: Config, state: ServerState, lost: Callable[[], None]) -> None:
        super().__init__(config=config, server_state=state, app_state={}, _loop=asyncio.get_running_loop())
        self._lost = lost
        self.logger = _logger
        self.access_log = False
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._await_headers()
        else:
            self._end_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_wait()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._lost()

    def close(self) -> None:
        """Close when the request in flight, if any, is answered."""
        try:
            self.shutdown()
        except Exception:  # h11 objects when the peer broke the protocol: there is nothing left to say to it
            self.transport.abort()

    def _await_headers(self) -> None:
        if self._header_timer is None and not self.transport.is_closing():
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _end_wait(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


class Connections:
    """All connections of one server, from the end of their handshakes on."""

    def __init__(self, app: App) -> None:
        self._config = _Config(
            app,
            http=_Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=IDLE_SECONDS,
        )
        self._config.load()
        self._state = ServerState()
        self._emptied = asyncio.Event()

    def protocol(self) -> asyncio.Protocol:
        """A protocol for one more connection."""
        return _Connection(self._config, self._state, self._lost)

    async def close(self, grace: float) -> int:
        """Close idle connections now, others when their request is answered; after `grace` seconds cut off the rest.

        Answers how many requests were cut off. Takes at most `grace` plus two seconds.
        """
        for connection in list(self._state.connections):
            if isinstance(connection, _Connection):
                connection.close()
        if self._state.tasks:
            await asyncio.wait(list(self._state.tasks), timeout=grace)
        cut_off = len(self._state.tasks)
        await self._cancel_requests()
        await self._gone(FLUSH_SECONDS)
        for connection in list(self._state.connections):
            connection.transport.abort()
        await self._gone(FLUSH_SECONDS)
        return cut_off

    async def _cancel_requests(self) -> None:
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CANCEL_SECONDS)

    def _lost(self) -> None:
        if not self._state.connections:
            self._emptied.set()

    async def _gone(self, seconds: float) -> None:
        self._emptied.clear()
        if self._state.connections:
            with anyio.move_on_after(seconds):
                await self._emptied.wait()
        await asyncio.sleep(0)  # a connection's socket is closed after it is told that it is lost

"""An HTTP server inside the host's own event loop: no signal handlers, no logging set up, nothing left behind."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
from anyio.abc import TaskGroup

from kubernaut.reconcile.log import logger
from kubernaut.reconcile.serving.asgi import App, guarded
from kubernaut.reconcile.serving.bind import Bind
from kubernaut.reconcile.serving.tls import Certificates, TlsSource

if TYPE_CHECKING:
    from kubernaut.reconcile.serving.connection import Connections

__all__ = ["HttpServer"]

GRACE = 5.0
"""Seconds that requests in flight may go on when the server stops."""
HANDSHAKE_SECONDS = 10.0
SHUTDOWN_SECONDS = 1.0
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
EXHAUSTED_PAUSE = 1.0

_log = logger("kubernaut.serving")


class HttpServer:
    """Serves one ASGI application on one address, HTTP/1.1; runs any number of times, one at a time.

        async with HttpServer(app, ":8080", tls=TlsFiles("tls.crt", "tls.key")) as server:
            print(server.port)

    `bind` as in `Bind.parse`; `name` is the field that errors about it name. The socket listens before the server says
    that it has started; port 0 takes a free port. With `tls` the files are read again when they change. When it stops,
    idle connections are closed at once and requests in flight get `grace` seconds.

    Raises ValueError for a `bind` that is none; `BindError` or `CertificateError` at the start.
    """

    def __init__(
        self, app: App, bind: str | Bind, *, tls: TlsSource | None = None, name: str = "bind", grace: float = GRACE
    ) -> None:
        parsed = Bind.parse(bind, name) if isinstance(bind, str) else bind
        if parsed is None:
            raise ValueError(f'{name}: {bind!r} means "no server", so there is none to make')
        self.app = app
        self.bind = parsed
        self.name = name
        self.tls = tls
        self.certificates: Certificates | None = None
        """Of the current run, or of the last one; None without `tls`."""
        self._grace = grace
        self._listener: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on; raises RuntimeError when it does not."""
        if self._listener is None:
            raise RuntimeError("the server is not running")
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def listening(self) -> bool:
        """Whether it takes connections now."""
        return self._listener is not None

    @property
    def url(self) -> str:
        """The root of what it serves, from the same machine; raises RuntimeError when it is not running."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind.host, self.bind.host)
        return f"{'https' if self.tls else 'http'}://{Bind(host, self.port)}"

    async def run(self, started: anyio.Event | None = None) -> None:
        """Serve until cancelled; `started` is set as soon as connections are taken."""
        self._open()
        try:
            if started is not None:
                started.set()
            await self._serve()
        finally:
            self._close_listener()

    async def __aenter__(self) -> Self:
        self._open()
        self._task = asyncio.create_task(self._serve(), name=f"http server {self.bind}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        assert task is not None
        task.cancel()
        try:
            await asyncio.wait({task})
        finally:
            if not task.done():  # this task was cancelled as well: the server's stop is bounded, so wait for it
                await asyncio.wait({task})
            self._close_listener()
        if not task.cancelled():
            task.result()

    def _open(self) -> None:
        if self._listener is not None:
            raise RuntimeError(f"the server on {self.bind} is running already")
        self.certificates = Certificates(self.tls) if self.tls is not None else None
        self._listener = self.bind.listen(self.name)

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _serve(self) -> None:
        from kubernaut.reconcile.serving.connection import Connections  # uvicorn is imported by those who serve

        listener = self._listener
        assert listener is not None
        connections = Connections(guarded(self.app))
        _log.info("serving", address=str(self.bind), port=self.port, tls=self.tls is not None)
        try:
            async with anyio.create_task_group() as group:
                await self._accept(listener, connections, group)
        finally:
            self._close_listener()
            with anyio.CancelScope(shield=True):
                cut_off = await connections.close(self._grace)
            if cut_off:
                _log.warning("requests were cut off at the stop", count=cut_off, after=self._grace)

    async def _accept(self, listener: socket.socket, connections: Connections, group: TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listener)
            except ConnectionError:
                continue  # the peer was gone before it was its turn
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                _log.error("no connection can be taken", error=str(error))
                await anyio.sleep(EXHAUSTED_PAUSE)
                continue
            group.start_soon(self._connect, accepted, connections)

    async def _connect(self, accepted: socket.socket, connections: Connections) -> None:
        """Hand an accepted socket to the protocol, after the handshake if there is one."""
        context: ssl.SSLContext | None = self.certificates.context if self.certificates is not None else None
        limits: dict[str, float] = {}
        if context is not None:
            limits = {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": SHUTDOWN_SECONDS}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                connections.protocol, accepted, ssl=context, **limits
            )
        except OSError as error:
            _log.debug("a connection came to nothing", error=str(error))
            accepted.close()
        except BaseException:
            accepted.close()
            raise

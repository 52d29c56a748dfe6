"""Carries requests to an API server over HTTP/1.1: raw bytes in and out of an aiohttp session."""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from kubernaut.client.errors import TransportError, TransportTimeout
from kubernaut.client.transport import TransportRequest, TransportResponse
from kubernaut.client.transports.kubernetes_asyncio.access import Access
from kubernaut.client.transports.kubernetes_asyncio.keeper import Keeper
from kubernaut.client.transports.kubernetes_asyncio.options import TransportOptions
from kubernaut.client.transports.kubernetes_asyncio.pool import Pool
from kubernaut.client.transports.kubernetes_asyncio.ratelimit import RateLimit
from kubernaut.client.transports.kubernetes_asyncio.responses import (
    Collected,
    Streamed,
    described,
    header_map,
    in_handshake,
    unreachable,
)
from kubernaut.client.transports.kubernetes_asyncio.sockets import socket_opener
from kubernaut.client.transports.kubernetes_asyncio.target import Target
from kubernaut.timing import virtual_time

__all__ = ["HttpTransport"]

UNAUTHORIZED = 401
# Received ahead of a slow reader; a list page or a large object fits without stopping the socket.
READ_BUFFER = 1 << 20
# From this size on aiohttp wants a file rather than bytes.
LARGE_BODY = 1 << 20
SAFE = ("GET", "HEAD")


class _Attempt:
    """One request's way to the server. `began`: loop time at which it was sent, after waiting for its turn."""

    began: float | None = None


class HttpTransport:
    """A transport to the API server of ``target``, with the credentials that ``keeper`` keeps; bound to one loop.

    A connection carries one request at a time (HTTP/1.1), so each watch has its own. Redirects are answers like any
    other. Nothing is sent twice, but for a read whose connection the server had just closed. On a virtual-time loop
    time stands still until an answer is there: a request's timeout has no effect there.
    """

    def __init__(self, target: Target, keeper: Keeper, options: TransportOptions, *, proxy: str | None = None) -> None:
        self._target = target
        self._keeper = keeper
        self._proxy = proxy
        self._base = target.cluster.server.url
        self._encoding = "gzip" if options.compression and target.cluster.compression else "identity"
        self._time = virtual_time()
        self._room = asyncio.Semaphore(options.max_connections)
        self._rate: RateLimit | None = None
        if options.qps is not None:
            self._rate = RateLimit(options.qps, options.burst or math.ceil(2 * options.qps))
        self._closed = False
        self._pool = Pool(lambda: _session(options))

    @property
    def host(self) -> str:
        """The server's host and port."""
        return self._target.cluster.server.authority

    @property
    def namespace(self) -> str | None:
        """The namespace of the context, or of this pod; None where the configuration names none."""
        return self._target.namespace

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        """See Transport.open."""
        return self._stream(request) if request.stream else self._unary(request)

    async def refresh(self) -> bool:
        """Read files again and ask plugin or provider; callers at the same time share one attempt. See Transport."""
        return await self._keeper.refresh()

    async def aclose(self) -> None:
        """See Transport.aclose. Requests under way end with TransportError."""
        self._closed = True
        await self._pool.aclose()

    @asynccontextmanager
    async def _unary(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        what = f"{request.method} {request.path}"
        async with self._answering(request, what) as attempt, self._room:
            await self._turn()
            with self._held():
                async with self._pool.use() as session:
                    response = await self._send(session, request, attempt)
                    async with response:
                        body = await response.read()
        yield TransportResponse(response.status, header_map(response), Collected(body))

    @asynccontextmanager
    async def _stream(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        what = f"{request.method} {request.path}"
        async with self._pool.use() as session:
            async with self._answering(request, what) as attempt:
                await self._turn()
                with self._held():
                    response = await self._send(session, request, attempt)
            try:
                yield TransportResponse(response.status, header_map(response), Streamed(response, what))
            finally:
                # Read to its end, the connection is back in the pool already and this does nothing.
                response.close()

    @asynccontextmanager
    async def _answering(self, request: TransportRequest, what: str) -> AsyncIterator[_Attempt]:
        """The request's timeout, and aiohttp's errors as the protocol's."""
        attempt = _Attempt()
        try:
            async with asyncio.timeout(request.timeout) as limit:
                yield attempt
        except TimeoutError as error:
            if limit.expired():
                if attempt.began is not None:
                    self._pool.suspect(attempt.began)
                raise TransportTimeout(f"{what}: no response in {request.timeout:g} s") from error
            raise TransportTimeout(f"{what}: {self.host} takes no connection: {described(error)}") from error
        except (aiohttp.ClientError, OSError) as error:
            # A server that refuses a certificate in TLS 1.3 merely hangs up.
            if in_handshake(error) or self._target.user.certificate is not None:
                self._keeper.distrusted()
            if unreachable(error):
                where = f"the API server at {self._target.cluster.server.url}"
                raise TransportError(f"{where} cannot be reached: {described(error)} ({what})") from error
            raise TransportError(f"{what}: {described(error)}") from error
        except RuntimeError as error:
            if self._closed:
                raise TransportError(f"{what}: the transport is closed") from error
            raise

    async def _turn(self) -> None:
        if self._rate is not None:
            await self._rate.acquire()

    def _held(self) -> AbstractContextManager[None]:
        return self._time.hold() if self._time is not None else nullcontext()

    async def _send(
        self, session: aiohttp.ClientSession, request: TransportRequest, attempt: _Attempt
    ) -> aiohttp.ClientResponse:
        if self._closed:
            raise TransportError("the transport is closed")
        access = await self._keeper.current()
        generation = self._keeper.generation
        query = f"?{urlencode(request.query)}" if request.query else ""
        body = request.body
        if request.check is not None:
            request.check()
        attempt.began = asyncio.get_running_loop().time()
        response = await session.request(
            request.method,
            URL(f"{self._base}{request.path}{query}", encoded=True),
            headers=self._headers(request, access),
            data=io.BytesIO(body) if body is not None and len(body) >= LARGE_BODY else body,
            allow_redirects=False,
            proxy=self._proxy,
            ssl=access.tls or True,
            server_hostname=self._target.cluster.tls_server_name,
            middlewares=() if request.method in SAFE else (_once,),
        )
        if response.status == UNAUTHORIZED:
            self._keeper.refused(generation)
        return response

    def _headers(self, request: TransportRequest, access: Access) -> CIMultiDict[str]:
        headers: CIMultiDict[str] = CIMultiDict({"accept-encoding": self._encoding})
        if access.authorization is not None:
            headers["authorization"] = access.authorization
        own = self._target.user.impersonation
        # Whoever acts as somebody by request does so wholly: the kubeconfig's groups are another user's.
        given = request.headers if "impersonate-user" in request.headers else {**own, **request.headers}
        for name, value in given.items():
            headers.popall(name, None)
            for each in (value,) if isinstance(value, str) else value:
                headers.add(name, each)
        return headers


def _session(options: TransportOptions) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=0,
        force_close=options.keep_alive == 0,
        keepalive_timeout=options.keep_alive or None,  # None means for ever, but for force_close
        resolver=aiohttp.ThreadedResolver(),
        socket_factory=socket_opener(options.dead_after),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=options.connect_timeout),
        skip_auto_headers=("user-agent", "content-type", "accept"),
        read_bufsize=READ_BUFFER,
    )


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a PUT or DELETE again after a broken connection: it may have been carried out."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(described(error)) from error

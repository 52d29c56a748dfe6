"""Calls an ASGI application directly: no socket, no serialisation of HTTP, no second task for plain requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlencode

import anyio
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectReceiveStream

from kubernaut.client.errors import TransportError, TransportTimeout
from kubernaut.client.transport import TransportRequest, TransportResponse

__all__ = ["ASGIApp", "InProcessTransport"]

Message = MutableMapping[str, Any]
ASGIApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

# Chunks an application may send ahead of a slow reader, as socket buffers would let it.
BUFFERED_CHUNKS = 256
# Turns of the event loop that an application gets to end by itself after a disconnect, before it is cancelled.
GRACE_TURNS = 5


class InProcessTransport:
    """A transport to an ASGI application in this process.

    ``headers`` are added to each request (an ``Authorization``, say). A plain request runs the application in the
    caller's own task: cancelling the caller cancels the application. A stream runs it in a task that ends before the
    context does. Errors the application raises come out as they are: they are defects of the application.
    """

    def __init__(self, app: ASGIApp, *, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._app = app
        self._headers = tuple(headers)
        self._closed = False

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        """See Transport.open."""
        return self._stream(request) if request.stream else self._unary(request)

    async def refresh(self) -> bool:
        """There is nothing to refresh: the headers are fixed."""
        return False

    async def aclose(self) -> None:
        """Refuse further requests; streams that are open go on until their contexts are left."""
        self._closed = True

    def _scope(self, request: TransportRequest) -> dict[str, Any]:
        if self._closed:
            raise TransportError("the transport is closed")
        lines = [*self._headers, *_header_lines(request)]
        if request.body is not None:
            lines.append(("content-length", str(len(request.body))))
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": unquote(request.path),
            "raw_path": request.path.encode("ascii"),
            "query_string": urlencode(request.query).encode("ascii"),
            "root_path": "",
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in lines],
            "client": ("127.0.0.1", 0),
            "server": ("inprocess", 80),
        }

    @asynccontextmanager
    async def _unary(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        scope = self._scope(request)
        # One turn of the loop, as any request takes: a cancelled caller sends nothing, and no caller starves others.
        await checkpoint()
        if request.check is not None:
            request.check()
        exchange = _UnaryExchange(request.body)
        if request.timeout is None:
            await self._app(scope, exchange.receive, exchange.send)
        else:
            with anyio.move_on_after(request.timeout) as limit:
                await self._app(scope, exchange.receive, exchange.send)
            if limit.cancelled_caught:
                raise TransportTimeout(f"{request.method} {request.path}: no response in {request.timeout:g} s")
        yield exchange.response(f"{request.method} {request.path}")

    @asynccontextmanager
    async def _stream(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        scope = self._scope(request)
        await checkpoint()
        if request.check is not None:
            request.check()
        exchange = _StreamExchange(request.body)
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(exchange.run, self._app, scope)
            try:
                yield await exchange.started(request)
            except Exception as error:  # raised below, or the task group would wrap it in an ExceptionGroup
                failure = error
            finally:
                await exchange.hang_up()
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure


class _UnaryExchange:
    """One request whose response is collected whole."""

    def __init__(self, body: bytes | None) -> None:
        self._body = body
        self._received = False
        self._complete = anyio.Event()
        self._start: Message | None = None
        self._chunks: list[bytes] = []

    async def receive(self) -> Message:
        if not self._received:
            self._received = True
            return {"type": "http.request", "body": self._body or b"", "more_body": False}
        await self._complete.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            if chunk := message.get("body", b""):
                self._chunks.append(chunk)
            if not message.get("more_body", False):
                self._complete.set()

    def response(self, what: str) -> TransportResponse:
        if self._start is None or not self._complete.is_set():
            raise TransportError(f"{what}: the application ended without a whole response")
        return TransportResponse(self._start["status"], _header_map(self._start), _Collected(self._chunks))


class _StreamExchange:
    """One request whose response is read while the application runs."""

    def __init__(self, body: bytes | None) -> None:
        self._body = body
        self._received = False
        self._disconnected = anyio.Event()
        self._begun = anyio.Event()
        self._ended = anyio.Event()
        self._complete = False
        self._start: Message | None = None
        self._failure: Exception | None = None
        self._writer, self._reader = anyio.create_memory_object_stream[bytes](BUFFERED_CHUNKS)

    async def run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:  # the reader raises it
            self._failure = error
        finally:
            self._writer.close()
            self._begun.set()
            self._ended.set()

    async def started(self, request: TransportRequest) -> TransportResponse:
        what = f"{request.method} {request.path}"
        with anyio.move_on_after(request.timeout) as limit:
            await self._begun.wait()
        if limit.cancelled_caught:
            raise TransportTimeout(f"{what}: no response in {request.timeout:g} s")
        if self._start is None:
            raise self._failure or TransportError(f"{what}: the application ended without a response")
        return TransportResponse(self._start["status"], _header_map(self._start), _Streamed(self._reader, self.check))

    async def hang_up(self) -> None:
        self._disconnected.set()
        self._reader.close()
        with anyio.CancelScope(shield=True):
            for _ in range(GRACE_TURNS):
                if self._ended.is_set():
                    break
                await checkpoint()

    def check(self) -> None:
        """At the end of the chunks: raise what the application raised, or that it stopped half-way."""
        if self._failure is not None:
            raise self._failure
        if not self._complete:
            raise TransportError("the application ended in the middle of its response")

    async def _receive(self) -> Message:
        if not self._received:
            self._received = True
            return {"type": "http.request", "body": self._body or b"", "more_body": False}
        await self._disconnected.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            self._begun.set()
        elif message["type"] == "http.response.body":
            # After a disconnect ASGI servers drop what is sent.
            if (chunk := message.get("body", b"")) and not self._disconnected.is_set():
                try:
                    await self._writer.send(bytes(chunk))
                except anyio.BrokenResourceError:
                    return
            elif self._disconnected.is_set():
                await checkpoint()  # or an application that only sends would never let its cancellation through
            if not message.get("more_body", False):
                self._complete = True
                self._writer.close()


class _Collected:
    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = iter(chunks)

    def __aiter__(self) -> _Collected:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


class _Streamed:
    def __init__(self, reader: MemoryObjectReceiveStream[bytes], check: Callable[[], None]) -> None:
        self._reader = reader
        self._check = check

    def __aiter__(self) -> _Streamed:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._reader.receive()
        except anyio.EndOfStream:
            self._check()
        except anyio.ClosedResourceError:
            raise TransportError("the response was left") from None
        raise StopAsyncIteration


def _header_lines(request: TransportRequest) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for name, value in request.headers.items():
        lines += [(name, each) for each in ((value,) if isinstance(value, str) else value)]
    return lines


def _header_map(start: Message) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in start.get("headers", ()):
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers

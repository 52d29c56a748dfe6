"""The in-process transport: whole responses, live streams, and clean ends of both."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio
import pytest

from kubernaut.client import TransportError, TransportRequest, TransportTimeout
from kubernaut.client.transports.inprocess import InProcessTransport

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

STREAM = TransportRequest("GET", "/watch", stream=True)


async def start(send: Send, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"X-A", b"1"), (b"x-a", b"2")]})


async def body(send: Send, chunk: bytes, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": more})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    await start(send, 201)
    headers = b";".join(name + b"=" + value for name, value in scope["headers"])
    await body(send, scope["path"].encode() + b"?" + scope["query_string"] + b" " + headers + b" ", more=True)
    await body(send, message["body"])
    assert (await receive())["type"] == "http.disconnect"


class Watch:
    """Sends a chunk, then one each tenth of a second, and notes how it ended."""

    def __init__(self, heeds_disconnect: bool = False) -> None:
        self.heeds_disconnect = heeds_disconnect
        self.ended = ""
        self.disconnected = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await start(send)
        await body(send, b"first", more=True)
        try:
            if self.heeds_disconnect:
                self.disconnected = (await receive())["type"] == "http.disconnect"
            else:
                while True:
                    await asyncio.sleep(0.1)
                    await body(send, b"tick", more=True)
            self.ended = "returned"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


async def test_a_plain_request_is_answered_without_a_task() -> None:
    transport = InProcessTransport(echo, headers=[("Authorization", "Bearer t")])
    before = asyncio.all_tasks()
    request = TransportRequest(
        "POST", "/a/x%3Ay", (("q", "a b"), ("q", "c")), {"Impersonate-Group": ("g", "h")}, b"hello"
    )
    async with transport.open(request) as response:
        assert asyncio.all_tasks() == before
        content = b"".join([chunk async for chunk in response.chunks])
    assert response.status == 201
    assert response.headers == {"x-a": "1, 2"}
    assert content == (
        b"/a/x:y?q=a+b&q=c authorization=Bearer t;impersonate-group=g;impersonate-group=h;content-length=5 hello"
    )


async def test_a_cancelled_caller_sends_nothing() -> None:
    called = False

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal called
        called = True

    async def call() -> None:
        async with InProcessTransport(app).open(TransportRequest("POST", "/")):
            pass

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not called


@pytest.mark.parametrize("stream", [False, True])
async def test_a_timeout_ends_the_wait_for_the_response(stream: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    with pytest.raises(TransportTimeout):
        async with InProcessTransport(app).open(TransportRequest("GET", "/", stream=stream, timeout=0.01)):
            pass


async def test_leaving_a_live_stream_lets_the_application_end_by_itself() -> None:
    app = Watch(heeds_disconnect=True)
    async with InProcessTransport(app).open(STREAM) as response:
        assert await anext(response.chunks) == b"first"
    assert app.disconnected
    assert app.ended == "returned"


async def test_leaving_a_live_stream_cancels_an_application_that_goes_on() -> None:
    app = Watch()
    async with InProcessTransport(app).open(STREAM) as response:
        assert await anext(response.chunks) == b"first"
        assert await anext(response.chunks) == b"tick"
    assert app.ended == "cancelled"


async def test_an_error_in_the_body_comes_out_unwrapped() -> None:
    app = Watch()
    with pytest.raises(ZeroDivisionError):
        async with InProcessTransport(app).open(STREAM):
            raise ZeroDivisionError
    assert app.ended == "cancelled"


@pytest.mark.parametrize("heeds", [False, True])
async def test_a_cancelled_reader_ends_the_application_and_stays_cancelled(heeds: bool) -> None:
    app = Watch(heeds)
    reading = asyncio.Event()

    async def read() -> None:
        async with InProcessTransport(app).open(STREAM) as response:
            await anext(response.chunks)
            reading.set()
            async for _ in response.chunks:
                pass

    task = asyncio.create_task(read())
    await reading.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert app.ended == ("returned" if heeds else "cancelled")


async def test_a_cancelled_scope_ends_the_stream() -> None:
    app = Watch()
    with anyio.move_on_after(0.15) as limit:
        async with InProcessTransport(app).open(STREAM) as response:
            async for _ in response.chunks:
                pass
    assert limit.cancelled_caught
    assert app.ended == "cancelled"


async def test_asyncio_timeout_ends_the_stream() -> None:
    app = Watch()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.15):
            async with InProcessTransport(app).open(STREAM) as response:
                async for _ in response.chunks:
                    pass
    assert app.ended == "cancelled"
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_a_slow_reader_holds_the_application_back() -> None:
    sent = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await start(send)
        while True:
            await body(send, b"x", more=True)
            sent += 1

    async with InProcessTransport(app).open(STREAM) as response:
        await anext(response.chunks)
        await asyncio.sleep(0.02)
        assert sent < 300


async def test_an_application_that_raises_is_heard() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/late":
            await start(send)
            await body(send, b"x", more=True)
        raise ZeroDivisionError

    transport = InProcessTransport(app)
    for stream in (False, True):
        with pytest.raises(ZeroDivisionError):
            async with transport.open(TransportRequest("GET", "/", stream=stream)):
                pass
    async with transport.open(TransportRequest("GET", "/late", stream=True)) as response:
        assert await anext(response.chunks) == b"x"
        with pytest.raises(ZeroDivisionError):
            await anext(response.chunks)


async def test_a_response_that_stops_half_way_is_a_transport_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)

    transport = InProcessTransport(app)
    with pytest.raises(TransportError):
        async with transport.open(TransportRequest("GET", "/")):
            pass
    async with transport.open(STREAM) as response:
        with pytest.raises(TransportError):
            await anext(response.chunks)


async def test_a_stream_that_ends_ends_the_chunks() -> None:
    async with InProcessTransport(echo).open(STREAM) as response:
        assert len([chunk async for chunk in response.chunks]) == 1


async def test_a_closed_transport_refuses() -> None:
    transport = InProcessTransport(echo)
    await transport.aclose()
    with pytest.raises(TransportError):
        async with transport.open(STREAM):
            pass


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_whose_check_raises_does_not_reach_the_application(stream: bool) -> None:
    called = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(scope)

    def check() -> None:
        raise PermissionError("too late")

    with pytest.raises(PermissionError):
        async with InProcessTransport(app).open(TransportRequest("PUT", "/x", stream=stream, check=check)):
            pass
    assert called == []

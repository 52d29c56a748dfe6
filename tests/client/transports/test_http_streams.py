"""Streams over HTTP: chunks as they come, ends of every kind, and nothing left behind."""

import asyncio
import contextlib

import pytest

from kubernaut.client import RawFrames, TransportError, TransportTimeout
from kubernaut.client.transports.kubernetes_asyncio import TransportOptions
from tests.client.transports.wire import Exchange, get, ok, serving, transport_to, whole

WATCH = get("/watch", stream=True)


async def ticking(exchange: Exchange) -> None:
    await exchange.head(chunked=True)
    for number in range(1000):
        await exchange.chunk(b"%d\n" % number)
        await asyncio.sleep(0.01)


async def test_chunks_are_handed_on_as_they_come() -> None:
    release = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.head(chunked=True)
        await exchange.chunk(b"first\n")
        await release.wait()
        await exchange.chunk(b"second\n")
        await exchange.end()

    async with serving(script) as wire, transport_to(wire.url) as transport, transport.open(WATCH) as response:
        assert await anext(response.chunks) == b"first\n"
        release.set()
        assert [chunk async for chunk in response.chunks] == [b"second\n"]


async def test_the_headers_are_there_before_the_first_chunk() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.head(200, "X-A: b", chunked=True)
        await exchange.hang()

    async with serving(script) as wire, transport_to(wire.url) as transport, transport.open(WATCH) as response:
        assert (response.status, response.headers["x-a"]) == (200, "b")


async def test_a_frame_of_three_mebibytes_is_one_frame() -> None:
    line = b'{"type":"ADDED","object":{"x":"' + b"y" * (3 << 20) + b'"}}\n'

    async def script(exchange: Exchange) -> None:
        await exchange.head(chunked=True)
        await exchange.chunk(line + line[:100])
        await exchange.chunk(line[100:])
        await exchange.end()

    async with serving(script) as wire, transport_to(wire.url) as transport, transport.open(WATCH) as response:
        frames = [frame async for frame in RawFrames(response.chunks)]
    assert [frame.type for frame in frames] == ["ADDED", "ADDED"]
    assert bytes(frames[1].object) == line[25:-2]


async def test_a_slow_reader_makes_the_server_wait_instead_of_filling_memory() -> None:
    sent = 0

    async def script(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.head(chunked=True)
        for _ in range(64):
            await exchange.chunk(b"x" * (1 << 20))
            sent += 1
        await exchange.end()

    async with serving(script) as wire, transport_to(wire.url) as transport, transport.open(WATCH) as response:
        await anext(response.chunks)
        await asyncio.sleep(0.2)
        assert sent < 32
        assert sum([len(chunk) async for chunk in response.chunks]) > 60 << 20


async def test_a_stream_that_is_cut_off_raises_where_it_broke() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.head(chunked=True)
        await exchange.chunk(b"whole\n")
        await asyncio.sleep(0.02)
        await exchange.send(b"ff\r\nha")
        exchange.writer.transport.abort()

    async with serving(script) as wire, transport_to(wire.url) as transport, transport.open(WATCH) as response:
        assert await anext(response.chunks) == b"whole\n"
        with pytest.raises(TransportError, match=r"GET /watch: ."):
            while True:
                await anext(response.chunks)


async def test_the_timeout_of_a_stream_is_for_its_headers_only() -> None:
    async def silent(exchange: Exchange) -> None:
        await exchange.hang()

    async def slow(exchange: Exchange) -> None:
        await exchange.head(chunked=True)
        await asyncio.sleep(0.1)
        await exchange.chunk(b"late")
        await exchange.end()

    limited = get("/watch", stream=True, timeout=0.05)
    async with serving(silent) as wire, transport_to(wire.url) as transport:
        with pytest.raises(TransportTimeout):
            async with transport.open(limited):
                pass
        await wire.until(lambda: wire.open == 0)
    async with serving(slow) as wire, transport_to(wire.url) as transport, transport.open(limited) as response:
        assert [chunk async for chunk in response.chunks] == [b"late"]


async def test_leaving_a_stream_drops_its_connection_at_once() -> None:
    async with serving(ticking) as wire, transport_to(wire.url) as transport:
        async with transport.open(WATCH) as response:
            await anext(response.chunks)
            assert wire.open == 1
        await wire.until(lambda: wire.open == 0)


async def test_a_cancelled_reader_drops_the_connection() -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async with transport.open(WATCH) as response:
            async for _ in response.chunks:
                begun.set()

    async with serving(ticking) as wire, transport_to(wire.url) as transport:
        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await wire.until(lambda: wire.open == 0)


async def test_an_error_in_the_block_comes_out_as_it_is_and_drops_the_connection() -> None:
    async with serving(ticking) as wire, transport_to(wire.url) as transport:
        with pytest.raises(KeyError, match="mine"):
            async with transport.open(WATCH):
                raise KeyError("mine")
        await wire.until(lambda: wire.open == 0)


async def test_a_stream_read_to_its_end_leaves_its_connection_to_the_next_request() -> None:
    async with serving(ok) as wire, transport_to(wire.url) as transport:
        for _ in range(3):
            async with transport.open(WATCH) as response:
                assert [chunk async for chunk in response.chunks] == [b'{"kind":"ok"}']
        await whole(transport)
    assert wire.connections == 1


async def test_streams_do_not_take_the_places_of_requests() -> None:
    async def script(exchange: Exchange) -> None:
        await (ticking if exchange.asked.target == "/watch" else ok)(exchange)

    options = TransportOptions(max_connections=2)
    async with (
        serving(script) as wire,
        transport_to(wire.url, options) as transport,
        contextlib.AsyncExitStack() as all,
    ):
        for _ in range(10):
            await all.enter_async_context(transport.open(WATCH))
        response, _ = await whole(transport, get(timeout=2))
    assert response.status == 200


async def test_closing_the_transport_ends_open_streams() -> None:
    async with serving(ticking) as wire, transport_to(wire.url) as transport, transport.open(WATCH) as response:
        await anext(response.chunks)
        await transport.aclose()
        with pytest.raises(TransportError):
            while True:
                await anext(response.chunks)


async def test_chunks_cannot_be_read_after_the_block() -> None:
    async with serving(ticking) as wire, transport_to(wire.url) as transport:
        async with transport.open(WATCH) as response:
            await anext(response.chunks)
        with pytest.raises(TransportError):
            await anext(response.chunks)

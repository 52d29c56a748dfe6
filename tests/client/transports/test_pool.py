"""Connections that went silent: one costs one timeout, and the others are not tried one by one."""

import asyncio

import pytest

from kubernaut.client import TransportTimeout
from tests.client.transports.wire import Exchange, get, sent, serving, transport_to, whole


class Deaf:
    """Answers, but on the connections that it was told to forget."""

    def __init__(self) -> None:
        self.forgotten = 0

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.asked.connection <= self.forgotten:
            await exchange.hang()
        await asyncio.sleep(0.05)  # long enough for several at once
        await exchange.answer(200, b"{}")


async def test_after_a_request_without_an_answer_no_idle_connection_is_used_again() -> None:
    deaf = Deaf()
    async with serving(deaf) as wire, transport_to(wire.url) as transport:
        await asyncio.gather(*(sent(transport) for _ in range(5)))
        assert wire.connections == 5
        deaf.forgotten = 5
        with pytest.raises(TransportTimeout):
            await whole(transport, get(timeout=0.3))
        assert await sent(transport) == 200
        assert wire.connections == 6
        async with asyncio.timeout(5):
            while wire.open > 1:
                await asyncio.sleep(0.01)
        assert await sent(transport) == 200
        assert wire.connections == 6, "the new one is kept"


async def test_what_is_under_way_on_older_connections_goes_on() -> None:
    deaf, more = Deaf(), asyncio.Event()

    async def script(exchange: Exchange) -> None:
        if exchange.asked.target != "/watch":
            await deaf(exchange)
            return
        await exchange.head(chunked=True)
        await exchange.chunk(b"one")
        await more.wait()
        await exchange.chunk(b"two")
        await exchange.end()

    async with serving(script) as wire, transport_to(wire.url) as transport:
        async with transport.open(get("/watch", stream=True)) as watch:
            assert await sent(transport) == 200
            deaf.forgotten = 2
            with pytest.raises(TransportTimeout):
                await whole(transport, get(timeout=0.2))
            assert await sent(transport) == 200
            more.set()
            assert b"".join([chunk async for chunk in watch.chunks]) == b"onetwo"
        assert transport._pool._older == {}


async def test_many_that_time_out_together_replace_the_connections_once() -> None:
    deaf = Deaf()
    async with serving(deaf) as wire, transport_to(wire.url) as transport:
        await asyncio.gather(*(sent(transport) for _ in range(5)))
        deaf.forgotten = 5
        before = transport._pool.session
        done = await asyncio.gather(*(whole(transport, get(timeout=0.2)) for _ in range(5)), return_exceptions=True)
        assert [type(error) for error in done] == [TransportTimeout] * 5
        after = transport._pool.session
        assert after is not before
        assert await sent(transport) == 200
        assert transport._pool.session is after
        assert wire.connections == 6

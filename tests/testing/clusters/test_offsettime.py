"""A loop in real time that can be moved on: timers run in order, and nothing is skipped that is in flight."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubernaut.testing.clusters.offsettime import LULL, OffsetTimeLoop
from kubernaut.timing import VirtualTime, current_clock, hold, virtual_time


def on_the_loop(main: Callable[[OffsetTimeLoop], Coroutine[Any, Any, None]]) -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, OffsetTimeLoop)
        await main(loop)

    with asyncio.Runner(loop_factory=OffsetTimeLoop) as runner:
        runner.run(body())


def test_it_is_a_source_of_virtual_time() -> None:
    async def main(loop: OffsetTimeLoop) -> None:
        assert isinstance(loop, VirtualTime)
        assert virtual_time() is loop
        assert current_clock() is loop.clock

    on_the_loop(main)


def test_time_passes_as_on_the_machine_until_it_is_moved_on() -> None:
    async def main(loop: OffsetTimeLoop) -> None:
        began, wall = loop.time(), loop.clock.now()
        assert abs(wall - datetime.now(UTC)) < timedelta(seconds=5)
        await asyncio.sleep(0.02)
        assert 0.02 <= loop.time() - began < 5
        await loop.advance(3600)
        assert 3600 <= loop.time() - began < 3605
        assert timedelta(hours=1) <= loop.clock.now() - wall < timedelta(hours=1, seconds=5)

    real = time.monotonic()
    on_the_loop(main)
    assert time.monotonic() - real < 60


def test_timers_run_in_their_order_and_each_at_its_time() -> None:
    async def main(loop: OffsetTimeLoop) -> None:
        began = loop.time()
        seen: list[tuple[str, int]] = []

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            seen.append((name, int(round(loop.time() - began, -1))))

        async def hourly() -> None:
            for number in range(3):
                await after(3600, f"hour {number + 1}")

        tasks = [asyncio.create_task(one) for one in (hourly(), after(5400, "in between"))]
        await loop.advance(3 * 3600 + 60)
        assert seen == [("hour 1", 3600), ("in between", 5400), ("hour 2", 7200), ("hour 3", 10800)]
        await asyncio.gather(*tasks)

    on_the_loop(main)


def test_what_is_in_flight_is_waited_for_in_real_time() -> None:
    async def main(loop: OffsetTimeLoop) -> None:
        limits: list[str] = []

        async def request() -> None:
            with hold():
                async with asyncio.timeout(30):
                    await asyncio.to_thread(time.sleep, 0.1)
            limits.append("answered")

        task = asyncio.create_task(request())
        await loop.advance(3600)
        assert limits == ["answered"]
        await task

    on_the_loop(main)


def test_what_arrives_shortly_after_an_answer_is_waited_for() -> None:
    async def main(loop: OffsetTimeLoop) -> None:
        arrived: list[float] = []

        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(5):
                writer.write(b"event\n")
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(speak, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())

        async def listen() -> None:
            while await reader.readline():
                arrived.append(loop.offset)

        task = asyncio.create_task(listen())
        await loop.advance(60)
        await task
        writer.close()
        server.close()
        assert arrived == [0.0] * 5

    on_the_loop(main)


def test_between_two_steps_the_cluster_is_asked_whether_it_is_at_rest() -> None:
    async def main(loop: OffsetTimeLoop) -> None:
        asked: list[float] = []

        async def rest() -> None:
            await loop.idle()
            asked.append(loop.offset)

        loop.come_to_rest = rest
        task = asyncio.create_task(asyncio.sleep(100))
        await loop.advance(200)
        await task
        assert len(asked) == 3
        assert asked == sorted(asked)

    on_the_loop(main)


def test_time_does_not_go_back() -> None:
    async def main(loop: OffsetTimeLoop) -> None:
        with pytest.raises(ValueError, match="does not go back"):
            await loop.advance(-1)
        loop.skip(-5)
        assert loop.offset == 0

    on_the_loop(main)


def test_a_quiet_loop_is_idle_at_once() -> None:
    async def main(loop: OffsetTimeLoop) -> None:
        await asyncio.sleep(2 * LULL)
        stirred = loop.stirred
        for _ in range(100):
            await loop.idle()
        assert loop.stirred == stirred

    on_the_loop(main)

"""Rest is a revision that stands still: what counts as a write, and what is told when there is no rest."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kubernaut.client import Client, MergePatch
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.settling import NotSettled
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing.clusters import resting
from kubernaut.testing.clusters.offsettime import OffsetTimeLoop
from kubernaut.testing.clusters.recording import Recording, RequestLog
from kubernaut.testing.clusters.resting import Rest, settle
from kubernaut.timing import hold

SECONDS = 0.05


class World:
    """A server, what watches its rest, and somebody who writes to it."""

    def __init__(self, loop: OffsetTimeLoop) -> None:
        self.loop = loop
        self.log = RequestLog("admin")
        server = ApiServer()
        self.client = Client(Recording(InProcessTransport(server), self.log))
        self.rest = Rest(Client(InProcessTransport(server)), loop, SECONDS, self.log)

    async def write(self, name: str) -> None:
        """As over a socket: the loop hears of it."""
        with hold():
            await self.client.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="default")))


def in_a_world(main: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, OffsetTimeLoop)
        await main(World(loop))

    with asyncio.Runner(loop_factory=OffsetTimeLoop) as runner:
        runner.run(body())


def test_a_write_is_followed_by_a_moment_without_one() -> None:
    async def main(world: World) -> None:
        assert await world.rest.reached()
        assert not await world.rest.reached()
        await world.write("a")
        began = world.loop.time()
        assert await world.rest.reached()
        assert world.loop.time() - began >= SECONDS

    in_a_world(main)


def test_without_anything_from_outside_nothing_is_asked() -> None:
    async def main(world: World) -> None:
        await world.rest.reached()
        world.rest._client = Client(Recording(world.client._transport, world.log))
        for _ in range(10):
            assert not await world.rest.reached()
        assert world.log.requests == []

    in_a_world(main)


def test_leases_that_are_renewed_are_no_writes() -> None:
    async def main(world: World) -> None:
        for name in ("one", "two"):
            await world.client.create(Lease(metadata=ObjectMeta(name=name, namespace="default")))
        await world.rest.reached()
        with hold():
            for name in ("one", "two"):
                renewed = MergePatch({"spec": {"holderIdentity": "me"}})
                await world.client.patch(Lease, name, renewed, namespace="default")
        assert not await world.rest.reached()
        await world.write("a")
        assert await world.rest.reached()

    in_a_world(main)


def test_what_is_due_soon_is_brought_about_and_starts_the_quiet_anew() -> None:
    async def main(world: World) -> None:
        async def later() -> None:
            for number in range(3):
                await asyncio.sleep(1.5)
                await world.write(f"w{number}")
            await asyncio.sleep(10)
            await world.write("too late")

        task = asyncio.create_task(later())
        await settle(world.loop, world.rest, quiet=2, within=60)
        assert len(world.log.requests) == 3
        assert not task.done()
        task.cancel()

    in_a_world(main)


def test_a_cluster_that_is_always_written_is_given_up() -> None:
    async def main(world: World) -> None:
        async def always() -> None:
            for number in range(1000):
                await asyncio.sleep(1)
                await world.write(f"w{number}")

        task = asyncio.create_task(always())
        with pytest.raises(NotSettled, match="still written after 5 s"):
            await settle(world.loop, world.rest, quiet=2, within=5)
        task.cancel()

    in_a_world(main)


def test_a_test_that_is_never_idle_is_told_what_it_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(world: World) -> None:
        await world.write("a")
        with hold(), pytest.raises(NotSettled, match=r"no rest in 0\.1 s; .* admin create /api/v1/.*/configmaps 201"):
            await world.rest.reached()

    monkeypatch.setattr(resting, "LIMIT", 0.1)
    in_a_world(main)

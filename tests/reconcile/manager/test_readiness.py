"""Readiness tells the truth: a blip costs nothing, minutes without the server do, and recovery is seen at once."""

import asyncio
from typing import Any

import pytest

from kubernaut.client import Client, TransportError
from kubernaut.reconcile import Controller, Manager
from kubernaut.reconcile.running.readiness import UNREADY_AFTER
from tests.reconcile.scripted import Scripted, manager_of
from tests.reconcile.server import Server, refuse, watching, widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time


def cut_off(server: Server) -> None:
    """The connections of now break, and no new one can be made."""

    def fault(request: Any) -> Any:
        raise TransportError("no route to host")

    server.fail.append(fault)
    server.hang_up()


async def is_ready(manager: Manager) -> bool:
    return (await manager.readyz.run())["informers"] is None


def quiet_server() -> Server:
    server = Server()
    server.put("widgets", widget("a", status={"observedGeneration": 1}))
    return server


async def test_a_blip_does_not_cost_the_readiness() -> None:
    server = quiet_server()
    manager = manager_of(server, Scripted())
    async with manager.running():
        await asyncio.sleep(100)
        for _ in range(5):
            cut_off(server)
            await asyncio.sleep(UNREADY_AFTER - 15)
            assert await is_ready(manager)
            server.fail.clear()
            await asyncio.sleep(40)
            assert await is_ready(manager), "each blip is counted by itself"


async def test_a_manager_that_cannot_see_the_server_for_over_a_minute_says_so_and_why() -> None:
    server = quiet_server()
    manager = manager_of(server, Scripted())
    async with manager.running():
        await asyncio.sleep(100)
        cut_off(server)
        await asyncio.sleep(UNREADY_AFTER + 5)
        reason = (await manager.readyz.run())["informers"]
        assert reason is not None
        assert reason.startswith("widgets.example.dev (failing for 6")
        assert "no route to host" in reason
        assert manager.unsynced() == [], "what is held stays, and a stop or a test does not wait for it"


async def test_it_is_ready_again_as_soon_as_the_watch_is_open_though_nothing_happens() -> None:
    server = quiet_server()
    manager = manager_of(server, Scripted())
    async with manager.running():
        await asyncio.sleep(100)
        cut_off(server)
        await asyncio.sleep(300)
        assert not await is_ready(manager)
        server.fail.clear()
        asked = len(server.requests)
        while len(server.requests) == asked:
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        assert await is_ready(manager)
        assert server.lists == [], "it went on from where it was"


async def test_watches_that_open_and_end_at_once_are_no_recovery() -> None:
    server = quiet_server()
    manager = manager_of(server, Scripted())
    async with manager.running():
        await asyncio.sleep(100)
        server.hang_up()
        for _ in range(900):
            await asyncio.sleep(0.1)
            server.hang_up()
        assert not await is_ready(manager)


async def test_a_permission_that_was_taken_away_is_told_once_it_lasts() -> None:
    server = quiet_server()
    manager = manager_of(server, Scripted())
    async with manager.running():
        refuse(server, 10_000, 403, watching)
        server.hang_up()
        await asyncio.sleep(30)
        assert await is_ready(manager)
        await asyncio.sleep(60)
        assert not await is_ready(manager)


async def test_another_cluster_that_is_cut_off_is_shown_and_decides_nothing() -> None:
    server, east = quiet_server(), quiet_server()
    manager = Manager(Client(server))
    manager.add(Controller(Widget, Scripted()))
    manager.add_cluster("east", Client(east))
    async with manager.running():
        await asyncio.sleep(10)
        cut_off(east)
        await asyncio.sleep(30)
        assert manager.readyz.facts()["clusters"] == "all synced"
        await asyncio.sleep(60)
        assert await is_ready(manager)
        assert manager.readyz.facts()["clusters"].startswith("east: widgets.example.dev (failing for ")


async def test_a_manager_that_does_not_run_is_not_ready() -> None:
    manager = manager_of(quiet_server(), Scripted())
    for _ in range(2):
        assert await manager.readyz.run() == {"informers": "the manager is not running"}
        async with manager.running():
            assert await is_ready(manager)
    assert not await is_ready(manager)

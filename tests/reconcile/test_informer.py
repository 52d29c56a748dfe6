"""The informer's state machine against a scripted server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kubernaut.client import Client
from kubernaut.reconcile import Change, Informer, Request, Scope
from kubernaut.reconcile.informer import Watching
from tests.reconcile.server import Server, refuse, widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time

SCOPE = Scope.of(Widget.resource_type)


@asynccontextmanager
async def informing(server: Server, page_limit: int = 500) -> AsyncIterator[tuple[Informer, list[str]]]:
    informer = Informer(Client(server), SCOPE, page_limit=page_limit)
    told: list[str] = []

    def tell(change: Change) -> None:
        told.append(f"{change.type} {change.key.name}{'!' if change.synthesised else ''}")

    informer.add_handler(tell)
    task = asyncio.create_task(informer.run())
    try:
        yield informer, told
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_it_lists_in_pages_then_watches() -> None:
    server = Server()
    for name in "abcde":
        server.put("widgets", widget(name))
    async with informing(server, page_limit=2) as (informer, told):
        await informer.synced.wait()
        assert told == [f"ADDED {name}" for name in "abcde"]
        lists = [r for r in server.requests if "watch" not in dict(r.query)]
        assert len(lists) == 3
        assert all("resourceVersion" not in dict(r.query) for r in lists)
        server.put("widgets", widget("a", size=2))
        server.remove("widgets", "shop", "b")
        await asyncio.sleep(1)
        assert told[5:] == ["MODIFIED a", "DELETED b"]
        assert isinstance(informer.state, Watching)


async def test_an_expired_watch_relists_and_tells_what_is_gone() -> None:
    server = Server()
    server.put("widgets", widget("a"))
    server.put("widgets", widget("b"))
    async with informing(server) as (informer, told):
        await informer.synced.wait()
        await asyncio.sleep(1)
        server.paused = True
        server.remove("widgets", "shop", "a")
        server.put("widgets", widget("c"))
        server.oldest = server.version
        server.cut += 1
        server.poke()
        server.paused = False
        await asyncio.sleep(60)
        assert told[2:] == ["ADDED c", "DELETED a!"]


async def test_a_recreated_object_is_told_apart_by_its_uid() -> None:
    server = Server()
    server.put("widgets", widget("a"))
    async with informing(server) as (informer, told):
        await informer.synced.wait()
        again = widget("a")
        again["metadata"]["uid"] = "another"
        server.put("widgets", again)
        await asyncio.sleep(1)
        assert told == ["ADDED a", "DELETED a!", "ADDED a"]


async def test_a_refused_watch_resumes_without_a_relist() -> None:
    server = Server()
    server.put("widgets", widget("a"))
    async with informing(server) as (informer, told):
        await informer.synced.wait()
        await asyncio.sleep(1)
        refuse(server, times=3, code=429)
        server.cut += 1
        server.poke()
        await asyncio.sleep(0)
        server.put("widgets", widget("b"))
        await asyncio.sleep(60)
        assert told == ["ADDED a", "ADDED b"]
        assert sum("watch" not in dict(r.query) for r in server.requests) == 1


async def test_the_retry_delays_grow_to_thirty_seconds() -> None:
    server = Server()
    refuse(server, times=8)
    started = asyncio.get_running_loop().time()
    async with informing(server) as (informer, _):
        await informer.synced.wait()
    # 0.8 + 1.6 + 3.2 + 6.4 + 12.8 + 25.6 + 30 + 30 without jitter; with it at most twice, capped at 30 s each.
    assert 110 <= asyncio.get_running_loop().time() - started <= 175


async def test_it_waits_for_a_kind_that_is_not_served_and_recovers() -> None:
    server = Server()
    server.served = False
    async with informing(server) as (informer, told):
        await asyncio.sleep(100)
        assert informer.absent
        assert not informer.synced.is_set()
        server.served = True
        server.put("widgets", widget("a"))
        await informer.synced.wait()
        assert told == ["ADDED a"]
        server.served = False
        server.cut += 1
        server.poke()
        await asyncio.sleep(60)
        assert informer.absent
        assert told == ["ADDED a", "DELETED a!"]


async def test_a_list_cut_off_between_pages_deletes_nothing() -> None:
    server = Server()
    for name in "abcd":
        server.put("widgets", widget(name))
    async with informing(server, page_limit=2) as (informer, told):
        await informer.synced.wait()
        refuse(server, times=1, match=lambda r: "continue" in dict(r.query))
        server.oldest = server.version + 100
        server.cut += 1
        server.poke()
        await asyncio.sleep(0.5)
        server.oldest = 0
        await asyncio.sleep(60)
        assert told == [f"ADDED {name}" for name in "abcd"]


async def test_a_late_handler_hears_what_is_already_there() -> None:
    server = Server()
    server.put("widgets", widget("a"))
    async with informing(server) as (informer, _):
        await informer.synced.wait()
        late: list[Request] = []
        informer.add_handler(lambda change: late.append(change.key))
        assert late == [Request("shop", "a")]

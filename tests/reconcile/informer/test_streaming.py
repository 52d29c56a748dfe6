"""Streaming lists: asked for first, ended by their bookmark, given up for lists in pages where a server has none."""

import asyncio

import pytest

from kubernaut.client import Client, TransportRequest
from kubernaut.reconcile import Cache, Informer, Scope
from kubernaut.reconcile.informer import InitStream, ServerFeatures, Watching
from kubernaut.reconcile.intake import CacheOptions
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import Cluster
from tests.reconcile.informer.informing import (
    SCOPE,
    frame,
    in_store,
    informing,
    now,
    on_server,
    server_of,
    status_frame,
)
from tests.reconcile.server import END, bookmark_frame, refuse, widget

pytestmark = pytest.mark.virtual_time


def streaming(request: TransportRequest) -> bool:
    return "sendInitialEvents" in dict(request.query)


async def test_one_watch_is_list_and_watch() -> None:
    server = server_of(*"ab")
    async with informing(server) as (informer, told):
        server.put("widgets", widget("a", size=2))
        await asyncio.sleep(1)
        assert told.lines == ["ADDED a", "ADDED b", "MODIFIED a"]
        assert told.initial == [True, True, False]
        assert isinstance(informer.state, Watching)
        assert len(server.requests) == 1


async def test_what_a_streaming_list_asks_for() -> None:
    server = server_of("a")
    async with informing(server):
        (query,) = server.watches
        timeout = query.pop("timeoutSeconds")
        assert query == {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
        }
        assert 300 <= int(timeout) <= 600


async def test_it_is_complete_with_the_end_bookmark_and_not_before() -> None:
    server = server_of(*"ab")
    server.ending = False
    async with informing(server, synced=False) as (informer, told):
        await asyncio.sleep(5)
        assert told.lines == ["ADDED a", "ADDED b"]
        assert not informer.synced.is_set()
        assert isinstance(informer.state, InitStream)
        server.bookmark(annotations=END)
        await asyncio.sleep(0.1)
        assert informer.synced.is_set()
        assert informer.resource_version == str(server.version)


@pytest.mark.parametrize("annotations", [None, {"k8s.io/initial-events-end": "false"}, {"other": "true"}])
async def test_a_bookmark_without_the_annotation_is_not_the_end(annotations: dict[str, str] | None) -> None:
    server = server_of("a")
    server.ending = False
    async with informing(server, synced=False) as (informer, _):
        await asyncio.sleep(1)
        server.bookmark(annotations=annotations)
        await asyncio.sleep(1)
        assert not informer.synced.is_set()
        assert informer.resource_version == ""


async def test_changes_before_the_end_are_taken_in() -> None:
    server = server_of(*"abc")
    server.ending = False
    async with informing(server, synced=False) as (informer, told):
        await asyncio.sleep(1)
        server.put("widgets", widget("a", size=2))
        server.remove("widgets", "shop", "b")
        server.put("widgets", widget("d"))
        server.remove("widgets", "shop", "d")
        server.bookmark(annotations=END)
        await informer.synced.wait()
        assert told.lines == [
            "ADDED a",
            "ADDED b",
            "ADDED c",
            "MODIFIED a",
            "DELETED b",
            "ADDED d",
            "DELETED d",
        ]
        assert in_store(informer) == on_server(server)


async def test_a_relist_by_stream_tells_what_is_gone() -> None:
    server = server_of(*"ab")
    async with informing(server) as (informer, told):
        server.paused = True
        server.remove("widgets", "shop", "a")
        server.put("widgets", widget("c"))
        server.compact()
        server.hang_up()
        server.paused = False
        await asyncio.sleep(60)
        assert told.lines[2:] == ["ADDED c", "DELETED a!"]
        assert server.lists == []
        assert informer.relists == 1
        assert all("resourceVersion" not in query for query in server.watches if "sendInitialEvents" in query)


async def test_the_watch_is_resumed_without_initial_events() -> None:
    server = server_of("a")
    async with informing(server) as (_, told):
        server.put("widgets", widget("b"))
        await asyncio.sleep(2)
        server.hang_up()
        await asyncio.sleep(1)
        server.put("widgets", widget("c"))
        await asyncio.sleep(1)
        assert told.lines == ["ADDED a", "ADDED b", "ADDED c"]
        again = server.watches[-1]
        assert "sendInitialEvents" not in again
        assert "resourceVersionMatch" not in again
        assert again["resourceVersion"] == str(server.version - 1)


async def test_a_stream_cut_before_its_end_is_begun_again() -> None:
    server = server_of(*"ab")
    server.ending = False
    async with informing(server, synced=False) as (informer, told):
        await asyncio.sleep(1)
        server.remove("widgets", "shop", "a")
        server.paused = True
        server.hang_up()
        server.paused = False
        server.ending = True
        await informer.synced.wait()
        assert told.lines == ["ADDED a", "ADDED b", "DELETED a"] or told.lines[-1] == "DELETED a!"
        assert in_store(informer) == on_server(server)
        assert server.lists == []


@pytest.mark.parametrize("code", [400, 422])
async def test_a_server_that_refuses_is_listed_in_pages_at_once(code: int) -> None:
    server = server_of("a")
    refuse(server, times=1000, code=code, match=streaming)
    async with informing(server) as (informer, _):
        assert now() < 0.5
        assert informer.errors == 0, "no failure: old servers are like that"
        assert len(server.lists) == 1


async def test_a_refusal_is_remembered_for_the_server_and_the_resource() -> None:
    server = server_of("a", streaming=False)
    features = ServerFeatures()
    async with informing(server, features=features):
        server.compact()
        server.put("widgets", widget("b"))
        server.compact()
        server.hang_up()
        await asyncio.sleep(60)
        assert len(server.lists) == 2
    async with informing(server, Scope.of(SCOPE.resource_type, "shop"), features=features):
        pass
    assert sum("sendInitialEvents" in query for query in server.watches) == 1
    async with informing(server, Scope.of(ConfigMap.resource_type), features=features):
        pass
    assert sum("sendInitialEvents" in query for query in server.watches) == 2, "another resource is asked about anew"


async def test_informers_of_one_cache_share_what_is_known_of_the_server() -> None:
    server = server_of("a", streaming=False)
    cache = Cache(Client(server))
    for scope in (SCOPE, Scope.of(SCOPE.resource_type, "shop")):
        task = asyncio.create_task(cache.informer(scope).run())
        await cache.informer(scope).synced.wait()
        task.cancel()
        await asyncio.wait([task])
    assert sum("sendInitialEvents" in query for query in server.watches) == 1


async def test_a_cache_can_do_without_streaming() -> None:
    server = server_of("a")
    cache = Cache(Client(server), options=CacheOptions(streaming=False))
    task = asyncio.create_task(cache.informer(SCOPE).run())
    await cache.informer(SCOPE).synced.wait()
    task.cancel()
    await asyncio.wait([task])
    assert len(server.lists) == 1
    assert not any("sendInitialEvents" in query for query in server.watches)


async def test_no_end_within_ten_idle_seconds_means_a_list() -> None:
    server = server_of(*"ab")
    server.ending = False
    features = ServerFeatures()
    async with informing(server, features=features) as (informer, told):
        assert 10 <= now() < 11
        assert told.lines == ["ADDED a", "ADDED b"]
        assert in_store(informer) == on_server(server)
        assert len(server.lists) == 1
        assert not features.streams(SCOPE.resource_type)


async def test_no_end_means_a_list_however_much_is_told_meanwhile() -> None:
    server = server_of("a")
    server.ending = False
    async with informing(server, synced=False) as (informer, _):
        for size in range(30):
            server.put("widgets", widget("a", size=size))
            await asyncio.sleep(5)
        assert informer.synced.is_set()
        assert len(server.lists) == 1


async def test_a_slow_stream_that_goes_on_is_waited_for() -> None:
    server = server_of("a")
    server.ending = False
    async with informing(server, synced=False) as (informer, _):
        for size in range(10):
            server.put("widgets", widget("a", size=size))
            await asyncio.sleep(9)
        server.bookmark(annotations=END)
        await asyncio.sleep(0.1)
        assert informer.synced.is_set()
        assert server.lists == []


@pytest.mark.parametrize("code", [429, 401, 503, 410, 504])
async def test_a_busy_server_is_asked_for_a_stream_again(code: int) -> None:
    server = server_of("a")
    refuse(server, times=3, code=code)
    async with informing(server) as (informer, _):
        assert server.lists == []
        assert len(server.watches) == 4
        assert informer.errors == 3


async def test_a_refused_connection_is_asked_for_a_stream_again() -> None:
    server = server_of("a")
    refuse(server, times=3)
    async with informing(server):
        assert server.lists == []
        assert now() > 0.8 + 1.6 + 3.2


@pytest.mark.parametrize("code", [500, 403])
async def test_any_other_error_means_a_list_this_time(code: int) -> None:
    server = server_of("a")
    refuse(server, times=1, code=code)
    features = ServerFeatures()
    async with informing(server, features=features) as (informer, _):
        assert len(server.lists) == 1
        assert informer.errors == 1
        assert features.streams(SCOPE.resource_type), "the next list may be streamed again"


async def test_retry_after_is_obeyed_on_a_stream() -> None:
    server = server_of("a")
    refuse(server, times=1, code=429, retry_after=45)
    async with informing(server):
        assert 45 <= now() < 47


async def test_an_error_event_before_the_end_is_backed_off_from() -> None:
    server = server_of("a")
    server.ending = False
    async with informing(server, synced=False) as (informer, _):
        await asyncio.sleep(1)
        server.ending = True
        server.send(status_frame(410, "Expired"))
        await informer.synced.wait()
        assert server.lists == []
        assert informer.errors == 1


async def test_what_cannot_be_read_in_a_stream_is_left_out_by_the_list() -> None:
    server = server_of("a")
    server.put("widgets", widget("broken"))["metadata"]["labels"] = 7
    async with informing(server) as (informer, _):
        assert list(in_store(informer)) == ["a"]
        assert informer.errors == 2, "the stream, and the object"


async def test_a_long_stream_lets_others_run() -> None:
    server = server_of()
    everything = b"".join(
        frame("ADDED", {"metadata": {"name": f"w{i}", "namespace": "shop", "uid": f"u{i}", "resourceVersion": "9"}})
        for i in range(2000)
    )
    server.ending = False
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with informing(server, synced=False) as (informer, _):
        await asyncio.sleep(1)
        server.send(everything + bookmark_frame(20, END))
        counter = asyncio.create_task(count())
        await informer.synced.wait()
        counter.cancel()
        assert len(informer.store) == 2000
        assert turns >= 4


@pytest.mark.server_from("1.34", "lists are streamed by default")
async def test_the_fake_api_server_streams_its_lists(cluster: Cluster) -> None:
    for name in "ab":
        await cluster.client.create(ConfigMap.from_dict({"metadata": {"name": name, "namespace": "default"}}))
    features = ServerFeatures()
    informer = Informer(cluster.client, Scope.of(ConfigMap.resource_type, "default"), features=features)
    task = asyncio.create_task(informer.run())
    await informer.synced.wait()
    assert {key.name for key, _ in informer.store.items()} >= {"a", "b"}
    await cluster.client.create(ConfigMap.from_dict({"metadata": {"name": "c", "namespace": "default"}}))
    await cluster.advance(seconds=1)
    assert "c" in {key.name for key, _ in informer.store.items()}
    assert informer.errors == 0
    assert features.streams(ConfigMap.resource_type), "it was not refused"
    task.cancel()
    await asyncio.wait([task])


async def test_servers_differ() -> None:
    old, new = server_of("a", streaming=False), server_of("a")
    for server in (old, new):
        async with informing(server, features=ServerFeatures()):
            pass
    assert len(old.lists) == 1
    assert new.lists == []

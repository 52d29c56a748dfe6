"""Reads from a manager's informers."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from kubernaut.client import Client, NotFound, ObjectHead
from kubernaut.reconcile import Cache, NotCached, NotComplete, Scope
from kubernaut.reconcile.intake import CacheOptions
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.informer.informing import RT, server_of, written
from tests.reconcile.informer.test_scopes import elsewhere, labelled
from tests.reconcile.server import Server, widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time


@asynccontextmanager
async def caching(server: Server, *scopes: Scope, options: CacheOptions | None = None) -> AsyncIterator[Cache]:
    cache = Cache(Client(server), options=options)
    for scope in scopes:
        cache.informer(scope)
    tasks = [asyncio.create_task(informer.run()) for informer in cache.informers]
    for informer in cache.informers:
        await informer.synced.wait()
    try:
        yield cache
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def names(found: Iterable[Widget]) -> list[str]:
    return [one.name for one in found]


async def test_objects_are_read_by_name_namespace_labels_and_index() -> None:
    server = server_of("a")
    server.put("widgets", labelled("b", size=7, x="y"))
    server.put("widgets", elsewhere("c", "other"))
    async with caching(server, Scope.of(RT)) as cache:
        cache.add_index(Widget, "size", lambda one: [str(one.spec.size)])
        assert cache.get(Widget, "a", "shop").spec.size == 1
        assert cache.head(Widget, "b", "shop").labels == {"x": "y"}
        assert names(cache.list(Widget)) == ["a", "b", "c"]
        assert names(cache.list(Widget, "shop")) == ["a", "b"]
        assert names(cache.list(Widget, labels={"x": "y"})) == ["b"]
        assert names(cache.list(Widget, labels="!x")) == ["a", "c"]
        assert names(cache.list(Widget, "shop", index=("size", "1"))) == ["a"]
        assert [head.name for head in cache.heads(Widget, "other")] == ["c"]


async def test_what_does_not_exist_is_not_found() -> None:
    async with caching(server_of("a"), Scope.of(RT)) as cache:
        with pytest.raises(NotFound, match=r'widgets\.example\.dev "b" not found'):
            cache.get(Widget, "b", "shop")
        with pytest.raises(NotFound):
            cache.head(Widget, "a", "other")


async def test_what_is_not_watched_is_not_cached() -> None:
    async with caching(server_of("a"), Scope.of(RT, "shop")) as cache:
        with pytest.raises(NotCached, match="configmaps in namespace shop: add it to `watches`"):
            cache.get(ConfigMap, "a", "shop")
        with pytest.raises(NotCached, match="in namespace other"):
            cache.list(Widget, "other")
        with pytest.raises(NotCached):
            cache.add_index(ConfigMap, "x", lambda one: [])


async def test_an_unknown_index_is_named() -> None:
    async with caching(server_of("a"), Scope.of(RT)) as cache:
        with pytest.raises(KeyError, match="size"):
            cache.list(Widget, index=("size", "1"))


async def test_metadata_alone_is_read_by_head() -> None:
    async with caching(server_of("a"), Scope.of(RT, metadata_only=True)) as cache:
        with pytest.raises(NotCached, match="`head`"):
            cache.get(Widget, "a", "shop")
        with pytest.raises(NotCached, match="`head`"):
            cache.list(Widget)
        assert cache.head(Widget, "a", "shop").uid == "uid-11"
        assert [head.name for head in cache.heads(Widget)] == ["a"]
        assert cache.whole(RT, "a", "shop") is None


async def test_metadata_alone_can_be_indexed() -> None:
    def labels_of(head: ObjectHead) -> Iterable[str]:
        return head.labels.values()

    server = server_of("a")
    server.put("widgets", labelled("b", x="y"))
    async with caching(server, Scope.of(RT, metadata_only=True)) as cache:
        cache.add_index(Widget, "labels", labels_of)
        assert [head.name for head in cache.heads(Widget, index=("labels", "y"))] == ["b"]


async def test_a_full_watch_besides_one_of_metadata_is_what_is_read() -> None:
    async with caching(server_of("a"), Scope.of(RT, metadata_only=True), Scope.of(RT, "shop")) as cache:
        assert cache.get(Widget, "a", "shop").spec.size == 1
        assert names(cache.list(Widget)) == ["a"]
        assert [head.name for head in cache.heads(Widget)] == ["a"]


async def test_a_list_of_all_namespaces_joins_the_namespaces_that_are_watched() -> None:
    server = server_of("a")
    for namespace in ("other", "third"):
        server.put("widgets", elsewhere("b", namespace))
    scopes = Scope.across(RT, ["shop", "other"])
    async with caching(server, *scopes) as cache:
        assert [(one.namespace, one.name) for one in cache.list(Widget)] == [("shop", "a"), ("other", "b")]
        assert names(cache.list(Widget, "other")) == ["b"]


async def test_objects_of_overlapping_watches_are_listed_once() -> None:
    server = server_of()
    server.put("widgets", labelled("a", x="1", y="1"))
    server.put("widgets", labelled("b", y="1"))
    async with caching(server, Scope.of(RT, labels="x=1"), Scope.of(RT, labels="y=1")) as cache:
        assert sorted(names(cache.list(Widget))) == ["a", "b"]


async def test_the_watch_that_sees_everything_is_asked_first() -> None:
    server = server_of("a")
    async with caching(server, Scope.of(RT, labels="x=1"), Scope.of(RT)) as cache:
        assert names(cache.list(Widget)) == ["a"]
        assert cache.get(Widget, "a", "shop").name == "a"


async def test_an_index_that_one_of_the_watches_has_is_used() -> None:
    server = server_of("a")
    async with caching(server, Scope.of(RT), Scope.of(RT, "shop")) as cache:
        cache.informer(Scope.of(RT, "shop")).store.add_index("size", Widget, lambda one: [str(one.spec.size)])
        assert names(cache.list(Widget, "shop", index=("size", "1"))) == ["a"]


async def test_a_cache_never_starts_a_watch() -> None:
    server = server_of("a")
    cache = Cache(Client(server))
    with pytest.raises(NotCached):
        cache.list(Widget)
    cache.informer(Scope.of(RT))
    assert len(cache.partial.list(Widget)) == 0
    assert server.requests == []


async def test_a_read_before_the_first_list_is_complete_is_refused_rather_than_answered_in_part() -> None:
    cache = Cache(Client(server_of("a")))
    cache.informer(Scope.of(RT))
    with pytest.raises(NotComplete, match=r"the first list of widgets.example.dev is not complete yet"):
        cache.get(Widget, "a", "shop")


async def test_a_kind_that_is_not_served_has_no_objects() -> None:
    server = server_of("a")
    server.served = False
    cache = Cache(Client(server))
    informer = cache.informer(Scope.of(RT))
    task = asyncio.create_task(informer.run())
    await asyncio.sleep(1)
    assert len(cache.list(Widget)) == 0
    task.cancel()
    await asyncio.wait([task])


async def test_the_first_informer_that_is_behind_a_write_is_named() -> None:
    server = server_of("a")
    async with caching(server, Scope.of(RT), Scope.of(RT, "other")) as cache:
        server.paused = True
        note = written(server.put("widgets", widget("a", size=2)))
        assert cache.watches(note)
        assert cache.behind(note) is cache.informers[0]
        server.paused = False
        server.poke()
        await asyncio.sleep(0.1)
        assert cache.behind(note) is None


async def test_no_write_is_awaited_that_nothing_watches() -> None:
    server = server_of("a")
    async with caching(server, Scope.of(RT, "other")) as cache:
        note = written(server.put("widgets", widget("a", size=2)))
        assert not cache.watches(note)
        assert cache.behind(note) is None

"""Reads from a manager's informers."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from kubernaut.client import Client, NotFound, ObjectHead
from kubernaut.reconcile import Cache, NotCached, NotComplete, Scope
from kubernaut.reconcile.intake import CacheOptions
from kubernaut.reconcile.stored import Stored
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
    scopes = Scope.of(RT, labels="x=1"), Scope.of(RT, labels="y=1")
    async with caching(server, *scopes) as cache:
        assert sorted(names(cache.scoped(scopes).list(Widget))) == ["a", "b"]


async def test_a_name_without_the_namespace_that_its_kind_needs_is_refused_as_by_the_client() -> None:
    async with caching(server_of("a"), Scope.of(RT)) as cache:
        with pytest.raises(ValueError, match="Widget is namespaced: give the namespace"):
            cache.get(Widget, "a")
        with pytest.raises(ValueError, match="give the namespace"):
            cache.head(Widget, "a")


async def test_what_is_watched_in_other_namespaces_is_said_to_be() -> None:
    async with caching(server_of("a"), *Scope.across(RT, [f"n{i}" for i in range(7)])) as cache:
        with pytest.raises(NotCached, match="not watched in namespace x, only in n0, n1, n2, n3, n4 and 2 more"):
            cache.get(Widget, "a", "x")


async def test_what_the_selectors_of_others_may_leave_out_is_not_cached() -> None:
    server = server_of("plain")
    server.put("widgets", labelled("a", x="1", y="1"))
    async with caching(server, Scope.of(RT, labels="x=1")) as cache:
        assert cache.get(Widget, "a", "shop").name == "a"
        with pytest.raises(NotCached, match=r"watched in part only \(widgets.example.dev x=1\)"):
            cache.get(Widget, "plain", "shop")
        with pytest.raises(NotCached, match="in part"):
            cache.list(Widget)
        with pytest.raises(NotCached, match="in part"):
            cache.list(Widget, "shop", labels="y=1")
        assert names(cache.list(Widget, labels={"x": "1", "y": "1"})) == ["a"]
        own = cache.scoped([Scope.of(RT, labels="x=1")])
        assert names(own.list(Widget)) == ["a"]
        with pytest.raises(NotFound):
            own.get(Widget, "plain", "shop")


async def test_a_watch_of_one_name_tells_whether_that_object_exists() -> None:
    async with caching(server_of("a"), Scope.of(RT, fields="metadata.name=b")) as cache:
        with pytest.raises(NotFound):
            cache.get(Widget, "b", "shop")
        with pytest.raises(NotCached):
            cache.get(Widget, "c", "shop")


async def test_a_namespace_that_is_watched_whole_is_read_beside_a_selective_watch_of_another() -> None:
    server = server_of("a")
    async with caching(server, Scope.of(RT, "shop"), Scope.of(RT, "other", labels="x=1")) as cache:
        assert names(cache.list(Widget, "shop")) == ["a"]
        with pytest.raises(NotCached, match="in part"):
            cache.list(Widget, "other")
        with pytest.raises(NotCached, match="in part"):
            cache.list(Widget)


async def test_a_controllers_view_reads_by_its_own_watch_where_others_watch_more() -> None:
    server = server_of("plain")
    server.put("widgets", labelled("a", x="1"))
    server.put("widgets", elsewhere("c", "other"))
    own = Scope.of(RT, "shop", labels="x=1")
    async with caching(server, Scope.of(RT), own) as cache:
        view = cache.scoped([own])
        assert names(view.list(Widget)) == ["a"]
        with pytest.raises(NotFound):
            view.get(Widget, "plain", "shop")
        assert view.get(Widget, "c", "other").name == "c"  # where it watches nothing, the watches of others answer
        assert len(cache.list(Widget)) == 3


async def test_another_version_is_read_for_its_metadata_alone() -> None:
    older = replace(RT, version="v1beta1")
    cache = Cache(Client(server_of("a")))
    informer = cache.informer(Scope.of(older))
    informer.store.put(Stored(ObjectHead(name="a", namespace="shop", uid="u", resource_version="1"), b"{}"))
    informer.synced.set()
    with pytest.raises(NotCached, match="watched in version v1beta1, not in v1"):
        cache.get(Widget, "a", "shop")
    assert cache.head(Widget, "a", "shop").uid == "u"
    assert cache.whole(RT, "a", "shop") is None
    assert cache.whole(older, "a", "shop") is not None
    cache.informer(Scope.of(RT)).synced.set()
    assert len(cache.list(Widget)) == 0


async def test_a_read_looks_only_at_the_watches_of_its_kind_and_namespace() -> None:
    cache = Cache(Client(server_of("a")))
    for scope in Scope.across(RT, [f"n{i}" for i in range(50)]):
        cache.informer(scope)
    everywhere = cache.informer(Scope.of(ConfigMap.resource_type))
    assert cache.watching(RT.group_resource, "n7") == [cache.informer(Scope.of(RT, "n7"))]
    assert cache.watching(ConfigMap.resource_type.group_resource, "n7") == [everywhere]


async def test_an_index_name_stands_for_one_function() -> None:
    def by_name(one: Widget) -> list[str]:
        return [one.name]

    def by_size(one: Widget) -> list[str]:
        return [str(one.spec.size)]

    async with caching(server_of("a"), Scope.of(RT)) as cache:
        cache.add_index(Widget, "x", by_name)
        cache.add_index(Widget, "x", by_name)
        with pytest.raises(ValueError, match=r"by_name.*by_size"):
            cache.add_index(Widget, "x", by_size)


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

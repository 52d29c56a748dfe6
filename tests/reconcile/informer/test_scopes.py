"""What is watched: namespaces, selectors at the server, metadata alone; and one watch for all who ask for the same."""

import asyncio

import pytest

from kubernaut.client import Client, TransportRequest
from kubernaut.reconcile import Cache, Informer, LabelSelector, Scope
from kubernaut.reconcile.selectors import FieldSelector, canonical_text
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace
from kubernaut.testing import Cluster
from tests.reconcile.informer.informing import RT, informing, names, server_of
from tests.reconcile.server import Body, Server, widget


def labelled(name: str, size: int = 1, **labels: str) -> Body:
    obj = widget(name, size=size)
    obj["metadata"]["labels"] = labels
    return obj


def elsewhere(name: str, namespace: str) -> Body:
    obj = widget(name)
    obj["metadata"]["namespace"] = namespace
    return obj


@pytest.mark.virtual_time
@pytest.mark.parametrize("streaming", [True, False])
async def test_labels_are_selected_at_the_server(streaming: bool) -> None:
    server = server_of(streaming=streaming)
    server.put("widgets", labelled("in", tier="web"))
    server.put("widgets", labelled("out", tier="db"))
    async with informing(server, Scope.of(RT, labels={"tier": "web"})) as (informer, told):
        assert all(dict(r.query)["labelSelector"] == "tier=web" for r in server.requests)
        server.put("widgets", labelled("out", tier="web"))
        server.put("widgets", labelled("in", tier="db"))
        server.put("widgets", labelled("never", tier="db"))
        await asyncio.sleep(1)
        assert told.lines == ["ADDED in", "ADDED out", "DELETED in"]
        assert names(informer) == ["out"]


@pytest.mark.virtual_time
@pytest.mark.parametrize("streaming", [True, False])
async def test_fields_are_selected_at_the_server(streaming: bool) -> None:
    server = server_of(streaming=streaming)
    for size in (1, 2):
        server.put("widgets", widget(f"w{size}", size=size))
    async with informing(server, Scope.of(RT, fields="spec.size=2")) as (informer, _):
        assert all(dict(r.query)["fieldSelector"] == "spec.size=2" for r in server.requests)
        assert names(informer) == ["w2"]


@pytest.mark.virtual_time
async def test_a_namespace_is_watched_by_its_own_path() -> None:
    server = server_of("a")
    server.put("widgets", elsewhere("b", "other"))
    async with informing(server, Scope.of(RT, "other")) as (informer, told):
        assert {r.path for r in server.requests} == {"/apis/example.dev/v1/namespaces/other/widgets"}
        server.put("widgets", widget("c"))
        server.put("widgets", elsewhere("d", "other"))
        await asyncio.sleep(1)
        assert told.lines == ["ADDED b", "ADDED d"]
        assert names(informer) == ["b", "d"]


def test_a_list_of_namespaces_is_one_scope_each() -> None:
    assert Scope.across(RT, ["a", "b", "a"]) == (Scope.of(RT, "a"), Scope.of(RT, "b"))
    assert Scope.across(RT, "a", {"x": "y"}) == (Scope.of(RT, "a", {"x": "y"}),)
    assert Scope.across(RT, None, metadata_only=True) == (Scope.of(RT, metadata_only=True),)
    assert Scope.across(Namespace.resource_type, ["a", "b"]) == (Scope.of(Namespace.resource_type),)


def partial(request: TransportRequest) -> bool:
    return "as=PartialObjectMetadata" in str(request.headers.get("accept"))


@pytest.mark.virtual_time
@pytest.mark.parametrize("streaming", [True, False])
async def test_a_metadata_only_watch_asks_for_and_keeps_metadata(streaming: bool) -> None:
    server = server_of("a", streaming=streaming)
    async with informing(server, Scope.of(RT, metadata_only=True)) as (informer, told):
        server.put("widgets", labelled("b", size=5, x="y"))
        await asyncio.sleep(1)
        assert told.lines == ["ADDED a", "ADDED b"]
        assert told.changes[1].new.head.labels == {"x": "y"}
        assert all(partial(request) for request in server.requests)
        assert all(b"size" not in stored.raw for _, stored in informer.store.items())
        assert not informer.whole


@pytest.mark.virtual_time
async def test_a_full_watch_does_not_ask_for_metadata() -> None:
    server = server_of("a", streaming=False)
    async with informing(server) as (informer, _):
        assert not any(partial(request) for request in server.requests)
        assert informer.whole


async def test_the_fake_api_server_answers_metadata_alone(cluster: Cluster) -> None:
    await cluster.client.create(
        ConfigMap.from_dict({"metadata": {"name": "a", "namespace": "default"}, "data": {"text": "hidden"}})
    )
    informer = Informer(cluster.client, Scope.of(ConfigMap.resource_type, "default", metadata_only=True))
    task = asyncio.create_task(informer.run())
    await informer.synced.wait()
    stored = {key.name: stored for key, stored in informer.store.items()}["a"]
    assert b"hidden" not in stored.raw
    assert b"PartialObjectMetadata" in stored.raw
    assert stored.head.uid
    task.cancel()
    await asyncio.wait([task])


def test_one_informer_for_equal_scopes_whoever_asks() -> None:
    cache = Cache(Client(Server()))
    one = cache.informer(Scope.of(RT, labels={"b": "2", "a": "1"}))
    assert cache.informer(Scope.of(RT, labels="a=1,b=2")) is one
    assert cache.informer(Scope.of(RT, labels=" b==2 , a=1")) is one
    others = [
        cache.informer(Scope.of(RT, labels="a=1")),
        cache.informer(Scope.of(RT)),
        cache.informer(Scope.of(RT, "shop")),
        cache.informer(Scope.of(RT, metadata_only=True)),
    ]
    assert len({id(informer) for informer in (one, *others)}) == 5
    assert cache.informers == (one, *others)


@pytest.mark.virtual_time
async def test_two_who_ask_for_the_same_share_one_watch() -> None:
    server = server_of("a")
    cache = Cache(Client(server))
    heard: list[str] = []
    for who in "xy":
        cache.informer(Scope.of(RT)).add_handler(lambda change, who=who: heard.append(who))  # type: ignore[misc]
    tasks = [asyncio.create_task(informer.run()) for informer in cache.informers]
    await asyncio.sleep(1)
    assert heard == ["x", "y"]
    assert len(server.watches) == 1
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        (None, None),
        ("", None),
        ({}, None),
        ("a=1", "a=1"),
        ("b=2,a=1", "a=1,b=2"),
        ("a==1", "a=1"),
        ("a!=1", "a!=1"),
        ("x notin (c, b),a", "a,x notin (b,c)"),
        ("x in (b)", "x=b"),
        ("!a , b", "!a,b"),
        ("a=1,a=1", "a=1"),
        ("a=", "a="),
        ("a ~ b", "a ~ b"),
    ],
)
def test_the_text_of_a_selector(selector: str | dict[str, str] | None, text: str | None) -> None:
    assert canonical_text(selector) == text


@pytest.mark.parametrize(
    ("selector", "matching", "other"),
    [
        ("a=1", {"a": "1"}, {"a": "2"}),
        ("a!=1", {}, {"a": "1"}),
        ("a in (1,2)", {"a": "2"}, {}),
        ("a notin (1,2)", {}, {"a": "1"}),
        ("a", {"a": ""}, {}),
        ("!a", {}, {"a": ""}),
        ("a=1,b", {"a": "1", "b": ""}, {"a": "1"}),
        ({"a": "1"}, {"a": "1", "b": "2"}, {"b": "2"}),
    ],
)
def test_labels_are_matched_locally(
    selector: str | dict[str, str], matching: dict[str, str], other: dict[str, str]
) -> None:
    parsed = LabelSelector.parse(selector)
    assert parsed.matches(matching)
    assert not parsed.matches(other)
    again = LabelSelector.parse(canonical_text(selector))
    assert again.matches(matching)
    assert not again.matches(other)


def test_a_term_that_is_not_understood_is_named() -> None:
    with pytest.raises(ValueError, match="a ~ b"):
        LabelSelector.parse("x=1,a ~ b")


def test_fields_are_matched_locally_as_far_as_the_name_and_namespace_tell() -> None:
    named = FieldSelector.parse("metadata.name=a,metadata.namespace!=other")
    assert named.may_match("shop", "a") is True
    assert named.may_match("shop", "b") is False
    assert named.may_match("other", "a") is False
    mixed = FieldSelector.parse("metadata.name=a,spec.size=2")
    assert mixed.may_match("shop", "a") is None
    assert mixed.may_match("shop", "b") is False


def test_what_a_scope_selects() -> None:
    scope = Scope.of(RT, labels="a=1")
    assert scope.selects("shop", "x", {"a": "1"}) is True
    assert scope.selects("shop", "x", {}) is False
    assert scope.selects("shop", "x", None) is None
    assert Scope.of(RT).selects("shop", "x", None) is True
    assert Scope.of(RT, labels="a=1", fields="spec.size=2").selects("shop", "x", {"a": "1"}) is None
    assert Scope.of(RT, labels="a=1", fields="spec.size=2").selects("shop", "x", {"a": "2"}) is False
    assert Scope.of(RT, labels="a ~ b").selects("shop", "x", {"a": "2"}) is None


def test_the_text_of_a_scope_names_all_of_it() -> None:
    text = str(Scope.of(RT, "shop", "a=1", "metadata.name=x", metadata_only=True))
    assert text == "widgets.example.dev in shop a=1 metadata.name=x (metadata)"


@pytest.mark.parametrize(
    ("asked", "watched", "all_of_them"),
    [
        ("a=b", None, True),
        ("a=b", "a=b", True),
        ("a=b,c=d", "c=d", True),
        ("a=b", "a in (b,c)", True),
        ("a in (b,c)", "a", True),
        ("!a", "!a", True),
        ("a!=b", "a!=b", True),
        ("a in (b,c)", "a=b", False),
        ("a", "a=b", False),
        ("a!=b", "a", False),
        ("c=d", "a=b", False),
        (None, "a=b", False),
    ],
)
def test_a_scope_tells_whether_it_leaves_out_anything_of_what_labels_select(
    asked: str | None, watched: str | None, all_of_them: bool
) -> None:
    assert Scope.of(RT, labels=watched).selects_all(LabelSelector.parse(asked)) is all_of_them
    assert not Scope.of(RT, labels=watched, fields="spec.x=y").selects_all(LabelSelector.parse(asked))

"""Watches: from a change to requests by a function of the user's, also where that function fails."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from kubernaut.client import ObjectHead
from kubernaut.reconcile import Cache, Change, Controller, Request, Watch
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.scripted import Keys, manager_of
from tests.reconcile.server import Server, widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time


def config(name: str = "c", **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "labels": labels}}


def by_label(head: ObjectHead) -> list[Request]:
    return [Request(head.namespace, name) for name in head.labels.get("widgets", "").split("-") if name]


async def calls_of(to: Any, *steps: dict[str, Any] | None, **options: Any) -> list[str]:
    """What is reconciled while a ConfigMap goes through the states `steps`; None: it is deleted."""
    server, keys = Server(), Keys()
    async with manager_of(server, keys, watches=[Watch(ConfigMap, to=to, **options)]).running():
        for step in steps:
            if step is None:
                server.remove("configmaps", "shop", "c")
            else:
                server.put("configmaps", step)
            await asyncio.sleep(1)
    return keys.calls


async def test_a_creation_and_a_deletion_are_mapped() -> None:
    assert await calls_of(by_label, config(widgets="a-b"), None) == ["shop/a", "shop/b"] * 2


async def test_an_update_is_mapped_by_its_old_state_and_its_new_one() -> None:
    assert await calls_of(by_label, config(widgets="a"), config(widgets="b")) == ["shop/a", "shop/a", "shop/b"]


async def test_a_request_that_both_states_lead_to_is_made_once() -> None:
    assert await calls_of(by_label, config(widgets="a"), config(widgets="a", x="y")) == ["shop/a", "shop/a"]
    assert await calls_of(by_label, config(widgets="a-a-a")) == ["shop/a"]


async def test_a_mapper_may_answer_nothing_and_may_be_a_generator() -> None:
    def lazy(head: ObjectHead) -> Iterator[Request]:
        yield from by_label(head)

    assert await calls_of(lazy, config(), config(widgets="a")) == ["shop/a"]


async def test_requests_may_be_cluster_scoped_or_of_any_namespace() -> None:
    def everywhere(head: ObjectHead) -> list[Request]:
        return [Request(None, "x"), Request("office", "x")]

    assert await calls_of(everywhere, config()) == ["x", "office/x"]


async def test_a_mapper_with_a_second_argument_is_given_the_cache() -> None:
    def all_widgets(head: ObjectHead, cache: Cache) -> list[Request]:
        return [Request(other.namespace, other.name) for other in cache.heads(Widget)]

    server, keys = Server(), Keys()
    for name in "ab":
        server.put("widgets", widget(name))
    async with manager_of(server, keys, watches=[Watch(ConfigMap, to=all_widgets)]).running():
        await asyncio.sleep(1)
        server.put("configmaps", config())
        await asyncio.sleep(1)
    assert keys.calls == ["shop/a", "shop/b"] * 2


async def test_an_argument_with_a_default_is_the_mappers_own() -> None:
    def prefixed(prefix: str, head: ObjectHead) -> list[Request]:
        return [Request(None, prefix + head.name)]

    for to in (lambda head, prefix="p-": prefixed(prefix, head), partial(prefixed, "p-")):
        assert await calls_of(to, config()) == ["p-c"]


async def test_a_mapper_that_raises_loses_that_change_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    def picky(head: ObjectHead) -> list[Request]:
        if "bad" in head.labels:
            raise ValueError("cannot map it")
        return by_label(head)

    assert await calls_of(picky, config(widgets="a"), config("d", bad="x"), config("e", widgets="b")) == [
        "shop/a",
        "shop/b",
    ]
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "a predicate or mapper failed" in record.getMessage()
    assert "shop/d" in record.getMessage()
    assert record.exc_info


async def test_a_predicate_that_raises_loses_that_change_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    def picky(change: Change) -> bool:
        return change.new.head.labels["widgets"] != ""

    calls = await calls_of(by_label, config("d"), config(widgets="a"), predicates=[picky])
    assert calls == ["shop/a"]
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("nonsense", [None, 7, ["shop/a"], [("shop", "a")], [None]])
async def test_a_mapper_that_answers_nonsense_loses_that_change(
    nonsense: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def odd(head: ObjectHead) -> Any:
        return nonsense if head.name == "d" else by_label(head)

    assert await calls_of(odd, config("d"), config(widgets="a")) == ["shop/a"]
    assert "a predicate or mapper failed" in caplog.text


async def test_a_failing_mapper_does_not_keep_other_controllers_from_the_shared_watch() -> None:
    def broken(head: ObjectHead) -> list[Request]:
        raise ValueError

    server, one, two = Server(), Keys(), Keys()
    manager = manager_of(server, one, watches=[Watch(ConfigMap, to=broken)])
    manager.add(Controller(Widget, two, name="two", watches=[Watch(ConfigMap, to=by_label)]))
    async with manager.running():
        server.put("configmaps", config(widgets="a"))
        await asyncio.sleep(1)
    assert (one.calls, two.calls) == ([], ["shop/a"])


async def test_what_is_watched_in_vain_may_be_mapped_to_an_object_that_is_not_there() -> None:
    assert await calls_of(lambda head: [Request("nowhere", "ghost")], config()) == ["nowhere/ghost"]


async def test_several_namespaces_are_watched_one_by_one_and_each_once() -> None:
    server, keys = Server(), Keys()
    for namespace in ("one", "two", "three"):
        server.put("widgets", {**widget("a"), "metadata": {"name": "a", "namespace": namespace}})
    async with manager_of(server, keys, namespace=["one", "two", "one"]).running():
        await asyncio.sleep(1)
    assert sorted(keys.calls) == ["one/a", "two/a"]
    lists = [r.path for r in server.requests if "resourceVersion" not in dict(r.query)]
    assert sorted(lists) == [f"/apis/example.dev/v1/namespaces/{name}/widgets" for name in ("one", "two")]


@pytest.mark.parametrize("answer", [None, Request("shop", "a"), "shop/a", ["shop/a"]])
async def test_a_mapper_that_returns_no_requests_is_named_with_what_it_returned(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert await calls_of(lambda head: answer, config()) == []
    (record,) = [record for record in caplog.records if "mapper failed" in record.getMessage()]
    assert "watched=configmaps" in record.getMessage()
    assert "it must return Requests" in caplog.text

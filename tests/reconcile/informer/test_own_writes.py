"""Read-your-writes: which writes an informer will show, whether it shows them yet, and who is told when it does."""

import asyncio
from typing import Any

import pytest

from kubernaut.client import Client, Written
from kubernaut.reconcile import Scope, Store
from kubernaut.reconcile.informer.waiting import OPAQUE_REMEMBERED, Waiters, number
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.informer.informing import RT, frame, informing, server_of, written
from tests.reconcile.informer.objects import put, request, settled, stored
from tests.reconcile.informer.test_scopes import elsewhere, labelled
from tests.reconcile.server import refuse, widget
from tests.reconcile.widgets import Widget


def note(name: str, version: str = "", *, uid: str = "", deleted: bool = False) -> Written:
    return Written(RT, "shop", name, uid or f"uid-{name}", version, deleted)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        *((text, None) for text in ("0", "", "-1", "1.5", "12a", "b/9", "²", " 1")),
    ],
)
def test_versions_are_compared_as_positive_integers(text: str, value: int | None) -> None:
    assert number(text) == value


@pytest.mark.virtual_time
async def test_a_write_is_reached_with_the_version_of_the_store() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        server.paused = True
        own = written(server.put("widgets", widget("a", size=2)))
        assert informer.concerns(own)
        assert not informer.reached(own)
        server.bookmark()
        server.paused = False
        server.poke()
        await asyncio.sleep(0.1)
        assert informer.reached(own)


@pytest.mark.virtual_time
async def test_a_later_event_of_another_object_shows_the_write_too() -> None:
    server = server_of("a", "b")
    async with informing(server, Scope.of(RT, labels="x=1")) as (informer, _):
        own = Written(RT, "shop", "a", "uid-a", str(server.version + 1), deleted=False, labels={"x": "1"})
        assert not informer.reached(own)
        server.version += 1
        server.put("widgets", labelled("b", x="1"))
        await asyncio.sleep(0.1)
        assert informer.reached(own)


@pytest.mark.virtual_time
async def test_versions_of_another_resource_are_not_compared() -> None:
    async with informing(server_of("a")) as (informer, _):
        other = Written(ConfigMap.resource_type, "shop", "a", "u", "1", deleted=False)
        assert not informer.concerns(other)


@pytest.mark.virtual_time
async def test_objects_outside_the_scope_are_not_awaited() -> None:
    server = server_of("a")
    async with informing(server, Scope.of(RT, "other")) as (informer, _):
        assert not informer.concerns(written(server.put("widgets", widget("a", size=2))))
        assert informer.concerns(written(server.put("widgets", elsewhere("b", "other"))))


@pytest.mark.virtual_time
async def test_an_object_just_created_with_matching_labels_is_awaited() -> None:
    server = server_of()
    async with informing(server, Scope.of(RT, labels="x in (1,2)")) as (informer, _):
        server.paused = True
        own = written(server.put("widgets", labelled("a", x="1")))
        other = written(server.put("widgets", labelled("b", x="3")))
        assert informer.concerns(own)
        assert not informer.reached(own)
        assert not informer.concerns(other)
        server.paused = False
        server.poke()
        await asyncio.sleep(0.1)
        assert informer.reached(own)


@pytest.mark.virtual_time
async def test_a_write_that_takes_an_object_out_of_the_selection_is_awaited() -> None:
    server = server_of()
    server.put("widgets", labelled("a", x="1"))
    async with informing(server, Scope.of(RT, labels="x=1")) as (informer, told):
        server.paused = True
        own = written(server.put("widgets", labelled("a", x="2")))
        assert informer.concerns(own)
        assert not informer.reached(own)
        server.paused = False
        server.poke()
        await asyncio.sleep(0.1)
        assert informer.reached(own)
        assert told.lines == ["ADDED a", "DELETED a"]


@pytest.mark.virtual_time
async def test_with_field_selectors_only_what_is_here_is_awaited() -> None:
    server = server_of()
    server.put("widgets", widget("here", size=2))
    async with informing(server, Scope.of(RT, fields="spec.size=2")) as (informer, _):
        assert informer.concerns(written(server.put("widgets", widget("here", size=2))))
        assert not informer.concerns(written(server.put("widgets", widget("new", size=2))))


@pytest.mark.virtual_time
async def test_a_field_selector_on_the_name_is_matched_locally() -> None:
    server = server_of()
    async with informing(server, Scope.of(RT, fields="metadata.name=a")) as (informer, _):
        assert informer.concerns(written(server.put("widgets", widget("a"))))
        assert not informer.concerns(written(server.put("widgets", widget("b"))))


@pytest.mark.virtual_time
async def test_a_write_whose_labels_are_not_known_is_awaited_where_the_object_is_here() -> None:
    server = server_of()
    server.put("widgets", labelled("here", x="1"))
    async with informing(server, Scope.of(RT, labels="x=1")) as (informer, _):
        assert informer.concerns(note("here", "99"))
        assert not informer.concerns(note("new", "99"))


@pytest.mark.virtual_time
async def test_the_client_tells_the_labels_of_what_it_wrote() -> None:
    seen: list[Written] = []
    client = Client(server_of("a")).observed_by(seen.append)
    metadata: dict[str, Any] = {"name": "b", "namespace": "shop", "labels": {"x": "y"}}
    await client.create(Widget.from_dict({"metadata": metadata}))
    assert seen[0].labels == {"x": "y"}
    await client.delete(Widget, "b", namespace="shop")
    assert seen[1].labels is None
    assert seen[1].deleted


@pytest.mark.virtual_time
async def test_a_deletion_is_awaited_by_uid() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        server.paused = True
        gone = written(server.remove("widgets", "shop", "a"), deleted=True)
        server.put("widgets", widget("a"))
        assert not informer.reached(gone)
        server.paused = False
        server.poke()
        await asyncio.sleep(0.1)
        assert "a" in {key.name for key, _ in informer.store.items()}, "its successor is here"
        assert informer.reached(gone)


def test_a_deletion_of_an_unknown_uid_is_reached_when_the_object_is_gone() -> None:
    store = Store()
    waiters = Waiters(store)
    put(store, stored("a"))
    assert not waiters.reached(Written(RT, "shop", "a", "", "", deleted=True))
    store.remove(request("a"))
    assert waiters.reached(Written(RT, "shop", "a", "", "", deleted=True))


def test_the_own_event_tells_before_the_store_is_as_new() -> None:
    store = Store()
    waiters = Waiters(store)
    waiters.advanced("3")
    assert not waiters.reached(note("a", "5"))
    put(store, stored("a", 4))
    assert not waiters.reached(note("a", "5"))
    put(store, stored("a", 6))
    assert waiters.reached(note("a", "5"))
    assert not waiters.reached(note("b", "5"))


def test_versions_without_an_order_wait_for_the_own_event_of_the_object() -> None:
    store = Store()
    waiters = Waiters(store)
    waiters.advanced("zzz")
    put(store, stored("a", "b/9"))
    assert not waiters.reached(note("a", "a/1"))
    assert not waiters.reached(note("a", "a/1"))
    put(store, stored("a", "a/1"))
    assert waiters.reached(note("a", "a/1"))
    assert not waiters.reached(note("a", "a/2"))
    put(store, stored("a", "a/3"))
    assert waiters.reached(note("a", "a/2")), "an intermediate state may be skipped"
    assert not waiters.reached(note("new", "x"))
    put(store, stored("new", "y"))
    assert waiters.reached(note("new", "x"))


def test_what_is_remembered_of_versions_without_an_order_is_bounded() -> None:
    waiters = Waiters(Store())
    for number_ in range(3 * OPAQUE_REMEMBERED):
        waiters.reached(note(f"w{number_}", "x"))
    assert len(waiters._opaque) == OPAQUE_REMEMBERED


def test_who_waits_is_called_once_and_in_order_of_versions() -> None:
    store = Store()
    waiters = Waiters(store)
    waiters.advanced("1")
    calls: list[str] = []
    waiters.add(note("a", "1"), lambda: calls.append("at once"))
    assert calls == ["at once"]
    for version in ("7", "5", "6"):
        waiters.add(note(f"w{version}", version), lambda version=version: calls.append(version))  # type: ignore[misc]
    waiters.advanced("4")
    assert calls == ["at once"]
    waiters.advanced("6")
    assert calls == ["at once", "5", "6"]
    waiters.advanced("9")
    waiters.advanced("10")
    assert calls == ["at once", "5", "6", "7"]
    assert len(waiters) == 0


def test_who_waits_for_one_object_is_called_by_its_event_and_not_again_by_the_version() -> None:
    store = Store()
    waiters = Waiters(store)
    calls: list[str] = []
    waiters.add(note("a", "5"), lambda: calls.append("first"))
    waiters.add(note("a", "6"), lambda: calls.append("second"))
    waiters.add(note("a", deleted=True, uid="uid-a"), lambda: calls.append("gone"))
    assert calls == ["gone"], "what is not here is gone"
    put(store, stored("a", 5))
    waiters.changed(request("a"))
    assert calls == ["gone", "first"]
    waiters.add(note("a", deleted=True, uid="uid-a"), lambda: calls.append("gone again"))
    settled(store, store.remove(request("a")))
    waiters.changed(request("a"))
    assert calls == ["gone", "first", "gone again"]
    waiters.advanced("6")
    waiters.advanced("7")
    assert calls == ["gone", "first", "gone again", "second"]


def test_a_callback_may_wait_for_the_next_write() -> None:
    store = Store()
    waiters = Waiters(store)
    calls: list[int] = []

    def again() -> None:
        calls.append(len(calls))
        if len(calls) < 3:
            waiters.add(note("a", str(10 + len(calls))), again)

    waiters.add(note("a", "10"), again)
    waiters.advanced("10")
    assert calls == [0]
    waiters.advanced("12")
    assert calls == [0, 1, 2]


def test_an_event_costs_nothing_for_those_who_wait_for_other_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    waiters = Waiters(store)
    asked: list[str] = []
    reached = waiters.reached

    def counted(one: Written) -> bool:
        asked.append(one.name)
        return reached(one)

    for number_ in range(500):
        waiters.add(note(f"w{number_}", str(10_000 + number_)), lambda: None)
    monkeypatch.setattr(waiters, "reached", counted)
    put(store, stored("w7", 50))
    waiters.changed(request("w7"))
    waiters.advanced("50")
    assert asked == ["w7"]


@pytest.mark.virtual_time
async def test_handlers_are_told_before_those_who_wait() -> None:
    server = server_of("a")
    async with informing(server) as (informer, told):
        own = Written(RT, "shop", "a", "uid-11", str(server.version + 1), deleted=False)
        order: list[list[str]] = []
        informer.when_reached(own, lambda: order.append(list(told.lines)))
        server.put("widgets", widget("a", size=2))
        await asyncio.sleep(0.1)
        assert order == [["ADDED a", "MODIFIED a"]]


@pytest.mark.virtual_time
@pytest.mark.parametrize("streaming", [True, False])
async def test_a_relist_shows_the_writes_before_it(streaming: bool) -> None:
    server = server_of("a", streaming=streaming)
    async with informing(server) as (informer, _):
        server.paused = True
        own = written(server.put("widgets", widget("a", size=2)))
        gone = written(server.remove("widgets", "shop", "a"), deleted=True)
        calls: list[str] = []
        informer.when_reached(own, lambda: calls.append("written"))
        informer.when_reached(gone, lambda: calls.append("deleted"))
        assert calls == []
        server.paused = False
        refuse(server, times=1, code=410)
        server.compact()
        server.hang_up()
        await asyncio.sleep(60)
        assert sorted(calls) == ["deleted", "written"]


@pytest.mark.virtual_time
async def test_half_a_relist_shows_nothing_yet() -> None:
    server = server_of(*"abc")
    async with informing(server) as (informer, _):
        server.paused = True
        own = written(server.put("widgets", widget("z")))
        calls: list[str] = []
        informer.when_reached(own, lambda: calls.append("z"))
        server.ending = False
        server.paused = False
        server.compact()
        server.objects = {key: obj for key, obj in server.objects.items() if key[2] != "z"}
        server.log.clear()
        server.hang_up()
        await asyncio.sleep(5)
        assert calls == []
        version = int(own.resource_version)
        server.send(frame("BOOKMARK", {"metadata": {"resourceVersion": str(version)}}))
        await asyncio.sleep(1)
        assert calls == [], "a bookmark within the list is not its end"

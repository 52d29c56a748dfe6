"""Handlers: order, replay to late ones, and what one that raises does to the others."""

import asyncio
import logging

import pytest

from kubernaut.reconcile import Change
from kubernaut.reconcile.intake import KindOptions
from tests.reconcile.informer.informing import Told, in_store, informing, key, names, on_server, server_of
from tests.reconcile.server import refuse, widget

pytestmark = pytest.mark.virtual_time


async def test_every_handler_hears_every_change_in_the_order_of_adding() -> None:
    server = server_of()
    calls: list[str] = []
    async with informing(server) as (informer, _):
        for name in "xyz":
            informer.add_handler(lambda change, name=name: calls.append(f"{name} {change.key.name}"))  # type: ignore[misc]
        server.put("widgets", widget("a"))
        server.put("widgets", widget("b"))
        await asyncio.sleep(1)
        assert calls == ["x a", "y a", "z a", "x b", "y b", "z b"]


async def test_the_store_holds_a_change_when_it_is_told() -> None:
    server = server_of("a")
    seen: list[tuple[str, bool]] = []
    async with informing(server) as (informer, _):
        informer.add_handler(lambda change: seen.append((change.type, change.key in informer.store)))
        server.put("widgets", widget("b"))
        server.remove("widgets", "shop", "a")
        await asyncio.sleep(1)
        assert seen == [("ADDED", True), ("ADDED", True), ("DELETED", False)]


@pytest.mark.parametrize("streaming", [True, False])
async def test_it_is_synced_only_when_every_handler_was_told_of_the_first_list(streaming: bool) -> None:
    server = server_of(*"abc", streaming=streaming)
    async with informing(server, synced=False) as (informer, told):
        states: list[bool] = []
        informer.add_handler(lambda change: states.append(informer.synced.is_set()))
        await informer.synced.wait()
        assert states == [False, False, False]
        assert told.initial == [True, True, True]


async def test_a_late_handler_hears_what_is_already_there() -> None:
    server = server_of(*"ab")
    async with informing(server) as (informer, _):
        server.put("widgets", widget("a", size=2))
        server.remove("widgets", "shop", "b")
        await asyncio.sleep(1)
        late = Told()
        informer.add_handler(late)
        assert late.lines == ["ADDED a"]
        assert late.initial == [True]
        assert (
            late.changes[0].new.head.resource_version
            == server.objects["widgets", "shop", "a"]["metadata"]["resourceVersion"]
        )
        server.put("widgets", widget("c"))
        await asyncio.sleep(1)
        assert late.lines == ["ADDED a", "ADDED c"]
        assert late.initial == [True, False]


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_handler_added_in_the_middle_of_the_first_list_misses_and_repeats_nothing(streaming: bool) -> None:
    server = server_of(*"abcdef", streaming=streaming)
    late = Told()
    async with informing(server, options=KindOptions(page_limit=2), synced=False) as (informer, _):

        def join(change: Change) -> None:
            if change.key.name == "c":
                informer.add_handler(late)

        informer.add_handler(join)
        await informer.synced.wait()
        assert late.lines == [f"ADDED {name}" for name in "abcdef"]


async def test_a_handler_added_in_the_middle_of_a_relist_hears_of_what_the_list_finds_gone() -> None:
    server = server_of(*"abcd", streaming=False)
    late = Told()
    async with informing(server, options=KindOptions(page_limit=2)) as (informer, _):

        def join(change: Change) -> None:
            if change.key.name == "e":
                informer.add_handler(late)

        informer.add_handler(join)
        server.paused = True
        server.remove("widgets", "shop", "d")
        server.remove("widgets", "shop", "a")
        server.put("widgets", widget("b", size=2))
        server.put("widgets", widget("e"))
        server.put("widgets", widget("f"))
        server.compact()
        server.hang_up()
        server.paused = False
        await asyncio.sleep(60)
        assert late.lines == [*(f"ADDED {name}" for name in "abcde"), "ADDED f", "DELETED a!", "DELETED d!"]
        assert sorted({c.key.name for c in late.changes} - {"a", "d"}) == sorted(on_server(server))


async def test_a_handler_added_by_a_handler_is_not_told_the_same_change_twice() -> None:
    server = server_of()
    late = Told()
    async with informing(server) as (informer, _):
        informer.add_handler(lambda change: None if late.changes else void(informer.add_handler(late)))
        again = widget("a")
        server.put("widgets", again)
        await asyncio.sleep(1)
        assert late.lines == ["ADDED a"]
        server.put("widgets", {**again, "metadata": {**again["metadata"], "uid": "another"}})
        await asyncio.sleep(1)
        assert late.lines == ["ADDED a", "DELETED a!", "ADDED a"]


async def test_a_handler_added_between_a_deletion_and_the_addition_that_follows_it_hears_of_one_object() -> None:
    server = server_of("a")
    late = Told()
    async with informing(server) as (informer, _):
        informer.add_handler(lambda change: void(informer.add_handler(late)) if change.type == "DELETED" else None)
        again = widget("a")
        again["metadata"]["uid"] = "another"
        server.put("widgets", again)
        await asyncio.sleep(1)
        assert late.lines == ["ADDED a"]
        assert late.changes[0].new.head.uid == "another"


def void(_: object) -> None:
    """Nothing."""


async def test_a_handler_can_leave_and_come_back() -> None:
    server = server_of()
    async with informing(server) as (informer, told):
        passing = Told()
        leave = informer.add_handler(passing)
        server.put("widgets", widget("a"))
        await asyncio.sleep(1)
        leave()
        leave()
        server.put("widgets", widget("b"))
        await asyncio.sleep(1)
        assert passing.lines == ["ADDED a"]
        informer.add_handler(passing)
        assert passing.lines == ["ADDED a", "ADDED a", "ADDED b"]
        assert told.lines == ["ADDED a", "ADDED b"]


async def test_a_handler_that_was_added_twice_is_called_twice_and_leaves_once() -> None:
    server = server_of()
    async with informing(server) as (informer, _):
        twice = Told()
        leave = informer.add_handler(twice)
        informer.add_handler(twice)
        server.put("widgets", widget("a"))
        await asyncio.sleep(1)
        assert twice.lines == ["ADDED a", "ADDED a"]
        leave()
        server.put("widgets", widget("b"))
        await asyncio.sleep(1)
        assert twice.lines[2:] == ["ADDED b"]


async def test_a_handler_may_leave_while_it_is_called() -> None:
    server = server_of(*"ab")
    async with informing(server, synced=False) as (informer, told):
        once: list[str] = []

        def first(change: Change) -> None:
            once.append(change.key.name)
            leave()

        leave = informer.add_handler(first)
        await informer.synced.wait()
        assert once == ["a"]
        assert told.lines == ["ADDED a", "ADDED b"]


async def test_a_handler_that_raises_loses_that_change_alone(caplog: pytest.LogCaptureFixture) -> None:
    server = server_of()
    async with informing(server) as (informer, _):
        heard: list[str] = []

        def choosy(change: Change) -> None:
            if change.key.name == "b":
                raise RuntimeError("not this one")
            heard.append(change.key.name)

        informer.add_handler(choosy)
        after = Told()
        informer.add_handler(after)
        with caplog.at_level(logging.ERROR):
            for name in "abc":
                server.put("widgets", widget(name))
            await asyncio.sleep(1)
        assert heard == ["a", "c"]
        assert after.lines == ["ADDED a", "ADDED b", "ADDED c"]
        assert informer.handler_failures == 1
        assert (informer.errors, informer.relists) == (0, 0)
        assert "not this one" in caplog.text
        assert "shop/b" in caplog.text


async def test_a_handler_that_raises_in_its_replay_is_added_all_the_same() -> None:
    server = server_of(*"ab")
    async with informing(server) as (informer, _):
        heard: list[str] = []

        def choosy(change: Change) -> None:
            if change.key.name == "a":
                raise RuntimeError("not this one")
            heard.append(change.key.name)

        informer.add_handler(choosy)
        server.put("widgets", widget("c"))
        await asyncio.sleep(1)
        assert heard == ["b", "c"]
        assert informer.handler_failures == 1


async def test_a_handler_added_before_the_run_or_after_it_hears_the_store() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        pass
    late = Told()
    informer.add_handler(late)
    assert late.lines == ["ADDED a"]


async def test_a_second_run_goes_on_with_the_store() -> None:
    server = server_of(*"ab")
    async with informing(server) as (informer, told):
        pass
    server.remove("widgets", "shop", "a")
    server.put("widgets", widget("c"))
    task = asyncio.create_task(informer.run())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    assert told.lines == ["ADDED a", "ADDED b", "DELETED a", "ADDED c"]
    assert names(informer) == ["b", "c"]
    assert len(server.watches) == 2
    assert server.lists == []


async def test_many_changes_by_many_writers_reach_every_handler_in_one_order() -> None:
    server = server_of()
    async with informing(server) as (informer, told):
        other = Told()
        informer.add_handler(other)

        async def writer(number: int) -> None:
            for turn in range(20):
                name = f"w{(number * 7 + turn) % 10}"
                if ("widgets", "shop", name) in server.objects and turn % 3 == 0:
                    server.remove("widgets", "shop", name)
                else:
                    server.put("widgets", widget(name, size=turn))
                await asyncio.sleep(0.01 * (number % 3))

        refuse(server, times=3, code=410)
        await asyncio.gather(*(writer(number) for number in range(8)), hang_up_now_and_then(server))
        await asyncio.sleep(60)
        assert other.lines == told.lines
        assert in_store(informer) == on_server(server)
        assert informer.store.get(key("nobody")) is None


async def hang_up_now_and_then(server: object) -> None:
    for _ in range(4):
        await asyncio.sleep(0.07)
        server.hang_up()  # type: ignore[attr-defined]

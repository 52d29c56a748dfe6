"""Lists in pages: what is asked for, what is told, what a list that fails half-way leaves behind."""

import asyncio
import copy

import pytest

from kubernaut.client import Client, TransportRequest
from kubernaut.reconcile import Informer
from kubernaut.reconcile.informer import Empty, Watching
from kubernaut.reconcile.intake import KindOptions
from tests.reconcile.informer.informing import SCOPE, in_store, informing, names, now, on_server, server_of
from tests.reconcile.server import Answer, Server, listing, refuse, widget

pytestmark = pytest.mark.virtual_time

PAGES_OF_TWO = KindOptions(page_limit=2)


async def test_it_lists_in_pages_then_watches() -> None:
    server = server_of(*"abcde", streaming=False)
    async with informing(server, options=PAGES_OF_TWO) as (informer, told):
        assert told.lines == [f"ADDED {name}" for name in "abcde"]
        assert all(told.initial)
        assert [query["limit"] for query in server.lists] == ["2", "2", "2"]
        assert ["continue" in query for query in server.lists] == [False, True, True]
        server.put("widgets", widget("a", size=2))
        server.remove("widgets", "shop", "b")
        await asyncio.sleep(1)
        assert told.lines[5:] == ["MODIFIED a", "DELETED b"]
        assert not any(told.initial[5:])
        assert isinstance(informer.state, Watching)


async def test_pages_have_five_hundred_objects() -> None:
    server = server_of(streaming=False)
    async with informing(server):
        assert [query["limit"] for query in server.lists] == ["500"]


async def test_no_list_names_a_resource_version() -> None:
    server = server_of("a", streaming=False)
    async with informing(server):
        server.compact()
        server.put("widgets", widget("b"))
        server.compact()
        server.hang_up()
        await asyncio.sleep(60)
        assert len(server.lists) == 2
        assert not any("resourceVersion" in query for query in server.lists)


async def test_the_watch_goes_on_from_the_version_of_the_list() -> None:
    server = server_of("a", streaming=False)
    async with informing(server) as (informer, _):
        assert server.watches[-1]["resourceVersion"] == str(server.version) == informer.resource_version


async def test_a_list_cut_off_between_pages_deletes_nothing() -> None:
    server = server_of(*"abcd", streaming=False)
    async with informing(server, options=PAGES_OF_TWO) as (_, told):
        refuse(server, times=1, match=lambda r: "continue" in dict(r.query))
        server.put("widgets", widget("e"))
        server.compact()
        server.oldest += 100
        server.hang_up()
        await asyncio.sleep(0.5)
        server.oldest = 0
        await asyncio.sleep(60)
        assert told.lines == [f"ADDED {name}" for name in "abcde"]


@pytest.mark.parametrize("code", [500, 503, 429, 504, 403, 401])
async def test_a_list_that_fails_half_way_through_its_pages_is_read_again_with_back_off(code: int) -> None:
    server = server_of(*"abcd", streaming=False)
    refuse(server, times=2, code=code, match=lambda r: "continue" in dict(r.query))
    async with informing(server, options=PAGES_OF_TWO) as (informer, told):
        assert told.lines == [f"ADDED {name}" for name in "abcd"]
        assert in_store(informer) == on_server(server)
        assert informer.errors == 2
        assert now() > 0.8


async def test_a_token_that_expired_is_answered_by_one_request_for_the_whole_list() -> None:
    server = server_of(*"abcd", streaming=False)
    refuse(server, times=1, code=410, match=lambda r: "continue" in dict(r.query))
    async with informing(server, options=PAGES_OF_TWO) as (informer, _):
        assert "limit" not in server.lists[-1]
        assert names(informer) == list("abcd")
        assert now() < 1, "the first expiry needs no waiting"


async def test_an_expired_watch_relists_and_tells_what_is_gone() -> None:
    server = server_of(*"ab", streaming=False)
    async with informing(server) as (informer, told):
        server.paused = True
        server.remove("widgets", "shop", "a")
        server.put("widgets", widget("c"))
        server.compact()
        server.hang_up()
        server.paused = False
        await asyncio.sleep(60)
        assert told.lines[2:] == ["ADDED c", "DELETED a!"]
        gone = told.changes[-1]
        assert gone.new is gone.old, "the last state known"
        assert gone.new.head.name == "a"
        assert informer.relists == 1


async def test_an_object_recreated_between_two_lists_is_told_apart_by_its_uid() -> None:
    server = server_of("a", streaming=False)
    async with informing(server) as (_, told):
        server.paused = True
        server.remove("widgets", "shop", "a")
        again = server.put("widgets", widget("a"))
        server.compact()
        server.hang_up()
        server.paused = False
        await asyncio.sleep(60)
        assert told.lines == ["ADDED a", "DELETED a!", "ADDED a"]
        assert told.changes[-1].new.head.uid == again["metadata"]["uid"]


async def test_a_relist_tells_nothing_of_what_did_not_change() -> None:
    server = server_of(*"abc", streaming=False)
    async with informing(server) as (_, told):
        server.put("widgets", widget("b", size=2))
        await asyncio.sleep(1)
        server.version += 1
        server.compact()
        server.hang_up()
        await asyncio.sleep(60)
        assert told.lines == ["ADDED a", "ADDED b", "ADDED c", "MODIFIED b"]


async def test_a_server_restored_from_a_backup_is_believed() -> None:
    server = server_of(*"ab", streaming=False)
    async with informing(server) as (informer, told):
        backup = copy.deepcopy(server.objects)
        server.put("widgets", widget("a", size=2))
        server.put("widgets", widget("c"))
        await asyncio.sleep(1)
        server.objects, server.version = backup, server.version - 2
        del server.log[-2:]
        refuse(server, times=1, code=410)
        server.hang_up()
        await asyncio.sleep(60)
        assert informer.resource_version == str(server.version)
        assert in_store(informer) == on_server(server)
        assert told.lines[-2:] == ["MODIFIED a", "DELETED c!"]


async def test_too_large_a_resource_version_relists_without_one() -> None:
    server = server_of("a", streaming=False)
    async with informing(server) as (informer, _):
        refuse(server, times=1, code=504, match=lambda r: "resourceVersion" in dict(r.query))
        server.hang_up()
        await asyncio.sleep(60)
        assert len(server.lists) == 2
        assert "resourceVersion" not in server.lists[-1]
        assert isinstance(informer.state, Watching)


async def test_an_object_that_cannot_be_read_is_left_out_of_the_list_and_counted() -> None:
    server = server_of(*"ab", streaming=False)
    broken = server.put("widgets", widget("broken"))
    broken["metadata"]["labels"] = ["no", "mapping"]
    async with informing(server) as (informer, _):
        assert names(informer) == ["a", "b"]
        assert informer.errors == 1


async def test_nulls_are_read_as_absent() -> None:
    server = server_of(streaming=False)
    odd = server.put("widgets", widget("odd"))
    odd["metadata"] |= {"labels": None, "annotations": {"a": None, "b": "c"}, "finalizers": None}
    async with informing(server) as (informer, _):
        head = informer.store.items()[0][1].head
        assert (head.labels, head.annotations, head.finalizers) == ({}, {"b": "c"}, ())


async def test_the_retry_delays_grow_to_thirty_seconds() -> None:
    server = server_of(streaming=False)
    refuse(server, times=8)
    async with informing(server):
        # 0.8 + 1.6 + 3.2 + 6.4 + 12.8 + 25.6 + 30 + 30 without jitter; with it at most twice, capped at 30 s each.
        assert 110 <= now() <= 175


async def test_retry_after_is_obeyed_on_a_list() -> None:
    server = server_of("a", streaming=False)
    refuse(server, times=1, code=429, retry_after=90, match=listing)
    async with informing(server):
        assert 90 <= now() < 92


async def test_a_refused_list_is_asked_for_anew_after_the_credentials_were_refreshed() -> None:
    server = server_of("a", streaming=False)
    server.refreshable = True
    refuse(server, times=1, code=401, match=listing)
    async with informing(server):
        assert server.refreshes == 1
        assert now() < 0.5, "the client asks again at once"


async def test_an_answer_that_is_no_list_is_a_failure_like_any_other() -> None:
    server = server_of("a", streaming=False)
    left = [1]

    def html(request: TransportRequest) -> Answer | None:
        if not listing(request) or not left:
            return None
        left.clear()
        return 200, {"items": "none of the kind"}

    server.fail.append(html)
    async with informing(server) as (informer, _):
        assert names(informer) == ["a"]
        assert informer.errors == 1


async def test_an_informer_that_is_cancelled_between_pages_lists_anew_when_it_is_run_again() -> None:
    server = server_of(*"abcd", streaming=False)

    def hang(request: TransportRequest) -> Answer | None:
        if "continue" in dict(request.query):
            task.cancel()
        return None

    server.fail.append(hang)
    async with informing(server, options=PAGES_OF_TWO, synced=False) as (informer, told):
        task = asyncio.create_task(asyncio.sleep(0))
        await informer.synced.wait()
    server.fail.clear()
    server.remove("widgets", "shop", "a")
    task = asyncio.create_task(informer.run())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    assert names(informer) == list("bcd")
    assert told.lines[-1] == "DELETED a", "the watch went on where it was"


async def test_a_run_that_was_cut_off_in_its_first_list_begins_anew() -> None:
    server = server_of(*"abcd", streaming=False)
    async with informing(server, options=PAGES_OF_TWO, synced=False) as (informer, told):
        while len(informer.store) < 2:
            await asyncio.sleep(0)
    assert not informer.synced.is_set()
    server.remove("widgets", "shop", "a")
    task = asyncio.create_task(informer.run())
    await informer.synced.wait()
    task.cancel()
    await asyncio.wait([task])
    assert names(informer) == list("bcd")
    assert told.lines == ["ADDED a", "ADDED b", "ADDED c", "ADDED d", "DELETED a!"]


async def test_stepping_by_hand_goes_through_the_states() -> None:
    server: Server = server_of(*"abc", streaming=False)
    informer = Informer(Client(server), SCOPE, options=PAGES_OF_TWO)
    informer.state = Empty(streaming=False)
    seen = []
    while not isinstance(informer.state, Watching):
        informer.state = await informer.step(informer.state)
        seen.append(type(informer.state).__name__)
    assert seen == ["InitPage", "InitPage", "InitDone", "Watching"]

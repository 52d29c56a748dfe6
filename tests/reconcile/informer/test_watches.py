"""Watches: bookmarks, time-outs, silence, what is resumed and what is listed anew."""

import asyncio
from random import Random

import pytest

from kubernaut.client import TransportRequest
from kubernaut.reconcile.informer import RetryDelay, ServerFeatures, Watching
from kubernaut.reconcile.informer.progress import Progress
from tests.reconcile.informer.informing import (
    SCOPE,
    frame,
    in_store,
    informing,
    names,
    now,
    on_server,
    server_of,
    status_frame,
)
from tests.reconcile.server import Server, listing, refuse, watching, widget

pytestmark = pytest.mark.virtual_time


def opened(server: Server) -> int:
    return len(server.watches)


async def test_events_and_bookmarks_move_the_resource_version() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        versions = [informer.resource_version]
        for change in (
            lambda: server.put("widgets", widget("b")),
            lambda: server.put("widgets", widget("b", size=2)),
            lambda: server.bookmark(30),
            lambda: setattr(server, "version", 39),
            lambda: server.remove("widgets", "shop", "b"),
        ):
            change()
            await asyncio.sleep(0.1)
            versions.append(informer.resource_version)
        assert versions == ["11", "12", "13", "30", "30", "40"]
        server.hang_up()
        await asyncio.sleep(10)
        assert server.watches[-1]["resourceVersion"] == "40"


async def test_a_bookmark_tells_the_handlers_nothing() -> None:
    server = server_of("a")
    async with informing(server) as (_, told):
        server.bookmark(30)
        await asyncio.sleep(1)
        assert told.lines == ["ADDED a"]


async def test_a_bookmark_never_moves_the_version_back() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        server.bookmark(5)
        await asyncio.sleep(1)
        assert informer.resource_version == "11"


async def test_watches_ask_for_bookmarks() -> None:
    server = server_of(streaming=False)
    async with informing(server):
        assert all(query["allowWatchBookmarks"] == "true" for query in server.watches)


async def test_each_watch_asks_to_be_ended_after_five_to_ten_minutes_at_random() -> None:
    server = server_of("a")
    server.timeouts = True
    async with informing(server) as (informer, told):
        await asyncio.sleep(6 * 3600)
        seconds = [int(query["timeoutSeconds"]) for query in server.watches]
        assert len(seconds) > 30
        assert 300 <= min(seconds) < 330
        assert 570 < max(seconds) <= 600
        assert (informer.errors, informer.relists) == (0, 0)
        assert told.lines == ["ADDED a"]


async def test_a_watch_that_the_server_does_not_end_is_given_up_five_seconds_later() -> None:
    server = server_of("a")
    async with informing(server):
        seconds = int(server.watches[0]["timeoutSeconds"])
        await asyncio.sleep(seconds + 4.5)
        assert opened(server) == 1
        await asyncio.sleep(1)
        assert opened(server) == 2


async def test_a_stream_that_sends_bookmarks_and_falls_silent_is_reopened_after_three_minutes() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        server.bookmark(20)
        await asyncio.sleep(179)
        assert opened(server) == 1
        await asyncio.sleep(2)
        assert opened(server) == 2
        assert server.watches[-1]["resourceVersion"] == "20"
        assert (informer.relists, informer.errors) == (0, 0)


async def test_every_frame_breaks_the_silence() -> None:
    server = server_of("a")
    async with informing(server) as (_, _):
        server.bookmark(20)
        server.version = 20
        for size in range(2):
            await asyncio.sleep(140)
            server.put("widgets", widget("a", size=size))
        assert opened(server) == 1


async def test_a_stream_without_bookmarks_may_be_silent() -> None:
    server = server_of("a")
    async with informing(server):
        await asyncio.sleep(299)
        assert opened(server) == 1


async def test_the_end_of_a_streaming_list_does_not_mean_that_bookmarks_will_follow() -> None:
    assert not Progress(0.0, 300, bookmarked=False, silence=180.0).bookmarked
    server = server_of("a")
    features = ServerFeatures()
    async with informing(server, features=features):
        await asyncio.sleep(200)
        assert opened(server) == 1
        assert not features.bookmarks(SCOPE.resource_type)


async def test_a_stream_that_dies_before_its_first_bookmark_is_found_once_bookmarks_are_known() -> None:
    server = server_of("a")
    async with informing(server):
        server.bookmark(20)
        await asyncio.sleep(185)
        assert opened(server) == 2
        await asyncio.sleep(181)
        assert opened(server) == 3, "silent from its beginning, though the server is known for bookmarks"
        await asyncio.sleep(200)
        assert opened(server) == 3, "a server that sends none any more is not asked every three minutes"


@pytest.mark.parametrize("code", [429, 401, 503])
async def test_a_refused_watch_is_resumed_with_back_off_and_without_a_relist(code: int) -> None:
    server = server_of("a")
    async with informing(server) as (informer, told):
        refuse(server, times=3, code=code)
        server.hang_up()
        began = now()
        await asyncio.sleep(0)
        server.put("widgets", widget("b"))
        while len(informer.store) < 2:
            await asyncio.sleep(0.1)
        assert now() - began > 0.8 + 1.6 + 3.2
        assert told.lines == ["ADDED a", "ADDED b"]
        assert (informer.relists, informer.errors, server.lists) == (0, 3, [])


async def test_refused_connections_are_backed_off_from_and_the_watch_resumed() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        refuse(server, times=5)
        server.hang_up()
        began = now()
        while opened(server) < 7:
            await asyncio.sleep(0.1)
        assert 24 <= now() - began <= 60
        assert "sendInitialEvents" not in server.watches[-1]
        assert informer.relists == 0


async def test_a_refused_watch_refreshes_the_credentials() -> None:
    server = server_of("a")
    async with informing(server):
        refuse(server, times=1, code=401)
        server.hang_up()
        await asyncio.sleep(10)
        assert server.refreshes == 1
        assert opened(server) == 3


async def test_retry_after_is_obeyed_on_a_watch() -> None:
    server = server_of("a")
    async with informing(server):
        refuse(server, times=1, code=429, retry_after=40)
        server.hang_up()
        await asyncio.sleep(39)
        assert opened(server) == 2
        await asyncio.sleep(2)
        assert opened(server) == 3


@pytest.mark.parametrize("code", [500, 504, 403, 400])
async def test_a_watch_that_fails_otherwise_is_listed_anew(code: int) -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        refuse(server, times=1, code=code)
        server.put("widgets", widget("b"))
        server.hang_up()
        await asyncio.sleep(60)
        assert informer.relists == 1
        assert in_store(informer) == on_server(server)


async def test_a_first_expiry_is_answered_at_once_and_the_next_with_back_off() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        began = now()
        refuse(server, times=1, code=410)
        server.hang_up()
        while informer.relists < 1:
            await asyncio.sleep(0.01)
        assert now() - began < 0.1
        refuse(server, times=1, code=410)
        server.hang_up()
        while informer.relists < 2:
            await asyncio.sleep(0.01)
        assert now() - began > 1.6


@pytest.mark.parametrize(("code", "reason"), [(500, "InternalError"), (429, "TooManyRequests"), (504, "Timeout")])
async def test_an_error_event_of_any_other_code_backs_off_and_relists(code: int, reason: str) -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        server.send(status_frame(code, reason))
        await asyncio.sleep(60)
        assert (informer.errors, informer.relists) == (1, 1)
        assert isinstance(informer.state, Watching)


async def test_an_error_event_may_ask_for_patience() -> None:
    server = server_of("a")
    async with informing(server):
        server.send(status_frame(500, "InternalError", retryAfterSeconds=70))
        await asyncio.sleep(69)
        assert opened(server) == 1
        await asyncio.sleep(2)
        assert opened(server) == 2


async def test_an_expired_error_event_relists_at_once() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        server.send(status_frame(410, "Expired"))
        await asyncio.sleep(0.5)
        assert informer.relists == 1


async def test_an_object_deleted_by_force_because_it_is_corrupt_leaves_with_the_relist() -> None:
    server = server_of(*"ab")
    async with informing(server) as (_, told):
        del server.objects["widgets", "shop", "a"]
        server.version += 1
        server.send(status_frame(500, "StorageReadError"))
        await asyncio.sleep(60)
        assert told.lines == ["ADDED a", "ADDED b", "DELETED a!"]


@pytest.mark.parametrize("says_something", [False, True])
async def test_a_watch_that_ends_as_soon_as_it_begins_is_backed_off_from(says_something: bool) -> None:
    server = server_of("a")

    def brief(request: TransportRequest) -> None:
        if says_something:
            asyncio.get_running_loop().call_later(0.01, server.bookmark)
        asyncio.get_running_loop().call_later(0.02, server.hang_up)

    async with informing(server) as (informer, _):
        server.fail.append(brief)
        server.hang_up()
        await asyncio.sleep(60)
        assert 4 <= opened(server) <= 8
        assert informer.errors == opened(server) - 1
        assert informer.relists == 0


async def test_a_short_watch_that_brought_something_is_no_failure() -> None:
    server = server_of("a")

    def brief(request: TransportRequest) -> None:
        asyncio.get_running_loop().call_later(0.01, server.put, "widgets", widget("a", size=opened(server)))
        asyncio.get_running_loop().call_later(0.02, server.hang_up)

    async with informing(server) as (informer, _):
        server.fail.append(brief)
        server.hang_up()
        await asyncio.sleep(1)
        assert opened(server) > 20
        assert informer.errors == 0


async def test_a_stream_is_closed_before_the_next_one_is_opened() -> None:
    server = server_of("a")
    most = 0

    def count(request: TransportRequest) -> None:
        nonlocal most
        most = max(most, server.streams)

    server.fail.append(count)
    async with informing(server):
        for last in (status_frame(500, "InternalError"), b"garbage\n", b'{"type":', frame("NEW", {})):
            server.send(last)
            await asyncio.sleep(0.1)
            server.hang_up()
            await asyncio.sleep(700)
            assert server.streams == 1
    assert opened(server) > 5
    assert most == 0
    assert server.streams == 0, "and the last one with the run"


async def test_a_cancelled_informer_applies_nothing_more() -> None:
    server = server_of("a")
    async with informing(server) as (informer, told):
        pass
    server.put("widgets", widget("b"))
    await asyncio.sleep(10)
    assert told.lines == ["ADDED a"]
    assert names(informer) == ["a"]


async def test_lists_and_watches_that_fail_in_turn_lose_nothing() -> None:
    server = server_of(streaming=False)
    async with informing(server) as (informer, _):
        for put, gone, failing in (
            (["foo", "bar"], [], None),
            (["qux"], ["foo"], listing),
            ([], [], watching),
            (["baz"], [], listing),
        ):
            for name in put:
                server.put("widgets", widget(name))
            for name in gone:
                server.remove("widgets", "shop", name)
            if failing is not None:
                refuse(server, times=1, code=500, match=failing)
            server.compact()
            server.hang_up()
            await asyncio.sleep(100)
            assert in_store(informer) == on_server(server)


async def test_counters_tell_what_was_heard_and_when() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        assert (informer.frames, informer.relists, informer.errors) == (2, 0, 0)
        heard = informer.heard
        assert heard is not None
        await asyncio.sleep(50)
        assert informer.heard == heard
        server.bookmark()
        await asyncio.sleep(0.1)
        assert informer.heard is not None
        assert informer.heard - heard >= 50
        assert informer.frames == 3


async def test_nothing_was_heard_before_the_first_answer() -> None:
    server = server_of("a")
    refuse(server, times=2, match=watching)
    async with informing(server, synced=False) as (informer, _):
        await asyncio.sleep(0.5)
        assert informer.heard is None
        await informer.synced.wait()
        assert informer.heard is not None


def test_retry_delays_double_from_eight_tenths_to_thirty_seconds_with_jitter() -> None:
    delay = RetryDelay(Random(1))
    times = [delay.next(0.0) for _ in range(10)]
    for tries, seconds in enumerate(times):
        base = min(30.0, 0.8 * 2**tries)
        assert base <= seconds <= min(30.0, 2 * base)
    assert len(set(times[:5])) == 5
    assert RetryDelay(Random(1)).next(0.0) == times[0], "the same seed, the same jitter"


def test_the_back_off_begins_anew_after_two_minutes_of_health() -> None:
    delay = RetryDelay(Random(1))
    at = 0.0
    for _ in range(8):
        at += delay.next(at)
    assert delay.next(at + 119.0) == 30.0
    at += 119.0 + 30.0
    assert delay.next(at + 121.0) <= 1.6
    assert delay.failures == 1

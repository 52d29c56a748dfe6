"""Repeats become series, similar events are combined, spam is left out: client-go's correlator, case by case."""

import asyncio
from typing import Any

import pytest

from kubernaut.reconcile.events import COMBINED_NOTE
from kubernaut.reconcile.events.correlation import REMEMBERED, Correlator
from kubernaut.reconcile.events.noted import Noted
from kubernaut.timing import current_clock
from tests.reconcile.events.recording import NODE, WIDGET, patched, posted, recording
from tests.reconcile.server import Server, refuse

pytestmark = pytest.mark.virtual_time


async def test_a_single_event_has_no_series() -> None:
    server = Server()
    async with recording(server, controller="eventTest", instance="eventTest-host") as recorder:
        recorder.event(WIDGET, "Started", "it started", action="Starting")
    [event] = posted(server)
    name = event["metadata"].pop("name")
    assert name.startswith("a.")
    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "shop"},
        "eventTime": "2024-01-01T00:00:00.000000Z",
        "reportingController": "eventTest",
        "reportingInstance": "eventTest-host",
        "action": "Starting",
        "reason": "Started",
        "regarding": WIDGET,
        "note": "it started",
        "type": "Normal",
    }


async def test_repeats_become_a_series_of_one_event_with_a_count_of_two_or_more() -> None:
    server = Server()
    async with recording(server) as recorder:
        for _ in range(3):
            recorder.event(WIDGET, "Made", "it is made")
            await asyncio.sleep(1)
    assert len(posted(server)) == 1
    assert patched(server) == [
        {"count": 2, "lastObservedTime": "2024-01-01T00:00:01.000000Z"},
        {"count": 3, "lastObservedTime": "2024-01-01T00:00:02.000000Z"},
    ]


async def test_a_series_changes_nothing_of_its_event_but_the_series() -> None:
    server = Server()
    async with recording(server) as recorder:
        for _ in range(2):
            recorder.event(WIDGET, "Made", "it is made")
    [body] = [body for method, _, body in server.events if method == "PATCH"]
    assert list(body) == ["series"]


@pytest.mark.parametrize(
    "other",
    [
        {"message": "another"},
        {"reason": "Unmade"},
        {"type": "Warning"},
        {"action": "Stop"},
        {"obj": NODE},
        {"obj": {**WIDGET, "uid": "v"}},
        {"obj": {**WIDGET, "apiVersion": "other.dev/v1"}},
        {"obj": {**WIDGET, "fieldPath": "spec.containers{two}"}},
        {"related": NODE},
    ],
)
async def test_events_that_differ_are_no_series(other: dict[str, Any]) -> None:
    server = Server()
    first: dict[str, Any] = {"obj": WIDGET, "reason": "Made", "message": "it is made"}
    async with recording(server) as recorder:
        recorder.event(**first)
        recorder.event(**first | other)
    assert len(posted(server)) == 2
    assert not patched(server)


async def test_another_version_of_the_object_is_the_same_object() -> None:
    server = Server()
    async with recording(server) as recorder:
        for version in "12":
            recorder.event({**WIDGET, "resourceVersion": version}, "Made", "it is made")
    assert len(posted(server)) == 1


async def test_events_of_two_controllers_are_no_series() -> None:
    server = Server()
    async with recording(server) as recorder:
        recorder.named("one").event(WIDGET, "Made", "it is made")
        recorder.named("two").event(WIDGET, "Made", "it is made")
    assert [event["reportingController"] for event in posted(server)] == ["one", "two"]


async def test_a_repeat_within_six_minutes_continues_the_series_and_a_later_one_is_a_new_event() -> None:
    server = Server()
    async with recording(server) as recorder:
        for wait in (0, 359, 359, 360):
            await asyncio.sleep(wait)
            recorder.event(WIDGET, "Made", "it is made")
    assert len(posted(server)) == 2
    assert [series["count"] for series in patched(server)] == [2, 3]


async def test_the_same_event_just_counts_even_where_it_is_told_more_than_ten_times() -> None:
    server = Server()
    async with recording(server) as recorder:
        for _ in range(11):
            recorder.event(WIDGET, "Made", "it is made")
            await asyncio.sleep(30)
    assert [event["note"] for event in posted(server)] == ["it is made"]
    assert patched(server)[-1]["count"] == 11


async def test_past_ten_similar_events_in_600_s_the_rest_share_one_event_with_a_fixed_note() -> None:
    server = Server()
    async with recording(server) as recorder:
        for number in range(20):
            recorder.event(WIDGET, "Made", f"number {number}")
            await asyncio.sleep(1)
    assert [event["note"] for event in posted(server)] == [*(f"number {n}" for n in range(10)), COMBINED_NOTE]
    assert [series["count"] for series in patched(server)] == list(range(2, 11))


async def test_notes_told_before_still_count_in_their_own_series_when_others_are_combined() -> None:
    server = Server()
    async with recording(server) as recorder:
        for number in (*range(12), 3):
            recorder.event(WIDGET, "Made", f"number {number}")
    paths = [name for method, name, _ in server.events if method == "PATCH"]
    names = [event["metadata"]["name"] for event in posted(server)]
    assert paths == [names[10], names[3]]


async def test_many_unlike_events_are_not_combined() -> None:
    server = Server()
    async with recording(server) as recorder:
        for number in range(25):
            recorder.event(WIDGET, f"Reason{number}", "it is made")
            recorder.event({**WIDGET, "uid": str(number)}, "Made", f"number {number}")
    assert len(posted(server)) == 50


async def test_similar_events_further_apart_than_600_s_in_all_are_not_combined() -> None:
    server = Server()
    async with recording(server) as recorder:
        for number in range(20):
            recorder.event(WIDGET, "Made", f"number {number}")
            await asyncio.sleep(61)
    assert COMBINED_NOTE not in [event["note"] for event in posted(server)]


async def test_events_of_two_places_in_an_object_are_combined_each_for_itself() -> None:
    server = Server()
    async with recording(server) as recorder:
        for number in range(8):
            for place in ("one", "two"):
                recorder.event({**WIDGET, "fieldPath": place}, "Made", f"number {number}")
    assert len(posted(server)) == 16


async def test_one_object_may_tell_twenty_five_at_once_then_one_in_five_minutes() -> None:
    server = Server()
    async with recording(server) as recorder:
        for _ in range(40):
            recorder.event(WIDGET, "Made", "again")
        await recorder.drained()
        assert len(server.events) == 25
        assert recorder.dropped == 15
        for expected in (26, 27):
            await asyncio.sleep(301)
            for _ in range(3):
                recorder.event(WIDGET, "Made", "again")
            await recorder.drained()
            assert len(server.events) == expected


async def test_spam_is_counted_for_each_object_and_controller_whatever_the_reason() -> None:
    server = Server()
    async with recording(server) as recorder:
        for number in range(30):
            recorder.event(WIDGET, f"Reason{number}", "again")
            recorder.event(NODE, "Made", "again")
            recorder.named("other").event(WIDGET, "Made", "again")
    assert len(server.events) == 75
    assert recorder.dropped == 15


async def test_an_event_that_expired_on_the_server_begins_anew() -> None:
    server = Server()
    async with recording(server) as recorder:
        recorder.event(WIDGET, "Made", "it is made")
        await recorder.drained()
        server.fail.append(lambda request: (404, {"code": 404}) if request.method == "PATCH" else None)
        recorder.event(WIDGET, "Made", "it is made")
        await recorder.drained()
        server.fail.clear()
        recorder.event(WIDGET, "Made", "it is made")
    names = [event["metadata"]["name"] for event in posted(server)]
    assert len(dict.fromkeys(names)) == 2
    assert patched(server)[-1]["count"] == 2
    assert recorder.dropped == 0


async def test_a_repeat_that_could_not_be_written_is_in_the_next_count() -> None:
    server = Server()
    async with recording(server) as recorder:
        recorder.event(WIDGET, "Made", "it is made")
        await recorder.drained()
        refuse(server, code=500)
        for _ in range(2):
            recorder.event(WIDGET, "Made", "it is made")
    assert patched(server) == [{"count": 3, "lastObservedTime": "2024-01-01T00:00:00.000000Z"}]
    assert recorder.dropped == 1


async def test_what_is_remembered_is_bounded() -> None:
    correlator, wall = Correlator(), current_clock().now()
    for number in range(REMEMBERED + 100):
        noted = Noted("c", {"name": str(number)}, None, "R", "A", "n", "Normal", 0.0, wall)
        correlator.affords(noted)
        correlator.begun(noted, correlator.note(noted), "/x")
    memories = (correlator._series, correlator._similar, correlator._budgets)
    assert [len(memory) for memory in memories] == [REMEMBERED] * 3

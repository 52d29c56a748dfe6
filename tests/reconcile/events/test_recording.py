"""Recording waits for nothing and refuses nothing; writing outlives what the server does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest

from kubernaut.client import Client, TransportRequest, TransportResponse
from kubernaut.reconcile import EventRecorder
from kubernaut.reconcile.events import QUEUE_LIMIT
from kubernaut.reconcile.events.noted import clip, controller_name, event_name
from kubernaut.resources import ObjectMeta
from tests.reconcile.events.recording import NODE, WIDGET, posted, recording
from tests.reconcile.events.strict import QUALIFIED, SUBDOMAIN
from tests.reconcile.server import Server, refuse
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time


async def test_recording_never_waits_for_a_server_that_does_not_answer() -> None:
    class Hanging(Server):
        def open(self, request: TransportRequest) -> Any:
            return timeless()

    @asynccontextmanager
    async def timeless() -> AsyncIterator[TransportResponse]:
        await asyncio.Event().wait()
        yield TransportResponse(200, {}, None)  # type: ignore[arg-type]

    recorder = EventRecorder(Client(Hanging()))
    task = asyncio.create_task(recorder.run())
    for number in range(QUEUE_LIMIT + 5):
        recorder.event({**WIDGET, "uid": str(number)}, "Made", "x")
        if number == 0:
            await asyncio.sleep(1)
    assert asyncio.get_running_loop().time() == pytest.approx(1, abs=0.01)
    assert recorder.dropped == 5
    task.cancel()
    await asyncio.wait([task])
    assert recorder.dropped == QUEUE_LIMIT + 5


async def test_a_full_queue_drops_and_counts_and_what_was_taken_is_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server()
    async with recording(server) as recorder:
        for number in range(QUEUE_LIMIT + 200):
            recorder.event({**WIDGET, "name": f"w{number}", "uid": str(number)}, "Made", "x")
        assert recorder.dropped == 200
        assert caplog.text.count("events are dropped: too many wait to be written") == 1
    assert len(posted(server)) == QUEUE_LIMIT


@pytest.mark.parametrize(
    ("code", "reason"), [(403, "Forbidden"), (404, "NotFound"), (422, "Invalid"), (500, "InternalError")]
)
async def test_an_event_that_the_server_refuses_is_given_up_counted_and_logged(
    code: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server()
    body = {"kind": "Status", "code": code, "reason": reason, "message": "refused"}
    server.fail.append(lambda request: (code, body))
    async with recording(server) as recorder:
        recorder.event(WIDGET, "Made", "x")
        await recorder.drained()
        server.fail.clear()
        recorder.event(WIDGET, "Done", "x")
    assert recorder.dropped == 1
    assert len(server.requests) == 2
    assert [event["reason"] for event in posted(server)] == ["Done"]
    assert "an event was not written" in caplog.text


async def test_a_server_before_1_21_gets_events_of_the_cluster_in_kube_system() -> None:
    """It refuses them in `default`, where they belong since (kubernetes#100125)."""
    server = Server()
    body = {"kind": "Status", "code": 422, "reason": "Invalid", "message": "involvedObject.namespace: Invalid value"}
    server.fail.append(lambda request: (422, body) if "/namespaces/default/" in request.path else None)
    async with recording(server) as recorder:
        recorder.event(NODE, "Cordoned", "x")
        recorder.event({**NODE, "name": "n2"}, "Cordoned", "x")
    assert recorder.dropped == 0
    assert [event["metadata"]["namespace"] for event in posted(server)] == ["kube-system", "kube-system"]
    assert len(server.requests) == 3, "what was refused once is not tried again"


@pytest.mark.parametrize("code", [None, 429, 503])
async def test_while_the_server_does_not_answer_an_event_is_sent_again_and_arrives_in_the_end(code: int | None) -> None:
    server = Server()
    if code == 503:
        body = {"kind": "Status", "code": 503, "reason": "ServiceUnavailable"}
        left = [3]

        def unavailable(request: TransportRequest) -> Any:
            left[0] -= 1
            return (503, body) if left[0] >= 0 else None

        server.fail.append(unavailable)
    else:
        refuse(server, times=3, code=code)
    async with recording(server) as recorder:
        recorder.event(WIDGET, "Made", "x")
        await recorder.drained()
        assert 30 <= asyncio.get_running_loop().time() <= 37.5
    assert len(posted(server)) == 1
    assert recorder.dropped == 0


async def test_after_twelve_tries_an_event_is_given_up() -> None:
    server = Server()
    refuse(server, times=1000)
    async with recording(server) as recorder:
        recorder.event(WIDGET, "Made", "x")
    assert len(server.requests) == 12
    assert recorder.dropped == 1


async def test_the_servers_wish_to_wait_longer_is_obeyed() -> None:
    server = Server()
    busy = {"kind": "Status", "code": 429, "reason": "TooManyRequests", "details": {"retryAfterSeconds": 60}}
    server.fail.append(lambda request: (429, busy) if len(server.requests) == 1 else None)
    async with recording(server) as recorder:
        recorder.event(WIDGET, "Made", "x")
        await recorder.drained()
        assert asyncio.get_running_loop().time() == pytest.approx(60, abs=0.1)


async def test_an_event_whose_first_try_had_arrived_after_all_is_there_once() -> None:
    server = Server()
    exists = {"kind": "Status", "code": 409, "reason": "AlreadyExists"}
    refuse(server, times=1)
    server.fail.append(lambda request: (409, exists) if len(server.requests) == 2 else None)
    async with recording(server) as recorder:
        recorder.event(WIDGET, "Made", "x")
        recorder.event(WIDGET, "Made", "x")
    assert [method for method, _, _ in server.events] == ["PATCH"]
    assert recorder.dropped == 0


async def test_a_name_that_another_process_made_up_as_well_is_replaced() -> None:
    server = Server()
    exists = {"kind": "Status", "code": 409, "reason": "AlreadyExists"}
    server.fail.append(lambda request: (409, exists) if len(server.requests) == 1 else None)
    async with recording(server) as recorder:
        recorder.event(WIDGET, "Made", "x")
        recorder.event(WIDGET, "Made", "x")
    [event] = posted(server)
    assert [name for method, name, _ in server.events if method == "PATCH"] == [event["metadata"]["name"]]


async def test_what_is_not_written_when_the_recorder_ends_counts_as_dropped() -> None:
    server = Server()
    refuse(server, times=1000)
    recorder = EventRecorder(Client(server))
    task = asyncio.create_task(recorder.run())
    for reason in ("One", "Two", "Three"):
        recorder.event(WIDGET, reason, "x")
    await asyncio.sleep(15)
    task.cancel()
    await asyncio.wait([task])
    await recorder.drained()
    assert recorder.dropped == 3


class Hopeless:
    """Raises for whatever is asked of it."""

    def __str__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    "nonsense",
    [
        {"obj": None},
        {"obj": 7},
        {"related": "x"},
        {"message": Hopeless()},
        {"reason": Hopeless()},
        {"obj": {"name": Hopeless()}},
    ],
)
async def test_nonsense_is_dropped_counted_and_logged_and_never_raises(
    nonsense: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    server = Server()
    given: dict[str, Any] = {"obj": WIDGET, "reason": "Made", "message": "x"}
    async with recording(server) as recorder:
        recorder.event(**given | nonsense)
        recorder.event(**given)
    assert recorder.dropped == 1
    assert len(posted(server)) == 1
    assert "an event was not written" in caplog.text


@pytest.mark.parametrize("refused", [{"reason": ""}, {"action": ""}, {"type": "Odd"}])
async def test_what_the_server_will_not_have_is_dropped_and_counted(refused: dict[str, Any]) -> None:
    server = Server()
    given: dict[str, Any] = {"obj": WIDGET, "reason": "Made", "message": "x"}
    async with recording(server) as recorder:
        recorder.event(**given | refused)
    assert recorder.dropped == 1


async def test_a_message_that_is_no_text_is_told_as_text() -> None:
    server, error = Server(), ValueError("broken")
    unsound: Any = error
    async with recording(server) as recorder:
        recorder.event(WIDGET, "Made", unsound)
        recorder.event(WIDGET, "Cut", "half a \ud83d pair")
    assert [event["note"] for event in posted(server)] == ["broken", "half a ? pair"]


async def test_long_notes_reasons_actions_and_names_are_cut_to_what_the_server_takes() -> None:
    server = Server()
    async with recording(server, controller="c" * 200, instance="i" * 200) as recorder:
        recorder.event({**WIDGET, "name": "x" * 1000}, "R" * 200, "ä" * 1000, action="A" * 200)
    [event] = posted(server)
    assert event["note"] == "ä" * 512
    assert [len(event[name]) for name in ("reason", "action", "reportingInstance")] == [128] * 3
    assert len(event["reportingController"]) == 63
    assert event["regarding"]["name"] == "x" * 1000


def test_a_cut_never_splits_a_character() -> None:
    assert clip("aää", 4) == "aä"
    assert clip("abc", 2) == "ab"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("web-0", True),
        ("a.b.c", True),
        ("x" * 236, True),
        ("x" * 237, False),
        ("system:node", False),
        ("2001:db8::123", False),
        ("UPPER", False),
        ("-dash", False),
        ("dash-", False),
        ("", False),
        (".dot", False),
        ("ünïcode", False),
    ],
)
def test_an_events_name_is_the_objects_with_a_suffix_where_that_is_valid_and_random_otherwise(
    name: str, kept: bool
) -> None:
    made = event_name({"name": name}, Random(1))
    assert SUBDOMAIN.fullmatch(made)
    assert len(made) <= 253
    assert made.startswith(f"{name}.") is (kept and bool(name))
    assert made != event_name({"name": name}, Random(2))


@pytest.mark.parametrize(
    ("name", "tidy"),
    [
        ("widget", "widget"),
        ("example.dev/widget", "example.dev/widget"),
        ("My_Controller.v1", "My_Controller.v1"),
        ("my controller", "my-controller"),
        ("-odd-", "odd"),
        ("a/b/c", "a-b-c"),
        ("Prefix.Upper/x", "Prefix.Upper-x"),
        ("x" * 64, "x" * 63),
        ("", "kubernaut"),
        ("§§", "kubernaut"),
    ],
)
def test_a_controllers_name_becomes_a_qualified_name(name: str, tidy: str) -> None:
    assert controller_name(name) == tidy
    assert QUALIFIED.fullmatch(tidy)


async def test_events_of_cluster_scoped_objects_go_to_default() -> None:
    server = Server()
    async with recording(server) as recorder:
        recorder.event(NODE, "Cordoned", "x", "Warning", action="Cordon")
        recorder.event({"apiVersion": "v1", "kind": "Namespace", "name": "shop"}, "Made", "x")
    assert [event["metadata"]["namespace"] for event in posted(server)] == ["default", "default"]
    assert "namespace" not in posted(server)[0]["regarding"]


async def test_an_event_refers_to_objects_of_every_form() -> None:
    server = Server()
    meta = {"name": "a", "namespace": "shop", "uid": "u", "resourceVersion": "5"}
    wanted = {"apiVersion": "example.dev/v1", "kind": "Widget", **meta}
    whole = {"apiVersion": "example.dev/v1", "kind": "Widget", "metadata": meta, "spec": {"size": 1}}
    async with recording(server) as recorder:
        model = Widget(metadata=ObjectMeta(name="a", namespace="shop", uid="u", resource_version="5"))
        forms: list[Any] = [model, wanted, whole]
        for number, obj in enumerate(forms):
            recorder.event(obj, f"Reason{number}", "x", related=obj)
    assert [event["regarding"] for event in posted(server)] == [wanted] * 3
    assert [event["related"] for event in posted(server)] == [wanted] * 3


async def test_empty_fields_of_a_reference_are_left_out() -> None:
    server = Server()
    async with recording(server) as recorder:
        recorder.event({**WIDGET, "uid": None, "resourceVersion": ""}, "Made", "x")
    assert posted(server)[0]["regarding"] == {key: WIDGET[key] for key in ("apiVersion", "kind", "namespace", "name")}


async def test_the_time_is_that_of_the_clock_in_utc_with_six_digits() -> None:
    class Clock:
        def now(self) -> datetime:
            return datetime(2024, 5, 5, 1, 0, 0, 7, tzinfo=UTC).astimezone(timezone(timedelta(hours=5)))

    server = Server()
    async with recording(server, clock=Clock()) as recorder:
        recorder.event(WIDGET, "Made", "x")
    assert posted(server)[0]["eventTime"] == "2024-05-05T01:00:00.000007Z"


async def test_two_recorders_with_one_seed_make_the_same_names() -> None:
    names: list[list[str]] = []
    for _ in range(2):
        server = Server()
        async with recording(server, random=Random(7)) as recorder:
            for number in range(5):
                recorder.event(WIDGET, f"Reason{number}", "x")
        names.append([event["metadata"]["name"] for event in posted(server)])
    assert names[0] == names[1]

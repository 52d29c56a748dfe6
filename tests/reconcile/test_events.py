"""The event recorder: series, aggregation, spam limit, and that it never blocks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kubernaut.client import Client
from kubernaut.reconcile import EventRecorder
from tests.reconcile.server import Server

pytestmark = pytest.mark.virtual_time

WIDGET = {"apiVersion": "example.dev/v1", "kind": "Widget", "namespace": "shop", "name": "a", "uid": "u"}
NODE = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "n"}


@asynccontextmanager
async def recording(server: Server) -> AsyncIterator[EventRecorder]:
    recorder = EventRecorder(Client(server))
    task = asyncio.create_task(recorder.run())
    try:
        yield recorder
        await recorder.drained()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_repeats_become_a_series_of_one_event() -> None:
    server = Server()
    async with recording(server) as recorder:
        for _ in range(3):
            recorder.event(WIDGET, "Made", "it is made")
            await asyncio.sleep(1)
    assert [method for method, _, _ in server.events] == ["POST", "PATCH", "PATCH"]
    assert server.events[0][2]["eventTime"] == "2024-01-01T00:00:00.000000Z"
    assert server.events[2][2]["series"] == {"count": 3, "lastObservedTime": "2024-01-01T00:00:02.000000Z"}


async def test_past_ten_similar_notes_the_rest_share_one_event() -> None:
    server = Server()
    async with recording(server) as recorder:
        for number in range(20):
            recorder.event(WIDGET, "Made", f"number {number}")
    posts = [body["note"] for method, _, body in server.events if method == "POST"]
    assert len(posts) == 11
    assert posts[-1] == "(combined from similar events)"


async def test_one_object_may_tell_twenty_five_at_once_then_one_in_five_minutes() -> None:
    server = Server()
    async with recording(server) as recorder:
        for _ in range(40):
            recorder.event(WIDGET, "Made", "again")
        await recorder.drained()
        assert len(server.events) == 25
        assert recorder.dropped == 15
        await asyncio.sleep(301)
        recorder.event(WIDGET, "Made", "again")
    assert len(server.events) == 26


async def test_events_of_cluster_scoped_objects_go_to_default_and_a_full_queue_drops() -> None:
    server = Server()
    async with recording(server) as recorder:
        recorder.event(NODE, "Cordoned", "x", "Warning", action="Cordon")
        for number in range(1200):
            recorder.event({**WIDGET, "uid": str(number)}, "Made", "x")
        assert recorder.dropped == 201
    assert server.events[0][2]["metadata"]["namespace"] == "default"

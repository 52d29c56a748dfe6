"""Events as a cluster has them, written by controllers."""

from typing import Any

import pytest

from kubernaut.reconcile import Context, Controller, EventRecorder, Manager, Reconciler
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import Node
from kubernaut.testing import Cluster
from tests.reconcile.events.strict import Strict, problems
from tests.reconcile.widgets import Widget

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(controlplane=False, crds=[Widget])]


class Telling(Reconciler[Widget]):
    """Tells of every reconcile."""

    def __init__(self, note: str = "it is made", times: int = 1) -> None:
        self.note, self.times = note, times

    async def reconcile(self, obj: Widget, ctx: Context) -> None:
        for number in range(self.times):
            ctx.events.event(obj, "Made", self.note.format(number), action="Make")


def events_of(cluster: Cluster) -> list[dict[str, Any]]:
    return [obj for obj in cluster.dump() if obj["kind"] == "Event"]


async def run(cluster: Cluster, controller: Controller, seconds: float = 30) -> Manager:
    manager = Manager(cluster.client.through(Strict), name="test")
    manager.add(controller)
    async with manager.running():
        await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
        await cluster.advance(seconds=seconds)
        recorder = manager.events
    assert recorder.dropped == 0
    return manager


async def test_an_event_of_a_controller_passes_the_rules_of_the_server_and_names_controller_and_object(
    cluster: Cluster,
) -> None:
    await run(cluster, Controller(Widget, Telling(), name="my controller"))
    found = await cluster.client.request("GET", "/apis/events.k8s.io/v1/namespaces/default/events")
    assert b'"reportingController":"my-controller"' in found.body.replace(b": ", b":")
    [event] = events_of(cluster)
    regarding = event.get("regarding") or event["involvedObject"]
    assert (regarding["kind"], regarding["name"], regarding["apiVersion"]) == ("Widget", "a", "example.dev/v1")


async def test_a_series_keeps_its_note_and_counts_from_two(cluster: Cluster) -> None:
    await run(cluster, Controller(Widget, Telling(times=4)))
    [event] = events_of(cluster)
    assert event.get("note", event.get("message")) == "it is made"
    assert event["series"]["count"] >= 4


async def test_past_ten_similar_events_there_is_one_more_with_a_common_note(cluster: Cluster) -> None:
    await run(cluster, Controller(Widget, Telling("number {}", times=12)))
    notes = [event.get("note", event.get("message")) for event in events_of(cluster)]
    assert len(notes) == 11
    assert notes.count("(combined from similar events)") == 1


@pytest.mark.server_from("1.21", "events about objects without a namespace are taken in `default`")
async def test_an_event_of_a_node_goes_to_default(cluster: Cluster) -> None:
    recorder = EventRecorder(cluster.client.through(Strict))
    node = await cluster.client.create(Node(metadata=ObjectMeta(name="n1")))
    manager = Manager(cluster.client.through(Strict))
    async with manager.running():
        manager.events.event(node, "Cordoned", "it is", "Warning", action="Cordon")
        await manager.events.drained()
    [event] = events_of(cluster)
    assert event["metadata"]["namespace"] == "default"
    assert recorder.dropped == 0


async def test_events_on_the_way_when_the_manager_stops_are_still_written(cluster: Cluster) -> None:
    manager = Manager(cluster.client.through(Strict))
    async with manager.running():
        for number in range(20):
            reference = {"kind": "Widget", "namespace": "default", "name": f"w{number}"}
            manager.events.event(reference, "Made", "x")
    assert len(events_of(cluster)) == 20


def test_the_rules_refuse_what_a_server_refuses() -> None:
    good: dict[str, Any] = {
        "metadata": {"name": "x.1", "namespace": "default"},
        "eventTime": "2024-01-01T00:00:00.000000Z",
        "reportingController": "c",
        "reportingInstance": "i",
        "action": "A",
        "reason": "R",
        "regarding": {"kind": "Node", "name": "n"},
        "note": "n",
        "type": "Normal",
    }
    assert problems(good) == []
    for change in (
        {"note": "ä" * 513},
        {"type": "Odd"},
        {"action": ""},
        {"reason": "R" * 129},
        {"reportingController": "a b"},
        {"eventTime": "2024-01-01T00:00:00Z"},
        {"metadata": {"name": "x-.1", "namespace": "default"}},
        {"metadata": {"name": "x.1", "namespace": "shop"}},
        {"series": {"count": 1, "lastObservedTime": "2024-01-01T00:00:00.000000Z"}},
    ):
        assert len(problems({**good, **change})) == 1, change

"""Finalizers of typed reconcilers: when they come, when finalize is called, when they go."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kubernaut.client import Conflict, Invalid, MergePatch, NotFound, TransportRequest
from kubernaut.reconcile import Context, Controller, Result, TerminalError, predicates
from kubernaut.resources import ObjectMeta
from kubernaut.testing import Cluster
from tests.reconcile.scripted import Finalizing, Scripted, manager_of
from tests.reconcile.server import Server, refuse, widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time

FINALIZER = "example.dev/widget"


def held(name: str = "a", **spec: Any) -> dict[str, Any]:
    obj = {**widget(name, status={"observedGeneration": 1}), "spec": {"size": 1, **spec}}
    obj["metadata"]["finalizers"] = [FINALIZER]
    return obj


def finalizers(server: Server) -> list[str]:
    found: list[str] = server.objects["widgets", "shop", "a"]["metadata"].get("finalizers", [])
    return found


def patches(request: TransportRequest) -> bool:
    return request.method == "PATCH"


async def test_an_object_that_is_not_there_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    server, reconciler = Server(), Finalizing()
    server.put("widgets", held())
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(1)
        server.remove("widgets", "shop", "a")
        calls = len(reconciler.calls)
        await asyncio.sleep(60)
    assert len(reconciler.calls) == calls
    assert "ERROR" not in caplog.text


async def test_reconcile_does_not_run_while_the_finalizer_cannot_be_added() -> None:
    server, reconciler = Server(), Finalizing()
    server.put("widgets", widget("a"))
    refuse(server, times=4, code=500, match=patches)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(0.05)
        assert reconciler.calls == []
        await asyncio.sleep(10)
    assert finalizers(server) == [FINALIZER]
    assert reconciler.calls


async def test_reconcile_is_given_the_object_as_it_is_with_the_finalizer() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        seen.append((obj.metadata.finalizers, obj.metadata.resource_version))

    seen: list[Any] = []
    server = Server()
    server.put("widgets", widget("a"))
    server.paused = True
    async with manager_of(server, Finalizing(do)).running():
        await asyncio.sleep(5)
    [(names, version)] = seen
    assert names == [FINALIZER]
    assert version != "11"


async def test_other_finalizers_stay_when_it_comes_and_when_it_goes() -> None:
    server, reconciler = Server(), Finalizing()
    obj = widget("a")
    obj["metadata"]["finalizers"] = ["other.dev/first", "other.dev/second"]
    server.put("widgets", obj)
    manager = manager_of(server, reconciler)
    async with manager.running():
        await asyncio.sleep(5)
        assert finalizers(server) == ["other.dev/first", "other.dev/second", FINALIZER]
        await manager.client.delete(Widget, "a", namespace="shop")
        await asyncio.sleep(5)
        assert finalizers(server) == ["other.dev/first", "other.dev/second"]
        live = server.objects["widgets", "shop", "a"]
        server.put("widgets", {**live, "metadata": {**live["metadata"], "finalizers": []}})
        await asyncio.sleep(5)
    assert reconciler.calls.count("finalize a") == 1


async def test_a_finalizer_that_is_there_already_is_not_written_again() -> None:
    server = Server()
    server.put("widgets", held())
    async with manager_of(server, Finalizing()).running():
        await asyncio.sleep(5)
    assert not [request for request in server.requests if request.method == "PATCH"]


async def test_an_object_that_changed_meanwhile_gets_its_finalizer_in_the_next_reconcile() -> None:
    server, reconciler = Server(), Finalizing()
    server.put("widgets", widget("a"))
    refuse(server, times=1, code=409, match=patches)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(5)
    assert finalizers(server) == [FINALIZER]


async def test_an_object_that_went_before_its_finalizer_came_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    server, reconciler = Server(), Finalizing()
    server.put("widgets", widget("a"))

    def vanish(request: TransportRequest) -> None:
        if request.method == "PATCH" and ("widgets", "shop", "a") in server.objects:
            server.remove("widgets", "shop", "a")

    server.fail.append(vanish)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(5)
    assert reconciler.calls == []
    assert "ERROR" not in caplog.text


@pytest.mark.parametrize("phase", ["", "Running", "Succeeded", "Failed"])
@pytest.mark.parametrize("predicate", [None, predicates.generation_changed, predicates.labels_changed])
async def test_a_deletion_is_seen_in_every_phase(phase: str, predicate: predicates.Predicate | None) -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        if obj.status.phase in ("Succeeded", "Failed"):
            return
        obj.status.phase = phase

    server, reconciler = Server(), Finalizing(do)
    server.put("widgets", held())
    manager = manager_of(server, reconciler, predicates=[] if predicate is None else [predicate])
    async with manager.running():
        await asyncio.sleep(60)
        assert server.objects["widgets", "shop", "a"]["status"].get("phase", "") == phase
        await manager.client.delete(Widget, "a", namespace="shop")
        await asyncio.sleep(5)
    assert reconciler.calls[-1] == "finalize a"
    assert not server.objects


async def test_a_deletion_that_happened_while_nothing_ran_is_finalized_at_the_start() -> None:
    server, reconciler = Server(), Finalizing()
    obj = held()
    obj["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    server.put("widgets", obj)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(5)
    assert reconciler.calls == ["finalize a"]
    assert not server.objects


async def test_an_object_being_deleted_without_the_finalizer_is_left_alone() -> None:
    server, reconciler = Server(), Finalizing()
    obj = widget("a")
    obj["metadata"] |= {"deletionTimestamp": "2024-01-01T00:00:00Z", "finalizers": ["other.dev/x"]}
    server.put("widgets", obj)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(5)
    assert reconciler.calls == []
    assert finalizers(server) == ["other.dev/x"]


async def test_without_a_finalizer_reconcile_sees_the_deletion_itself() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        seen.append(obj.metadata.deletion_timestamp is not None)

    seen: list[bool] = []
    server = Server()
    obj = widget("a", status={"observedGeneration": 1})
    obj["metadata"]["finalizers"] = ["other.dev/x"]
    server.put("widgets", obj)
    manager = manager_of(server, Scripted(do))
    async with manager.running():
        await asyncio.sleep(1)
        await manager.client.delete(Widget, "a", namespace="shop")
        await asyncio.sleep(1)
    assert seen == [False, True]


class Ending(Finalizing):
    """Answers from finalize what the test says; the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)

    async def finalize(self, obj: Widget, ctx: Context) -> Result | None:
        self.calls.append("finalize")
        self.times.append(asyncio.get_running_loop().time())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        result: Result | None = answer
        return result


async def deleted(server: Server, reconciler: Ending, seconds: float) -> list[float]:
    """Delete a Widget; the times of the calls to finalize, from the first."""
    server.put("widgets", held(size=1))
    server.objects["widgets", "shop", "a"]["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(seconds)
    return [round(time - reconciler.times[0], 3) for time in reconciler.times]


async def test_finalize_is_called_again_after_the_time_it_asked_for() -> None:
    server = Server()
    times = await deleted(server, Ending(Result(requeue_after=timedelta(seconds=7)), None), 60)
    assert times == [0, 7]
    assert not server.objects


async def test_an_empty_result_of_finalize_is_not_done_it_waits_for_the_next_change() -> None:
    server = Server()
    assert await deleted(server, Ending(Result()), 3600) == [0]
    assert finalizers(server) == [FINALIZER]


async def test_a_finalize_that_raises_is_retried_with_back_off_and_keeps_the_finalizer() -> None:
    server = Server()
    assert await deleted(server, Ending(ValueError("x"), ValueError("x"), None), 60) == [0, 0.005, 0.015]
    assert not server.objects


async def test_a_terminal_error_of_finalize_keeps_the_finalizer_until_the_object_changes() -> None:
    server = Server()
    assert await deleted(server, Ending(TerminalError("never")), 3600) == [0]
    assert finalizers(server) == [FINALIZER]


@pytest.mark.parametrize("nonsense", [True, False, "done", 0])
async def test_a_nonsensical_answer_of_finalize_does_not_remove_the_finalizer(nonsense: Any) -> None:
    server = Server()
    times = await deleted(server, Ending(nonsense), 10)
    assert len(times) > 3
    assert finalizers(server) == [FINALIZER]


async def test_the_finalizer_is_removed_although_others_write_at_the_same_time() -> None:
    server = Server()
    refuse(server, times=3, code=409, match=patches)
    assert await deleted(server, Ending(None), 60) == [0]
    assert not server.objects


async def test_a_finalizer_that_cannot_be_removed_for_conflicts_is_tried_again_later() -> None:
    server = Server()
    refuse(server, times=6, code=409, match=patches)
    assert len(await deleted(server, Ending(None), 60)) == 2
    assert not server.objects


async def test_finalize_is_called_once_although_the_cache_still_shows_the_object() -> None:
    server, reconciler = Server(), Finalizing()
    server.put("widgets", held())
    manager = manager_of(server, reconciler)
    async with manager.running():
        await asyncio.sleep(1)
        await manager.client.delete(Widget, "a", namespace="shop")
        while "finalize a" not in reconciler.calls:
            await asyncio.sleep(0)
        server.paused = True
        await asyncio.sleep(120)
        server.paused = False
        server.poke()
        await asyncio.sleep(5)
    assert reconciler.calls.count("finalize a") == 1


async def test_an_object_made_anew_under_the_name_of_a_finalized_one_is_another_object() -> None:
    server, reconciler = Server(), Finalizing()
    server.put("widgets", held())
    manager = manager_of(server, reconciler)
    async with manager.running():
        for _ in range(2):
            await asyncio.sleep(5)
            await manager.client.delete(Widget, "a", namespace="shop")
            await asyncio.sleep(5)
            assert not server.objects
            server.put("widgets", widget("a"))
    assert reconciler.calls.count("finalize a") == 2


async def test_the_memory_of_finalized_objects_is_bounded_though_predicates_hide_their_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kubernaut.reconcile.reconciler.REMEMBERED", 2)
    server, reconciler = Server(), Finalizing()
    for number in range(5):
        obj = held(f"w{number}")
        obj["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
        server.put("widgets", obj)
    async with manager_of(server, reconciler, predicates=[~predicates.deleted]).running():
        await asyncio.sleep(60)
    assert sorted(reconciler.calls) == [f"finalize w{number}" for number in range(5)]


class Guarded(Finalizing):
    """Fails if it has side effects without the finalizer."""

    async def reconcile(self, obj: Widget, ctx: Context) -> Result | None:
        live = await ctx.client.get(Widget, obj.name, namespace=obj.namespace)
        self.calls.append(f"{obj.name} {live.metadata.finalizers}")
        return None


@pytest.mark.cluster(controlplane=False, crds=[Widget])
async def test_on_a_real_server_the_finalizer_is_there_when_reconcile_runs(cluster: Cluster) -> None:
    reconciler = Guarded()
    async with cluster.running(Controller(Widget, reconciler)):
        await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
        await cluster.settled()
        await cluster.client.delete(Widget, "a", namespace="default")
        await cluster.settled()
        with pytest.raises(NotFound):
            await cluster.client.get(Widget, "a", namespace="default")
    assert set(reconciler.calls) == {"a ['example.dev/widget']", "finalize a"}


@pytest.mark.cluster(controlplane=False, crds=[Widget])
async def test_a_finalizer_is_never_put_on_an_object_of_another_uid(cluster: Cluster) -> None:
    first = await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
    await cluster.client.delete(Widget, "a", namespace="default")
    second = await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
    stale = {"uid": first.uid, "resourceVersion": second.metadata.resource_version, "finalizers": [FINALIZER]}
    with pytest.raises(Invalid, match=r"metadata.uid"):
        await cluster.client.patch(Widget, "a", MergePatch({"metadata": stale}), namespace="default")
    stale["resourceVersion"] = first.metadata.resource_version
    with pytest.raises(Conflict):
        await cluster.client.patch(Widget, "a", MergePatch({"metadata": stale}), namespace="default")

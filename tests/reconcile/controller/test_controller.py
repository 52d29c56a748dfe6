"""Controllers end to end, against a scripted server, on virtual time."""

import asyncio
from datetime import timedelta
from typing import Self

import pytest
from pydantic import model_validator

from kubernaut.client import Client, ObjectHead
from kubernaut.reconcile import (
    Context,
    Controller,
    Manager,
    NotCached,
    NotSynced,
    Reconciler,
    Request,
    Result,
    TerminalError,
    Watch,
    predicates,
)
from kubernaut.resources import Resource
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.scripted import Finalizing, Scripted, manager_of
from tests.reconcile.server import Server, refuse, widget
from tests.reconcile.widgets import Widget, WidgetSpec

pytestmark = pytest.mark.virtual_time


def status_writes(server: Server) -> int:
    return sum(r.path.endswith("/status") for r in server.requests)


async def test_a_status_is_written_once_and_stamped_and_then_all_is_quiet() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.phase = "Ready"
        obj.status.set_condition("Ready", True, reason="Applied")

    server = Server()
    server.put("widgets", widget("a"))
    reconciler = Scripted(do)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(600)
    status = server.objects["widgets", "shop", "a"]["status"]
    assert status["phase"] == "Ready"
    assert status["observedGeneration"] == 1
    assert status["conditions"][0]["lastTransitionTime"].startswith("2024-01-01T00:0")
    assert status_writes(server) == 1
    assert len(reconciler.calls) == 2


async def test_the_status_is_written_also_when_reconcile_raises() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.phase = f"Failed{ctx.attempt > 1}"
        raise TerminalError("no")

    server = Server()
    server.put("widgets", widget("a"))
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(60)
    assert server.objects["widgets", "shop", "a"]["status"]["phase"] == "FailedFalse"


async def test_errors_are_retried_with_back_off_and_success_forgets() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        if ctx.attempt < 4:
            raise ValueError("not yet")

    server = Server()
    server.put("widgets", widget("a", status={"observedGeneration": 1}))
    reconciler = Scripted(do)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(60)
    waits = [later - earlier for earlier, later in zip(reconciler.times, reconciler.times[1:], strict=False)]
    assert waits == pytest.approx([0.005, 0.010, 0.020], abs=2e-3)


async def test_requeue_after_runs_again_after_that_time() -> None:
    async def do(obj: Widget, ctx: Context) -> Result:
        return Result(requeue_after=timedelta(minutes=5))

    server = Server()
    server.put("widgets", widget("a", status={"observedGeneration": 1}))
    reconciler = Scripted(do)
    async with manager_of(server, reconciler).running():
        await asyncio.sleep(1000)
    assert len(reconciler.calls) == 4


async def test_a_key_is_not_reconciled_from_a_cache_older_than_its_own_write() -> None:
    async def do(obj: Widget, ctx: Context) -> Result:
        obj.status.made += 1
        return Result(requeue_after=timedelta(seconds=1))

    server = Server()
    server.put("widgets", widget("a"))
    reconciler = Scripted(do)
    async with manager_of(server, reconciler, predicates=[predicates.generation_changed]).running():
        server.paused = True
        await asyncio.sleep(25)
        assert len(reconciler.calls) == 1
        server.paused = False
        server.poke()
        await asyncio.sleep(0.5)
        assert len(reconciler.calls) >= 2
    assert server.objects["widgets", "shop", "a"]["status"]["made"] == len(reconciler.calls)


async def test_a_status_conflict_is_retried_when_only_metadata_changed() -> None:
    server = Server()

    async def do(obj: Widget, ctx: Context) -> None:
        if obj.status.phase:
            return
        live = server.objects["widgets", "shop", "a"]
        server.put("widgets", {**live, "metadata": {**live["metadata"], "labels": {"by": "another"}}})
        obj.status.phase = "Ready"

    server.put("widgets", widget("a"))
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(10)
    stored = server.objects["widgets", "shop", "a"]
    assert stored["status"]["phase"] == "Ready"
    assert stored["metadata"]["labels"] == {"by": "another"}
    assert status_writes(server) == 2


async def test_a_status_conflict_with_a_changed_spec_reconciles_again() -> None:
    server = Server()

    async def do(obj: Widget, ctx: Context) -> None:
        if obj.spec.size == 1:
            server.put("widgets", {**server.objects["widgets", "shop", "a"], "spec": {"size": 2}})
        obj.status.phase = f"size {obj.spec.size}"

    server.put("widgets", widget("a"))
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(10)
    assert server.objects["widgets", "shop", "a"]["status"]["phase"] == "size 2"


async def test_the_finalizer_comes_before_reconcile_and_goes_after_finalize() -> None:
    server = Server()

    async def do(obj: Widget, ctx: Context) -> None:
        assert server.objects["widgets", "shop", "a"]["metadata"]["finalizers"] == ["example.dev/widget"]

    server.put("widgets", widget("a"))
    reconciler = Finalizing(do)
    reconciler.keep = True
    manager = manager_of(server, reconciler)
    async with manager.running():
        await asyncio.sleep(10)
        await manager.client.delete(Widget, "a", namespace="shop")
        await asyncio.sleep(12)
        assert reconciler.calls.count("finalize a") == 3
        reconciler.keep = False
        await asyncio.sleep(10)
    assert not server.objects


async def test_an_undecodable_object_is_terminal_and_can_be_deleted() -> None:
    server = Server()
    broken = widget("a")
    broken["spec"]["size"] = "huge"
    broken["metadata"]["finalizers"] = ["example.dev/widget"]
    server.put("widgets", broken)
    reconciler = Finalizing()
    manager = manager_of(server, reconciler)
    async with manager.running():
        await asyncio.sleep(600)
        assert [event["reason"] for _, _, event in server.events] == ["Undecodable"]
        await manager.client.request("DELETE", "/apis/example.dev/v1/namespaces/shop/widgets/a")
        await asyncio.sleep(10)
    assert reconciler.calls == ["finalize_raw a"]
    assert not server.objects


class Touchy(Resource, group="example.dev", version="v1", plural="widgets", status_subresource=True):
    """A kind whose validator raises what pydantic lets through."""

    spec: WidgetSpec = WidgetSpec()

    @model_validator(mode="after")
    def _count(self) -> Self:
        if self.spec.size > 9:
            raise OverflowError("too many")
        return self


async def test_an_object_whose_validator_raises_anything_is_undecodable_too() -> None:
    server = Server()
    broken = {**widget("a"), "kind": "Touchy"}
    broken["spec"]["size"] = 10
    server.put("widgets", broken)

    class Never(Reconciler[Touchy]):
        async def reconcile(self, obj: Touchy, ctx: Context) -> None:
            raise AssertionError(obj)

    manager = Manager(Client(server))
    manager.add(Controller(Touchy, Never()))
    async with manager.running():
        await asyncio.sleep(600)
    (event,) = [event for _, _, event in server.events]
    assert (event["reason"], event["note"]) == ("Undecodable", "OverflowError: too many")


async def test_owned_and_watched_objects_lead_to_their_widgets() -> None:
    server = Server()
    server.put("widgets", widget("a", status={"observedGeneration": 1}))
    reconciler = Scripted()

    def by_label(head: ObjectHead) -> list[Request]:
        return [Request(head.namespace, head.labels["widget"])] if "widget" in head.labels else []

    watch = Watch(ConfigMap, to=by_label, predicates=[~predicates.deleted])
    async with manager_of(server, reconciler, watches=[watch], owns=[ConfigMap]).running():
        await asyncio.sleep(1)
        uid = server.objects["widgets", "shop", "a"]["metadata"]["uid"]
        owner = {"apiVersion": "example.dev/v1", "kind": "Widget", "name": "a", "uid": uid, "controller": True}
        for name, metadata in (("one", {"labels": {"widget": "a"}}), ("two", {"ownerReferences": [owner]}), ("no", {})):
            config = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": "shop", **metadata},
            }
            server.put("configmaps", config)
            await asyncio.sleep(1)
        server.remove("configmaps", "shop", "one")
        await asyncio.sleep(1)
    assert len(reconciler.calls) == 3
    watches = [r for r in server.requests if r.path == "/api/v1/configmaps" and "watch" in dict(r.query)]
    assert len(watches) == 1


async def test_generation_changed_lets_no_status_update_through() -> None:
    server = Server()
    server.put("widgets", widget("a", status={"observedGeneration": 1}))
    reconciler = Scripted()
    async with manager_of(server, reconciler, predicates=[predicates.generation_changed]).running():
        await asyncio.sleep(1)
        server.put(
            "widgets", {**server.objects["widgets", "shop", "a"], "status": {"phase": "x", "observedGeneration": 1}}
        )
        await asyncio.sleep(1)
        assert len(reconciler.calls) == 1
        server.put("widgets", {**server.objects["widgets", "shop", "a"], "spec": {"size": 3}})
        await asyncio.sleep(1)
    assert len(reconciler.calls) >= 2


async def test_a_reconcile_that_takes_too_long_is_cancelled_and_retried() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        if ctx.attempt == 1:
            await asyncio.sleep(3600)

    server = Server()
    server.put("widgets", widget("a", status={"observedGeneration": 1}))
    reconciler = Scripted(do)
    async with manager_of(server, reconciler, reconcile_timeout=timedelta(seconds=30)).running():
        await asyncio.sleep(60)
    assert len(reconciler.calls) == 2


async def test_no_more_than_max_concurrent_keys_at_once_and_no_worker_is_lost() -> None:
    busy = [0, 0]

    async def do(obj: Widget, ctx: Context) -> None:
        busy[0] += 1
        busy[1] = max(busy)
        try:
            await asyncio.sleep(1)
            if ctx.attempt == 1:
                raise asyncio.CancelledError
        finally:
            busy[0] -= 1

    server = Server()
    for number in range(6):
        server.put("widgets", widget(f"w{number}", status={"observedGeneration": 1}))
    reconciler = Scripted(do)
    async with manager_of(server, reconciler, max_concurrent=3).running():
        await asyncio.sleep(30)
    assert busy == [0, 3]
    assert len(reconciler.calls) == 12


async def test_a_stop_lets_reconciles_in_flight_finish() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        await asyncio.sleep(10)
        obj.status.phase = "done"

    server = Server()
    server.put("widgets", widget("a"))
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(1)
    assert server.objects["widgets", "shop", "a"]["status"]["phase"] == "done"


async def test_run_ends_with_stop_and_can_run_again() -> None:
    server = Server()
    server.put("widgets", widget("a"))
    reconciler = Scripted()
    manager = manager_of(server, reconciler)
    for times in (1, 2):
        running = asyncio.create_task(manager.run())
        await asyncio.sleep(1)
        with pytest.raises(RuntimeError, match="running"):
            await manager.run()
        manager.stop()
        await running
        assert len(reconciler.calls) >= times


async def test_what_the_body_raises_comes_out_as_it_is() -> None:
    manager = manager_of(Server(), Scripted())
    with pytest.raises(KeyError):
        async with manager.running():
            raise KeyError("mine")


async def test_running_names_what_is_not_served() -> None:
    server = Server()
    server.served = False
    with pytest.raises(NotSynced, match=r"widgets.example.dev \(not served\)"):
        async with manager_of(server, Scripted()).running():
            pass


async def test_reading_what_nobody_watches_is_refused() -> None:
    manager = manager_of(Server(), Scripted())
    async with manager.running():
        with pytest.raises(NotCached, match="configmaps"):
            manager.cache.get(ConfigMap, "x", "shop")


async def test_reads_are_private_copies_and_indexes_follow() -> None:
    server = Server()
    server.put("widgets", widget("a", size=1))
    server.put("widgets", widget("b", size=2))
    reconciler = Scripted()
    manager = manager_of(server, reconciler, indexes={"size": lambda w: [str(w.spec.size)]})
    async with manager.running():
        manager.cache.get(Widget, "a", "shop").spec.size = 7
        assert manager.cache.get(Widget, "a", "shop").spec.size == 1
        assert [w.name for w in manager.cache.list(Widget, index=("size", "2"))] == ["b"]
        server.put("widgets", {**server.objects["widgets", "shop", "a"], "spec": {"size": 2}})
        await asyncio.sleep(1)
        assert [w.name for w in manager.cache.list(Widget, index=("size", "2"))] == ["b", "a"]
        assert not manager.cache.list(Widget, index=("size", "1"))


async def test_a_refused_write_is_retried() -> None:
    async def do(obj: Widget, ctx: Context) -> None:
        obj.status.phase = "Ready"

    server = Server()
    server.put("widgets", widget("a"))
    refuse(server, times=3, code=500, match=lambda r: r.path.endswith("/status"))
    async with manager_of(server, Scripted(do)).running():
        await asyncio.sleep(10)
    assert server.objects["widgets", "shop", "a"]["status"]["phase"] == "Ready"


async def test_two_runs_with_one_seed_send_the_same_requests() -> None:
    async def once() -> list[tuple[str, str]]:
        async def do(obj: Widget, ctx: Context) -> Result:
            obj.status.made += 1
            ctx.events.event(obj, "Made", f"made {obj.status.made}")
            return Result(requeue_after=timedelta(seconds=ctx.random.uniform(1, 5)))

        server = Server()
        for number in range(5):
            server.put("widgets", widget(f"w{number}"))
        async with manager_of(
            server, Scripted(do), max_concurrent=2, predicates=[predicates.generation_changed]
        ).running():
            await asyncio.sleep(60)
        return [(r.method, r.path) for r in server.requests]

    assert await once() == await once()

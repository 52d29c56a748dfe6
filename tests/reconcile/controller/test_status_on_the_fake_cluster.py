"""The status of typed reconcilers on a server with all its rules: announcements, conflicts, kinds of every sort."""

from datetime import timedelta

import pytest

from kubernaut.client import MergePatch
from kubernaut.reconcile import Context, Controller, Reconciler, Result, predicates
from kubernaut.resources import AnyResource, Model, ObjectMeta, Resource, StatusBase
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import Cluster, Fault
from tests.reconcile.widgets import Widget, WidgetSpec

pytestmark = pytest.mark.virtual_time


class Announcing(Reconciler[Widget]):
    """Starts a Job only once its status says so, as read back."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, str]] = []

    async def reconcile(self, obj: Widget, ctx: Context) -> Result | None:
        live = await ctx.client.get(Widget, obj.name, namespace=obj.namespace)
        self.runs.append((obj.status.phase, live.status.phase))
        if obj.status.phase == "":
            obj.status.phase = "Starting"
            return Result(requeue_after=timedelta(0))
        if obj.status.phase == "Starting":
            await ctx.client.apply(ConfigMap(metadata=ObjectMeta(name=obj.name)), owner=obj)
            obj.status.phase = "Started"
        return None


@pytest.mark.cluster(controlplane=False, crds=[Widget])
async def test_an_effect_that_the_status_must_announce_first_runs_in_a_later_reconcile_that_has_read_it_back(
    cluster: Cluster,
) -> None:
    reconciler = Announcing()
    async with cluster.running(Controller(Widget, reconciler, owns=[ConfigMap])):
        await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
        await cluster.settled()
    # Each reconcile saw in its cache what the server has: the announcement was there before the effect.
    assert [cached for cached, _ in reconciler.runs][:2] == ["", "Starting"]
    assert all(cached == live for cached, live in reconciler.runs)
    writes = [f"{r.verb} {r.path.rsplit('/', 2)[-2]}" for r in cluster.requests if r.verb in ("patch", "update")]
    assert writes[:2] == ["update a", "patch configmaps"]


@pytest.mark.cluster(controlplane=False, crds=[Widget])
async def test_an_effect_does_not_run_while_the_announcement_cannot_be_written(cluster: Cluster) -> None:
    reconciler = Announcing()
    rule = cluster.faults.add(Fault.status(500), verb="update", resource="widgets/status")
    async with cluster.running(Controller(Widget, reconciler, owns=[ConfigMap])):
        await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
        await cluster.advance(seconds=60)
        assert reconciler.runs
        assert {cached for cached, _ in reconciler.runs} == {""}
        assert not await cluster.client.list(ConfigMap, namespace="default", fields="metadata.name=a")
        cluster.faults.remove(rule)
        await cluster.advance(seconds=600)
        await cluster.client.get(ConfigMap, "a", namespace="default")


class Quiet(Resource, group="example.dev", version="v1", status_subresource=True):
    """A kind whose status is no StatusBase."""

    class Status(Model):
        seen: int = 0

    status: Status = Status()


class Silent(Resource, group="example.dev", version="v1"):
    """A kind with a status and nowhere to write it to."""

    status: StatusBase = StatusBase()


@pytest.mark.cluster(controlplane=False, crds=[Quiet])
async def test_a_status_of_any_model_is_written(cluster: Cluster) -> None:
    class Counting(Reconciler[Quiet]):
        async def reconcile(self, obj: Quiet, ctx: Context) -> None:
            obj.status.seen = max(obj.status.seen, 1)

    await cluster.client.create(Quiet(metadata=ObjectMeta(name="a", namespace="default")))
    async with cluster.running(Controller(Quiet, Counting())):
        await cluster.settled()
    assert (await cluster.client.get(Quiet, "a", namespace="default")).status.seen == 1


@pytest.mark.cluster(controlplane=False, crds=[Silent])
async def test_a_status_that_cannot_be_written_for_want_of_a_subresource_is_no_secret(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    class Ready(Reconciler[Silent]):
        async def reconcile(self, obj: Silent, ctx: Context) -> None:
            obj.status.set_condition("Ready", True, reason="R")

    await cluster.client.create(Silent(metadata=ObjectMeta(name="a", namespace="default")))
    async with cluster.running(Controller(Silent, Ready())):
        await cluster.settled()
    assert "its CRD has no status subresource" in caplog.text


@pytest.mark.cluster(controlplane=False, crds=[Widget])
async def test_a_status_conflict_on_a_real_server_follows_the_rule(cluster: Cluster) -> None:
    class Racing(Reconciler[Widget]):
        async def reconcile(self, obj: Widget, ctx: Context) -> None:
            sizes.append(obj.spec.size)
            if len(sizes) == 1:  # metadata alone: the same status is written to the fresh object
                patch = MergePatch({"metadata": {"labels": {"by": "another"}}})
                await cluster.client.patch(Widget, obj.name, patch, namespace=obj.namespace)
            if len(sizes) == 2:  # the spec: reconciled again
                patch = MergePatch({"spec": {"size": 5}})
                await cluster.client.patch(Widget, obj.name, patch, namespace=obj.namespace)
            obj.status.made = obj.spec.size

    sizes: list[int] = []
    await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default"), spec=WidgetSpec(size=3)))
    async with cluster.running(Controller(Widget, Racing(), predicates=[predicates.generation_changed])):
        await cluster.settled()
        live = await cluster.client.get(Widget, "a", namespace="default")
        assert (live.status.made, live.metadata.labels) == (3, {"by": "another"})
        await cluster.client.patch(Widget, "a", MergePatch({"spec": {"size": 4}}), namespace="default")
        await cluster.settled()
        live = await cluster.client.get(Widget, "a", namespace="default")
    assert live.status.made == 5


@pytest.mark.cluster(controlplane=False, crds=[Widget])
async def test_a_status_of_a_kind_without_a_model_is_written(cluster: Cluster) -> None:
    class Counting(Reconciler[AnyResource]):
        async def reconcile(self, obj: AnyResource, ctx: Context) -> None:
            obj.status["made"] = 5

    kind = AnyResource.of("example.dev/v1", "Widget")
    await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
    async with cluster.running(Controller(kind, Counting())):
        await cluster.settled()
    assert (await cluster.client.get(Widget, "a", namespace="default")).status.made == 5
    assert sum(r.verb == "update" for r in cluster.requests) == 1


@pytest.mark.server_from("1.34", "lists are streamed, so that the second frame of a watch is the end of the list")
@pytest.mark.cluster(controlplane=False, crds=[Widget])
async def test_an_object_that_the_server_says_is_gone_is_not_reconciled_again_though_the_cache_shows_it(
    cluster: Cluster,
) -> None:
    class Parent(Reconciler[Widget]):
        async def reconcile(self, obj: Widget, ctx: Context) -> None:
            calls.append(obj.uid)
            await ctx.client.apply(ConfigMap(metadata=ObjectMeta(name="child")), owner=obj)
            if len(calls) == 1:
                await cluster.client.delete(Widget, "a", namespace="default")
            obj.status.phase = "Ready"

    calls: list[str | None] = []
    old = await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
    silence = cluster.faults.add(Fault.silence(after=2), verb="watch", resource=Widget)
    async with cluster.running(Controller(Widget, Parent(), owns=[ConfigMap])):
        await cluster.advance(seconds=10)
        # As the garbage collector does it; the child's end calls its owner.
        await cluster.client.delete(ConfigMap, "child", namespace="default")
        await cluster.advance(seconds=10)
        assert calls == [old.uid]
        assert not await cluster.client.list(ConfigMap, namespace="default", fields="metadata.name=child")

        cluster.faults.remove(silence)
        cluster.faults.cut_watches(resource=Widget)
        new = await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
        await cluster.advance(minutes=1)
        assert new.uid in calls

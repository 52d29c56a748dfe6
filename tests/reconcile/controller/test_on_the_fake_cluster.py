"""The runtime against an API server with all its rules."""

from datetime import timedelta

import pytest

from kubernaut.client import MergePatch, NotFound
from kubernaut.reconcile import Context, Controller, Owns, Reconciler, Request, RequestReconciler, Result, Watch
from kubernaut.resources import ObjectMeta, set_controller_reference
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace, Secret
from kubernaut.testing import Cluster
from tests.reconcile.widgets import Widget, WidgetSpec


class Maker(Reconciler[Widget]):
    finalizer = "example.dev/widget"

    def __init__(self) -> None:
        self.finalized = 0

    async def reconcile(self, obj: Widget, ctx: Context) -> Result | None:
        child = ConfigMap(metadata=ObjectMeta(name=obj.name), data={"size": str(obj.spec.size)})
        await ctx.client.apply(child, owner=obj)
        obj.status.phase = f"size {obj.spec.size}"
        obj.status.set_condition("Ready", True, reason="Applied")
        ctx.events.event(obj, "Applied", "the child is there")
        return Result(requeue_after=timedelta(minutes=5))

    async def finalize(self, obj: Widget, ctx: Context) -> Result | None:
        self.finalized += 1
        return None


@pytest.mark.cluster(controlplane=False, crds=[Widget])
async def test_a_controller_heals_updates_and_finalizes(cluster: Cluster) -> None:
    maker, client = Maker(), cluster.client
    async with cluster.running(Controller(Widget, maker, owns=[ConfigMap])):
        await client.create(Widget(metadata=ObjectMeta(name="a", namespace="default"), spec=WidgetSpec(size=3)))
        await cluster.advance(seconds=60)
        widget = await client.get(Widget, "a", namespace="default")
        assert widget.status.phase == "size 3"
        assert widget.metadata.finalizers == ["example.dev/widget"]
        await client.delete(ConfigMap, "a", namespace="default")
        await cluster.advance(seconds=5)
        await client.get(ConfigMap, "a", namespace="default")
        await client.patch(Widget, "a", MergePatch({"spec": {"size": 4}}), namespace="default")
        await cluster.advance(seconds=5)
        assert (await client.get(ConfigMap, "a", namespace="default")).data == {"size": "4"}
        assert (await client.get(Widget, "a", namespace="default")).status.observed_generation == 2
        await client.delete(Widget, "a", namespace="default")
        await cluster.advance(seconds=5)
        with pytest.raises(NotFound):
            await client.get(Widget, "a", namespace="default")
    assert maker.finalized == 1


class Seen(RequestReconciler):
    """Notes the keys it is called for."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def reconcile(self, request: Request, ctx: Context) -> Result | None:
        self.calls.append(str(request))
        return None


def labelled(name: str, value: str) -> MergePatch:
    return MergePatch({"metadata": {"labels": {name: value}}})


@pytest.mark.cluster(controlplane=False, crds=[Widget])
async def test_a_reconcile_follows_each_change_of_an_object_and_of_what_it_owns(cluster: Cluster) -> None:
    seen, client = Seen(), cluster.client

    async def calls() -> list[str]:
        await cluster.settled()
        found, seen.calls = seen.calls, []
        return found

    async with cluster.running(Controller(Widget, seen, namespace="default", owns=[ConfigMap])):
        owner = await client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))
        assert await calls() == ["default/a"]
        await client.patch(Widget, "a", labelled("foo", "bar"), namespace="default")
        assert await calls() == ["default/a"]
        child = ConfigMap(metadata=ObjectMeta(name="child", namespace="default"))
        set_controller_reference(child, owner)
        await client.create(child)
        assert await calls() == ["default/a"]
        await client.patch(ConfigMap, "child", labelled("foo", "bar"), namespace="default")
        assert await calls() == ["default/a"]
        await client.delete(ConfigMap, "child", namespace="default")
        assert await calls() == ["default/a"]
        await client.delete(Widget, "a", namespace="default")
        assert await calls() == ["default/a"]
        await client.create(Widget(metadata=ObjectMeta(name="b", namespace="kube-system")))
        assert await calls() == []


@pytest.mark.cluster(controlplane=False, crds=[Widget])
async def test_own_owned_and_watched_kinds_may_all_be_watched_as_metadata_alone(cluster: Cluster) -> None:
    class Heads(Seen):
        async def reconcile(self, request: Request, ctx: Context) -> Result | None:
            head = ctx.cache.head(Widget, request.name, request.namespace)
            children = ctx.cache.heads(ConfigMap, request.namespace)
            others = ctx.cache.heads(Secret, request.namespace)
            self.calls.append(f"{head.name} {len(children)} {len(others)}")
            return None

    heads, second, client = Heads(), Seen(), cluster.client
    # Not `default`, where clusters keep a ConfigMap and, the older ones, a Secret of their own.
    await client.create(Namespace(metadata=ObjectMeta(name="shop")))
    owner = await client.create(Widget(metadata=ObjectMeta(name="a", namespace="shop")))
    controller = Controller(
        Widget,
        heads,
        metadata_only=True,
        namespace="shop",
        owns=[Owns(ConfigMap, metadata_only=True)],
        watches=[Watch(Secret, to=lambda head: [Request("shop", "a")], metadata_only=True)],
    )
    other = Controller(Widget, second, name="second", metadata_only=True, namespace="shop")
    before = len(cluster.requests)
    async with cluster.running(controller, other):
        child = ConfigMap(metadata=ObjectMeta(name="child", namespace="shop"))
        set_controller_reference(child, owner)
        await client.create(child)
        await cluster.settled()
        await client.create(Secret(metadata=ObjectMeta(name="s", namespace="shop")))
        await cluster.settled()
    assert heads.calls[-1] == "a 1 1"
    assert second.calls == ["shop/a"]
    # Servers before 1.32 refuse the first one, which asks for a streaming list.
    watches = [r.path for r in cluster.requests[before:] if r.verb == "watch" and r.code == 200]
    assert len(watches) == len(set(watches))

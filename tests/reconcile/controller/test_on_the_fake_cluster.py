"""The runtime against the in-memory API server."""

import asyncio
from datetime import timedelta

import pytest

from kubernaut.client import MergePatch, NotFound
from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Context, Controller, Reconciler, Result
from kubernaut.resources import ObjectMeta, crd_for
from kubernaut.resources.builtin.core_v1 import ConfigMap
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


@pytest.mark.virtual_time
async def test_a_controller_heals_updates_and_finalizes() -> None:
    maker = Maker()
    async with FakeCluster(controlplane=False) as cluster:
        client = cluster.client
        await client.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body=crd_for(Widget))
        async with cluster.running(Controller(Widget, maker, owns=[ConfigMap])):
            await client.create(Widget(metadata=ObjectMeta(name="a", namespace="default"), spec=WidgetSpec(size=3)))
            await asyncio.sleep(60)
            widget = await client.get(Widget, "a", namespace="default")
            assert widget.status.phase == "size 3"
            assert widget.metadata.finalizers == ["example.dev/widget"]
            await client.delete(ConfigMap, "a", namespace="default")
            await asyncio.sleep(5)
            await client.get(ConfigMap, "a", namespace="default")
            await client.patch(Widget, "a", MergePatch({"spec": {"size": 4}}), namespace="default")
            await asyncio.sleep(5)
            assert (await client.get(ConfigMap, "a", namespace="default")).data == {"size": "4"}
            assert (await client.get(Widget, "a", namespace="default")).status.observed_generation == 2
            await client.delete(Widget, "a", namespace="default")
            await asyncio.sleep(5)
            with pytest.raises(NotFound):
                await client.get(Widget, "a", namespace="default")
    assert maker.finalized == 1

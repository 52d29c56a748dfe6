"""An apply that would change nothing is not sent."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from kubernaut.client import ApiError, Client, MergePatch, ObjectHead, TransportError
from kubernaut.reconcile import Cache, Context, Controller, Reconciler, Request, Result, Watch
from kubernaut.reconcile.running.applied import AppliedMemory
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import Cluster, Fault
from tests.reconcile.server import Server
from tests.reconcile.widgets import Widget, WidgetSpec

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(controlplane=False, crds=[Widget])]


class Maker(Reconciler[Widget]):
    """Applies one ConfigMap, every minute."""

    def __init__(self) -> None:
        self.answers: list[ConfigMap] = []

    async def reconcile(self, obj: Widget, ctx: Context) -> Result:
        child = ConfigMap(metadata=ObjectMeta(name=obj.name), data={"size": str(obj.spec.size)})
        self.answers.append(await ctx.client.apply(child, owner=obj))
        return Result(requeue_after=timedelta(minutes=1))


def applies(cluster: Cluster) -> int:
    return sum(r.verb == "patch" and "/configmaps/" in r.path for r in cluster.requests)


async def start(cluster: Cluster) -> Widget:
    return await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default")))


async def test_a_settled_world_costs_no_requests(cluster: Cluster) -> None:
    maker = Maker()
    await start(cluster)
    async with cluster.running(Controller(Widget, maker, owns=[ConfigMap])):
        await cluster.settled()
        before = len([r for r in cluster.requests if r.verb != "watch"])
        await cluster.advance(hours=1)
        assert len([r for r in cluster.requests if r.verb != "watch"]) == before
    assert len(maker.answers) > 60
    assert applies(cluster) == 1


async def test_an_apply_that_is_left_out_answers_the_object_as_it_is(cluster: Cluster) -> None:
    maker = Maker()
    await start(cluster)
    async with cluster.running(Controller(Widget, maker, owns=[ConfigMap])):
        await cluster.advance(minutes=2)
    first, last = maker.answers[0], maker.answers[-1]
    assert last.to_dict() == first.to_dict()
    assert last is not first


async def test_an_apply_is_sent_when_what_is_wanted_changed(cluster: Cluster) -> None:
    await start(cluster)
    async with cluster.running(Controller(Widget, Maker(), owns=[ConfigMap])):
        await cluster.settled()
        await cluster.client.patch(Widget, "a", MergePatch({"spec": {"size": 9}}), namespace="default")
        await cluster.settled()
        assert (await cluster.client.get(ConfigMap, "a", namespace="default")).data == {"size": "9"}
    assert applies(cluster) == 2


async def test_an_apply_is_sent_when_somebody_else_changed_the_object(cluster: Cluster) -> None:
    await start(cluster)
    async with cluster.running(Controller(Widget, Maker(), owns=[ConfigMap])):
        await cluster.settled()
        await cluster.client.patch(ConfigMap, "a", MergePatch({"data": {"size": "0"}}), namespace="default")
        await cluster.settled()
        assert (await cluster.client.get(ConfigMap, "a", namespace="default")).data == {"size": "1"}


async def test_an_apply_is_sent_when_the_object_was_deleted_and_made_anew(cluster: Cluster) -> None:
    await start(cluster)
    async with cluster.running(Controller(Widget, Maker(), owns=[ConfigMap])):
        await cluster.settled()
        await cluster.client.delete(ConfigMap, "a", namespace="default")
        await cluster.client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default")))
        await cluster.settled()
        assert (await cluster.client.get(ConfigMap, "a", namespace="default")).data == {"size": "1"}


async def test_an_apply_to_what_nothing_watches_is_always_sent(cluster: Cluster) -> None:
    await start(cluster)
    async with cluster.running(Controller(Widget, Maker())):
        await cluster.advance(minutes=5)
    assert applies(cluster) >= 5


async def test_another_field_manager_is_another_apply(cluster: Cluster) -> None:
    class Twice(Reconciler[Widget]):
        async def reconcile(self, obj: Widget, ctx: Context) -> None:
            for manager in ("one", "two", "one", "two"):
                child = ConfigMap(metadata=ObjectMeta(name=obj.name, namespace="default"), data={"x": "y"})
                await ctx.client.managing_as(manager).apply(child)
                await asyncio.sleep(1)

    await start(cluster)
    async with cluster.running(Controller(Widget, Twice(), owns=[ConfigMap])):
        await cluster.settled()
    # The first manager's second apply is sent, because the second's first one moved the version.
    assert applies(cluster) == 3


async def test_a_plain_client_sends_every_apply(cluster: Cluster) -> None:
    for _ in range(3):
        await cluster.client.apply(ConfigMap(metadata=ObjectMeta(name="x", namespace="default"), data={"a": "b"}))
    assert applies(cluster) == 3


async def test_a_dry_run_is_sent(cluster: Cluster) -> None:
    class Dry(Reconciler[Widget]):
        async def reconcile(self, obj: Widget, ctx: Context) -> None:
            child = ConfigMap(metadata=ObjectMeta(name=obj.name, namespace="default"), data={"x": str(obj.spec.size)})
            for dry in (False, True, True):
                await ctx.client.apply(child, dry_run=dry)
                await asyncio.sleep(1)

    await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="default"), spec=WidgetSpec(size=2)))
    async with cluster.running(Controller(Widget, Dry(), owns=[ConfigMap])):
        await cluster.advance(seconds=4)
    assert applies(cluster) >= 3


class Undone(Reconciler[Widget]):
    """Applies a ConfigMap twice, and lets `undo` change it in between, before the cache shows that."""

    def __init__(self, undo: Callable[[Context], Awaitable[object]]) -> None:
        self._undo = undo
        self._calls = 0

    async def reconcile(self, obj: Widget, ctx: Context) -> Result | None:
        self._calls += 1
        child = ConfigMap(metadata=ObjectMeta(name="a", namespace="default"), data={"x": "y"})
        await ctx.client.apply(child)
        if self._calls == 1:
            return Result(requeue_after=timedelta(seconds=5))
        with suppress(ApiError):
            await self._undo(ctx)
        await ctx.client.apply(child)
        return None


def nobody(head: ObjectHead) -> list[Request]:
    return []


UNDOING: dict[str, Callable[[Context], Awaitable[object]]] = {
    "a deletion": lambda ctx: ctx.client.delete(ConfigMap, "a", namespace="default"),
    "a patch": lambda ctx: ctx.client.patch(ConfigMap, "a", MergePatch({"data": {"x": "z"}}), namespace="default"),
    "an update": lambda ctx: ctx.client.update(
        ConfigMap(metadata=ObjectMeta(name="a", namespace="default"), data={"x": "z"})
    ),
    "another apply": lambda ctx: ctx.client.apply(
        ConfigMap(metadata=ObjectMeta(name="a", namespace="default"), data={"x": "z"})
    ),
    "an apply by another manager": lambda ctx: ctx.client.managing_as("other").apply(
        ConfigMap(metadata=ObjectMeta(name="a", namespace="default"), data={"x": "z"})
    ),
}


@pytest.mark.parametrize("how", UNDOING)
async def test_an_apply_is_sent_after_this_process_wrote_the_object_otherwise(cluster: Cluster, how: str) -> None:
    await start(cluster)
    async with cluster.running(Controller(Widget, Undone(UNDOING[how]), watches=[Watch(ConfigMap, to=nobody)])):
        await cluster.advance(minutes=1)
    assert (await cluster.client.get(ConfigMap, "a", namespace="default")).data == {"x": "y"}


async def test_an_apply_is_sent_after_a_deletion_whose_answer_was_lost(cluster: Cluster) -> None:
    async def undo(ctx: Context) -> None:
        cluster.faults.add(Fault.answer_lost(), verb="delete", times=1)
        with suppress(TransportError):
            await ctx.client.delete(ConfigMap, "a", namespace="default")

    await start(cluster)
    async with cluster.running(Controller(Widget, Undone(undo), watches=[Watch(ConfigMap, to=nobody)])):
        await cluster.advance(minutes=1)
    assert (await cluster.client.get(ConfigMap, "a", namespace="default")).data == {"x": "y"}


def test_an_apply_that_another_write_overtook_is_not_remembered() -> None:
    memory = AppliedMemory(Cache(Client(Server())))
    which = (ConfigMap.resource_type, "default", "a")
    memory.unchanged(*which, "m", b"1")
    memory.forget(*which)
    memory.applied(*which, "m", b"1", ObjectHead(name="a", namespace="default", uid="u", resource_version="5"))
    assert not memory._applied

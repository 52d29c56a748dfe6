"""A child that another owner's uid controls is never adopted."""

import asyncio
from typing import Any

import pytest

from kubernaut.client import Forbidden, Invalid
from kubernaut.reconcile import Context, Controller, Owns, Reconciler
from kubernaut.resources import ObjectMeta, OwnershipError, Resource, set_controller_reference
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import Cluster, Fault
from tests.reconcile.widgets import Widget

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(controlplane=False, crds=[Widget])]


class Maker(Reconciler[Widget]):
    """Applies the ConfigMap `child` for every Widget."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.applied: list[str | None] = []

    async def reconcile(self, obj: Widget, ctx: Context) -> None:
        child = ConfigMap(metadata=ObjectMeta(name="child"), data={"by": obj.uid or ""})
        try:
            await ctx.client.apply(child, owner=obj)
        except Invalid as error:
            self.errors.append(str(error))
            raise
        self.applied.append(obj.uid)


async def make(cluster: Cluster, name: str = "a") -> str:
    made = await cluster.client.create(Widget(metadata=ObjectMeta(name=name, namespace="default")))
    return made.uid or ""


async def controllers(cluster: Cluster) -> list[str]:
    child = await cluster.client.get(ConfigMap, "child", namespace="default")
    return [owner.uid for owner in child.metadata.owner_references if owner.controller]


def metadata_reads(cluster: Cluster) -> int:
    return sum(r.verb == "get" and r.path.endswith("/configmaps/child") for r in cluster.requests)


async def test_a_child_that_another_object_controls_is_refused_and_keeps_its_owner(cluster: Cluster) -> None:
    first, maker = await make(cluster, "a"), Maker()
    async with cluster.running(Controller(Widget, maker, owns=[ConfigMap])):
        await cluster.settled()
        await make(cluster, "b")
        await cluster.settled()
        assert await controllers(cluster) == [first]
    assert "is not adopted by Widget b" in maker.errors[0]


async def test_a_child_that_another_program_gave_its_owner_is_refused_by_the_server(cluster: Cluster) -> None:
    first = await make(cluster, "a")
    owner = await cluster.client.get(Widget, "a", namespace="default")
    await cluster.client.managing_as("other").apply(ConfigMap(metadata=ObjectMeta(name="child")), owner=owner)
    second = await cluster.client.create(Widget(metadata=ObjectMeta(name="b", namespace="default")))
    with pytest.raises(Invalid, match="ownerReferences"):
        await cluster.client.apply(ConfigMap(metadata=ObjectMeta(name="child")), owner=second)
    assert await controllers(cluster) == [first]


@pytest.mark.parametrize(
    "owns", [[ConfigMap], [Owns(ConfigMap, metadata_only=True)], [], [Owns(ConfigMap, labels="x=y")]]
)
async def test_an_owner_deleted_and_made_anew_does_not_take_over_the_children_of_the_old_one(
    cluster: Cluster, owns: list[Any]
) -> None:
    first, maker = await make(cluster), Maker()
    async with cluster.running(Controller(Widget, maker, owns=owns)):
        await cluster.settled()
        assert await controllers(cluster) == [first]
        await cluster.client.delete(Widget, "a", namespace="default")
        second = await make(cluster)
        await cluster.settled()
        assert await controllers(cluster) == [first]
        assert first in maker.errors[0]
        assert second in maker.errors[0]
        # The garbage collector would do this: an owner of that uid is no more.
        await cluster.client.delete(ConfigMap, "child", namespace="default")
        await cluster.advance(minutes=5)
        assert await controllers(cluster) == [second]


@pytest.mark.cluster(controlplane=True, crds=[Widget])
async def test_with_a_garbage_collector_the_new_owner_gets_a_child_of_its_own(cluster: Cluster) -> None:
    first, maker = await make(cluster), Maker()
    async with cluster.running(Controller(Widget, maker, owns=[ConfigMap])):
        await cluster.settled()
        before = await cluster.client.get(ConfigMap, "child", namespace="default")
        await cluster.client.delete(Widget, "a", namespace="default")
        second = await make(cluster)
        await cluster.advance(minutes=5)
        after = await cluster.client.get(ConfigMap, "child", namespace="default")
    assert first != second
    assert before.uid != after.uid
    assert after.data == {"by": second}


async def test_after_a_restart_the_old_owners_children_are_not_taken_over_either(cluster: Cluster) -> None:
    first = await make(cluster)
    async with cluster.running(Controller(Widget, Maker(), owns=[ConfigMap])):
        await cluster.settled()
    await cluster.client.delete(Widget, "a", namespace="default")
    await make(cluster)
    maker = Maker()
    async with cluster.running(Controller(Widget, maker, owns=[ConfigMap])):
        await cluster.settled()
        assert await controllers(cluster) == [first]
    assert maker.errors


@pytest.mark.parametrize("owns", [[ConfigMap], []])
async def test_an_object_that_nobody_controls_is_adopted(cluster: Cluster, owns: list[Any]) -> None:
    loose = ConfigMap(metadata=ObjectMeta(name="child", namespace="default"), data={"kept": "yes"})
    await cluster.client.create(loose)
    uid = await make(cluster)
    async with cluster.running(Controller(Widget, Maker(), owns=owns)):
        await cluster.settled()
    assert await controllers(cluster) == [uid]
    assert (await cluster.client.get(ConfigMap, "child", namespace="default")).data == {"kept": "yes", "by": uid}


async def test_owner_references_are_set_idempotently(cluster: Cluster) -> None:
    class Twice(Reconciler[Widget]):
        async def reconcile(self, obj: Widget, ctx: Context) -> None:
            for number in range(3):
                child = ConfigMap(metadata=ObjectMeta(name="child"), data={"n": str(number)})
                await ctx.client.apply(child, owner=obj)
                await asyncio.sleep(1)

    uid = await make(cluster)
    async with cluster.running(Controller(Widget, Twice())):
        await cluster.advance(minutes=1)
    child = await cluster.client.get(ConfigMap, "child", namespace="default")
    [owner] = child.metadata.owner_references
    assert (owner.uid, owner.controller, owner.block_owner_deletion) == (uid, True, True)
    # What nothing watches is looked up once for each owner, not at every apply.
    assert metadata_reads(cluster) == 2


async def test_a_child_that_is_watched_costs_no_look_up(cluster: Cluster) -> None:
    await make(cluster)
    async with cluster.running(Controller(Widget, Maker(), owns=[ConfigMap])):
        await cluster.settled()
    assert metadata_reads(cluster) == 0


async def test_a_child_applied_a_moment_ago_is_not_taken_over_by_another_owner(cluster: Cluster) -> None:
    first, maker = await make(cluster, "a"), Maker()
    await make(cluster, "b")
    # The cache shows the child when its watch does, and b is reconciled before that.
    cluster.faults.add(Fault.lag(1), resource=ConfigMap)
    async with cluster.running(Controller(Widget, maker, owns=[ConfigMap])):
        await cluster.advance(minutes=5)
        assert await controllers(cluster) == [first]
    assert all("is not adopted by Widget b" in error for error in maker.errors)


@pytest.mark.parametrize("owns", [[ConfigMap], []])
async def test_two_owners_that_apply_one_child_at_once_do_not_take_it_from_each_other(
    cluster: Cluster, owns: list[Any]
) -> None:
    maker = Maker()
    for name in ("a", "b", "c"):
        await make(cluster, name)
    cluster.faults.add(Fault.delay(1), verb="apply", resource=ConfigMap)
    async with cluster.running(Controller(Widget, maker, owns=owns, max_concurrent=3)):
        await cluster.advance(minutes=5)
        assert dict.fromkeys(maker.applied) == dict.fromkeys(await controllers(cluster))


async def test_applies_without_an_owner_are_none_of_its_business(cluster: Cluster) -> None:
    class Plain(Reconciler[Widget]):
        async def reconcile(self, obj: Widget, ctx: Context) -> None:
            child = ConfigMap(metadata=ObjectMeta(name="child", namespace="default"), data={"x": "y"})
            await ctx.client.apply(child)

    await make(cluster)
    async with cluster.running(Controller(Widget, Plain())):
        await cluster.settled()
    assert metadata_reads(cluster) == 0
    assert await controllers(cluster) == []


async def test_a_look_up_that_is_refused_is_the_error_of_the_apply(cluster: Cluster) -> None:
    class Noting(Reconciler[Widget]):
        async def reconcile(self, obj: Widget, ctx: Context) -> None:
            try:
                await ctx.client.apply(ConfigMap(metadata=ObjectMeta(name="child")), owner=obj)
            except Forbidden as error:
                errors.append(error)

    errors: list[Forbidden] = []
    cluster.faults.add(Fault.status(403), verb="get", resource=ConfigMap)
    await make(cluster)
    async with cluster.running(Controller(Widget, Noting())):
        await cluster.settled()
    assert errors
    assert not [r for r in cluster.requests if r.verb == "patch" and "configmaps" in r.path]


def test_a_reference_set_by_hand_is_set_once_and_takes_no_child_from_another_owner() -> None:
    owner = Widget(metadata=ObjectMeta(name="a", namespace="shop", uid="one"))
    child = ConfigMap(metadata=ObjectMeta(name="c", namespace="shop"))
    set_controller_reference(child, owner)
    set_controller_reference(child, owner)
    assert [reference.uid for reference in child.metadata.owner_references] == ["one"]
    anew = Widget(metadata=ObjectMeta(name="a", namespace="shop", uid="two"))
    with pytest.raises(OwnershipError, match="controlled by Widget 'a' already"):
        set_controller_reference(child, anew)


def test_a_reference_across_namespaces_is_refused() -> None:
    class Fleet(Resource, group="example.dev", version="v1", scope="Cluster", crd=False):
        pass

    owner = Widget(metadata=ObjectMeta(name="a", namespace="office", uid="one"))
    with pytest.raises(OwnershipError, match="outside its namespace"):
        set_controller_reference(ConfigMap(metadata=ObjectMeta(name="c", namespace="shop")), owner)
    with pytest.raises(OwnershipError, match="outside its namespace"):
        set_controller_reference(Fleet(metadata=ObjectMeta(name="f")), owner)
    fleet = Fleet(metadata=ObjectMeta(name="f", uid="three"))
    child = ConfigMap(metadata=ObjectMeta(name="c", namespace="shop"))
    set_controller_reference(child, fleet)
    assert child.metadata.owner_references[0].kind == "Fleet"


def test_an_owner_without_a_uid_can_own_nothing() -> None:
    with pytest.raises(OwnershipError, match="has no uid yet"):
        set_controller_reference(ConfigMap(metadata=ObjectMeta(name="c")), Widget(metadata=ObjectMeta(name="a")))

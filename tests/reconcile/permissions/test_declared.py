"""Controllers under exactly what they declare: what is refused, what it says, and that it cannot be swallowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import pytest

from kubernaut.client import ApiError, Client, Forbidden, MergePatch, NotFound, Transport
from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Context, Controller, LeaderElection, Manager, Owns, Permission, Reconciler
from kubernaut.reconcile.permissions import election_permissions, manager_permissions, permissions_of
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap, Pod, Secret
from kubernaut.testing import DeclaredTransport, Undeclared, declared
from tests.reconcile.widgets import Widget


class Reading(Reconciler[Widget]):
    """Reads a Secret that it may not have declared, and swallows what becomes of it."""

    async def reconcile(self, obj: Widget, ctx: Context) -> None:
        try:
            await ctx.client.get(Secret, "key", namespace=obj.namespace)
        except ApiError as error:
            obj.status.phase = type(error).__name__


class Busy(Reconciler[Widget]):
    """Does everything that the runtime does for a reconciler."""

    finalizer: ClassVar[str | None] = "example.dev/finalizer"

    async def reconcile(self, obj: Widget, ctx: Context) -> None:
        child = ConfigMap(metadata=ObjectMeta(name=obj.name, labels={"a": "b"}), data={"size": str(obj.spec.size)})
        await ctx.client.apply(child, owner=obj)
        obj.status.phase = "Made"
        for _ in range(2):
            ctx.events.event(obj, "Made", "it was made")


def widget(name: str = "one") -> Widget:
    return Widget(metadata=ObjectMeta(name=name, namespace="shop"))


MARK = pytest.mark.cluster(crds=[Widget], declared=True, controlplane=False)


async def shop(cluster: FakeCluster) -> None:
    await cluster.load([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}])


@MARK
async def test_a_request_outside_of_what_was_declared_fails_the_test_though_it_was_swallowed(
    cluster: FakeCluster,
) -> None:
    await shop(cluster)
    with pytest.raises(Undeclared) as raised:
        async with cluster.running(Controller(Widget, Reading())):
            await cluster.client.create(widget())
            await cluster.settled()
            assert (await cluster.client.get(Widget, "one", namespace="shop")).status.phase == "Forbidden"
    assert 'Permission(["get"], Secret, namespace="shop")' in str(raised.value)
    assert "get secrets shop/key" in str(raised.value)
    assert raised.value.missing == (Permission(["get"], Secret, namespace="shop"),)


@MARK
async def test_the_declaration_that_the_message_names_is_enough(cluster: FakeCluster) -> None:
    await shop(cluster)
    permission = Permission(["get"], Secret, namespace="shop")
    async with cluster.running(Controller(Widget, Reading(), permissions=[permission])):
        await cluster.client.create(widget())
        await cluster.settled()
        assert (await cluster.client.get(Widget, "one", namespace="shop")).status.phase == "NotFound"


@pytest.mark.cluster(crds=[Widget], controlplane=False)
async def test_without_the_option_everything_is_allowed(cluster: FakeCluster) -> None:
    await shop(cluster)
    async with cluster.running(Controller(Widget, Reading())):
        await cluster.client.create(widget())
        await cluster.settled()
    with pytest.raises(Undeclared):
        async with cluster.running(Controller(Widget, Reading()), declared=True):
            await cluster.settled()


@MARK
async def test_an_error_of_the_test_goes_first_and_has_a_note(cluster: FakeCluster) -> None:
    await shop(cluster)
    with pytest.raises(ZeroDivisionError) as raised:
        async with cluster.running(Controller(Widget, Reading())):
            await cluster.client.create(widget())
            await cluster.settled()
            raise ZeroDivisionError
    assert "Permission(" in raised.value.__notes__[0]


async def life(cluster: FakeCluster, client: Client, controller: Controller) -> None:
    """Everything that can happen to a widget, a lost race about its status included."""
    manager = Manager(client, seed=1)
    manager.add(controller)
    await cluster.client.create(widget())
    async with manager.running():
        await cluster.settled()
        await cluster.client.patch(Widget, "one", MergePatch({"spec": {"size": 2}}), namespace="shop")
        await cluster.settled()
        await cluster.client.delete(Widget, "one", namespace="shop")
        await cluster.settled()
        with pytest.raises(NotFound):
            await cluster.client.get(Widget, "one", namespace="shop")


@pytest.mark.parametrize("owned", [Owns(ConfigMap), Owns(ConfigMap, labels="a=b")], ids=["all", "some"])
@pytest.mark.parametrize("namespace", [None, "shop"])
@pytest.mark.cluster(crds=[Widget], controlplane=False)
async def test_the_runtime_sends_what_is_derived_and_uses_all_of_it(
    cluster: FakeCluster, namespace: str | None, owned: Owns
) -> None:
    await shop(cluster)
    controller = Controller(Widget, Busy(), owns=[owned], namespace=namespace)
    client, limit = limited(cluster.client, permissions_of(controller))
    await life(cluster, client, controller)
    limit.check()
    # A streaming list is a watch: `list` is for servers without.
    assert [permission for permission in limit.unused if tuple(permission.verbs) != ("list",)] == []


@pytest.mark.cluster(crds=[Widget], controlplane=False)
async def test_without_any_one_of_the_derived_rights_something_is_refused(cluster: FakeCluster) -> None:
    await shop(cluster)
    controller = Controller(Widget, Busy(), owns=[ConfigMap])
    everything = permissions_of(controller)
    for number, permission in enumerate(everything):
        if "list" in permission.verbs:
            continue  # without its informers nothing starts at all
        with pytest.raises(Undeclared), declared(cluster.client, everything[:number] + everything[number + 1 :]) as few:
            manager = Manager(few, seed=1)
            manager.add(controller)
            await cluster.client.create(widget(f"number-{number}"))
            async with manager.running():
                await cluster.settled()
                await cluster.client.delete(Widget, f"number-{number}", namespace="shop")
                await cluster.advance(seconds=30)


def limited(client: Client, permissions: Iterable[Permission]) -> tuple[Client, DeclaredTransport]:
    """A client that may do so much, and what counts it."""
    made: list[DeclaredTransport] = []

    def limit(inner: Transport) -> DeclaredTransport:
        made.append(DeclaredTransport(inner, permissions))
        return made[0]

    return client.through(limit), made[0]


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.cluster(controlplane=False)
async def test_an_election_needs_what_is_derived_and_uses_all_of_it(cluster: FakeCluster, shards: int) -> None:
    config = LeaderElection("w", namespace="default", shards=shards)
    client, limit = limited(cluster.client, election_permissions(config, "default"))
    one, two = (Manager(client, name=f"m{seed}", seed=seed, leader_election=config) for seed in (1, 2))
    async with one.running():
        await cluster.advance(seconds=30)
        async with two.running():
            await cluster.advance(seconds=60)
        await cluster.advance(seconds=60)  # what two had is one's again
    limit.check()
    assert limit.unused == []


@pytest.mark.cluster(controlplane=False)
async def test_an_apply_needs_create_only_where_the_object_is_new(cluster: FakeCluster) -> None:
    config = ConfigMap(metadata=ObjectMeta(name="c", namespace="default"), data={"a": "1"})
    with declared(cluster.client, [Permission(["patch"], ConfigMap, namespace="default")]) as client:
        await cluster.client.create(config)
        await client.apply(config)
    with pytest.raises(Undeclared, match=r'Permission\(\["create"\], ConfigMap, namespace="default"\)'):  # noqa: SIM117
        with declared(cluster.client, [Permission(["patch"], ConfigMap)]) as client:
            with pytest.raises(Forbidden, match="Permission"):
                await client.apply(ConfigMap(metadata=ObjectMeta(name="new", namespace="default")))


@pytest.mark.cluster(controlplane=False)
async def test_a_list_that_selects_one_name_is_covered_by_that_name(cluster: FakeCluster) -> None:
    with declared(cluster.client, [Permission(["list"], Pod, namespace="default", names=["web"])]) as client:
        await client.list(Pod, namespace="default", fields="metadata.name=web")
    with pytest.raises(Undeclared), declared(cluster.client, []) as client, pytest.raises(Forbidden):
        await client.list(Pod, namespace="default")


@pytest.mark.cluster(controlplane=False)
async def test_what_every_user_may_do_needs_no_declaration(cluster: FakeCluster) -> None:
    with declared(cluster.client, []) as client:
        for path in ("/version", "/apis", "/apis/apps/v1", "/healthz", "/openapi/v2"):
            await client.request("GET", path)
        body = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
        await client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)


def test_a_manager_needs_what_its_controllers_need() -> None:
    one, two = Controller(Widget, Busy()), Controller(Widget, Reading(), name="two")
    assert manager_permissions([one, two]) == [*permissions_of(one), *permissions_of(two)]

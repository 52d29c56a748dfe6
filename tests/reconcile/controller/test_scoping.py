"""A controller reconciles and reads what its own selectors and namespaces select, whatever others watch."""

import pytest

from kubernaut.reconcile import Context, Controller, NotCached, Reconciler, Request, Watch
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace
from kubernaut.testing import Cluster
from tests.reconcile.widgets import Widget

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(controlplane=False, crds=[Widget])]


class Seen(Reconciler[Widget]):
    def __init__(self) -> None:
        self.names: list[str] = []
        self.lists: list[list[str]] = []

    async def reconcile(self, obj: Widget, ctx: Context) -> None:
        self.names.append(obj.name)
        self.lists.append([one.name for one in ctx.cache.list(Widget)])


async def with_child(cluster: Cluster, name: str, **labels: str) -> None:
    """A widget with a ConfigMap of its own."""
    made = await cluster.client.create(Widget(metadata=ObjectMeta(name=name, namespace="default", labels=labels)))
    await cluster.client.apply(ConfigMap(metadata=ObjectMeta(name=name)), owner=made)


async def test_labels_keep_other_objects_out_where_another_controller_watches_all(cluster: Cluster) -> None:
    prod, audit = Seen(), Seen()
    async with cluster.running(
        Controller(Widget, prod, name="prod", labels="env=prod", owns=[ConfigMap]),
        Controller(Widget, audit, name="audit"),
    ):
        await with_child(cluster, "dev")
        await with_child(cluster, "live", env="prod")
        await cluster.settled()
    assert set(prod.names) == {"live"}
    assert set(audit.names) == {"dev", "live"}


async def test_controllers_that_share_a_kind_by_labels_do_not_get_each_others_objects(cluster: Cluster) -> None:
    x, y = Seen(), Seen()
    async with cluster.running(
        Controller(Widget, x, name="x", labels="class=x", owns=[ConfigMap]),
        Controller(Widget, y, name="y", labels="class=y", owns=[ConfigMap]),
    ):
        await with_child(cluster, "of-x", **{"class": "x"})
        await with_child(cluster, "of-y", **{"class": "y"})
        await cluster.settled()
    assert (set(x.names), set(y.names)) == ({"of-x"}, {"of-y"})


async def test_a_controller_lists_its_kind_as_its_own_labels_select(cluster: Cluster) -> None:
    prod = Seen()
    await with_child(cluster, "dev")
    await with_child(cluster, "live", env="prod")
    async with cluster.running(
        Controller(Widget, prod, name="prod", labels="env=prod"), Controller(Widget, Seen(), name="audit")
    ):
        await cluster.settled()
    assert prod.lists[-1] == ["live"]


async def test_a_request_for_another_namespace_than_the_controllers_is_left_out(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen()
    to_all = Watch(Namespace, to=lambda head: [Request(head.name, "w")])
    async with cluster.running(
        Controller(Widget, seen, name="one", namespace=["default"], watches=[to_all]),
        Controller(Widget, Seen(), name="audit"),
    ):
        await cluster.client.create(Namespace(metadata=ObjectMeta(name="other")))
        await cluster.client.create(Widget(metadata=ObjectMeta(name="w", namespace="other")))
        await cluster.settled()
    assert seen.names == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_the_selective_watch_of_another_controller_is_no_answer(cluster: Cluster) -> None:
    class Reader(Reconciler[Widget]):
        async def reconcile(self, obj: Widget, ctx: Context) -> None:
            with pytest.raises(NotCached):
                ctx.cache.get(ConfigMap, "w", "default")
            with pytest.raises(NotCached):
                ctx.cache.list(ConfigMap)
            read.append(obj.name)

    class Idle:
        async def reconcile(self, request: Request, ctx: Context) -> None:
            return None

    read: list[str] = []
    await with_child(cluster, "w")
    async with cluster.running(Controller(Widget, Reader()), Controller(ConfigMap, Idle(), labels="a=b")):
        await cluster.settled()
    assert set(read) == {"w"}


async def test_one_index_name_for_two_functions_of_a_kind_is_refused(cluster: Cluster) -> None:
    def first(one: Widget) -> list[str]:
        return [one.name]

    def second(one: Widget) -> list[str]:
        return [str(one.spec.size)]

    with pytest.raises(ValueError, match=r"first.*second"):
        async with cluster.running(
            Controller(Widget, Seen(), name="a", indexes={"x": first}),
            Controller(Widget, Seen(), name="b", indexes={"x": second}),
        ):
            pass

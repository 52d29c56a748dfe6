"""From an object to the requests for its owner."""

import asyncio
from typing import Any

import pytest

from kubernaut.client import ObjectHead, OwnerHead
from kubernaut.reconcile import Context, Controller, Owns, Reconciler, Request, mark_owner
from kubernaut.reconcile.owners import OWNER_KIND, OWNER_NAME, owner_requests
from kubernaut.resources import ObjectMeta, Resource
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import Cluster
from tests.reconcile.scripted import Keys, manager_of
from tests.reconcile.server import Server, widget
from tests.reconcile.widgets import Widget


class Fleet(Resource, group="example.dev", version="v1", scope="Cluster"):
    """A cluster-scoped owner."""


to_widget = owner_requests(Widget.resource_type)
to_fleet = owner_requests(Fleet.resource_type)


def ref(
    name: str = "a", kind: str = "Widget", api_version: str = "example.dev/v1", controller: bool | None = True
) -> OwnerHead:
    return OwnerHead(api_version=api_version, kind=kind, name=name, uid="u", controller=controller)


def child(*owners: OwnerHead, **annotations: str) -> ObjectHead:
    return ObjectHead(name="c", namespace="shop", owner_references=owners, annotations=annotations)


def marked(kind: str, name: str, *owners: OwnerHead) -> ObjectHead:
    return child(*owners, **{OWNER_KIND: kind, OWNER_NAME: name})


def test_the_controller_reference_leads_to_the_owner_in_the_childs_namespace() -> None:
    assert to_widget(child(ref())) == [Request("shop", "a")]


def test_references_that_are_not_the_controllers_are_ignored() -> None:
    assert to_widget(child(ref(controller=False))) == []
    assert to_widget(child(ref(controller=None))) == []
    assert to_widget(child(ref("b", controller=False), ref("a"))) == [Request("shop", "a")]


def test_without_owners_there_is_no_request() -> None:
    assert to_widget(child()) == []


def test_an_owner_of_another_group_is_another_kind() -> None:
    assert to_widget(child(ref(api_version="other.dev/v1"))) == []
    assert to_widget(child(ref(api_version="v1"))) == []


def test_an_owner_of_another_kind_of_the_group_is_ignored() -> None:
    assert to_widget(child(ref(kind="Fleet"))) == []


def test_an_owner_of_another_version_is_the_same_object() -> None:
    assert to_widget(child(ref(api_version="example.dev/v1alpha7"))) == [Request("shop", "a")]


@pytest.mark.parametrize("nonsense", ["", "/", "a/b/c", "example.dev/v1/extra", "example.dev"])
def test_an_api_version_that_makes_no_sense_leads_nowhere(nonsense: str) -> None:
    assert to_widget(child(ref(api_version=nonsense))) == []


def test_a_cluster_scoped_owner_has_no_namespace() -> None:
    assert to_fleet(child(ref("f", kind="Fleet"))) == [Request(None, "f")]


def test_the_annotation_leads_to_an_owner_in_another_namespace() -> None:
    assert to_widget(marked("Widget.example.dev", "office/a")) == [Request("office", "a")]
    assert to_fleet(marked("Fleet.example.dev", "f")) == [Request(None, "f")]


def test_an_annotation_that_makes_no_sense_leads_nowhere() -> None:
    for name in ("", "/", "office/", "a"):
        assert to_widget(marked("Widget.example.dev", name)) == []
    assert to_fleet(marked("Fleet.example.dev", "office/f")) == []
    assert to_widget(marked("Widget.other.dev", "office/a")) == []
    assert to_widget(marked("Widget", "office/a")) == []


def test_the_reference_comes_before_the_annotation_and_that_of_another_kind_does_not_hide_it() -> None:
    assert to_widget(marked("Widget.example.dev", "office/b", ref("a"))) == [Request("shop", "a")]
    for other in (ref("x", kind="Fleet"), ref("x", api_version="other.dev/v1")):
        assert to_widget(marked("Widget.example.dev", "office/b", other)) == [Request("office", "b")]


def test_mark_owner_writes_what_the_mapping_reads() -> None:
    config = ConfigMap(metadata=ObjectMeta(name="c", namespace="shop"))
    mark_owner(config, Widget(metadata=ObjectMeta(name="a", namespace="office")))
    assert config.metadata.annotations == {OWNER_KIND: "Widget.example.dev", OWNER_NAME: "office/a"}
    mark_owner(config, Fleet(metadata=ObjectMeta(name="f")))
    assert config.metadata.annotations == {OWNER_KIND: "Fleet.example.dev", OWNER_NAME: "f"}
    mark_owner(config, ConfigMap(metadata=ObjectMeta(name="x", namespace="office")))
    assert config.metadata.annotations == {OWNER_KIND: "ConfigMap", OWNER_NAME: "office/x"}


def owner(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "example.dev/v1", "kind": "Widget", "name": name, "uid": f"uid-{name}", **more}


def config(*owners: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "c", "namespace": "shop", "ownerReferences": list(owners)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


@pytest.mark.virtual_time
async def test_an_owned_object_leads_to_its_owner_when_it_comes_changes_and_goes() -> None:
    server, keys = Server(), Keys()
    async with manager_of(server, keys, owns=[ConfigMap]).running():
        for number in range(2):
            server.put("configmaps", {**config(owner("a", controller=True)), "data": {"n": str(number)}})
            await asyncio.sleep(1)
            assert keys.calls == ["shop/a"] * (number + 1)
        server.remove("configmaps", "shop", "c")
        await asyncio.sleep(1)
    assert keys.calls == ["shop/a"] * 3


@pytest.mark.virtual_time
async def test_a_change_of_the_owner_leads_to_the_old_owner_and_to_the_new_one() -> None:
    server, keys = Server(), Keys()
    async with manager_of(server, keys, owns=[ConfigMap]).running():
        server.put("configmaps", config(owner("a", controller=True)))
        await asyncio.sleep(1)
        server.put("configmaps", config(owner("b", controller=True)))
        await asyncio.sleep(1)
    assert keys.calls == ["shop/a", "shop/a", "shop/b"]


@pytest.mark.virtual_time
async def test_owned_objects_are_watched_with_a_selector_and_as_metadata_alone_where_asked() -> None:
    server, keys = Server(), Keys()
    server.put("widgets", widget("a", status={"observedGeneration": 1}))
    owns = [Owns(ConfigMap, labels={"app": "x"}, metadata_only=True)]
    async with manager_of(server, keys, owns=owns).running():
        await asyncio.sleep(1)
    asked = [request for request in server.requests if "/configmaps" in request.path]
    assert all(dict(request.query)["labelSelector"] == "app=x" for request in asked)
    assert all("PartialObjectMetadata" in str(request.headers["accept"]) for request in asked)


class Spread(Reconciler[Widget]):
    """Keeps a ConfigMap in another namespace."""

    async def reconcile(self, obj: Widget, ctx: Context) -> None:
        made = ConfigMap(metadata=ObjectMeta(name=obj.name, namespace="default"), data={"size": str(obj.spec.size)})
        mark_owner(made, obj)
        await ctx.client.apply(made)


@pytest.mark.cluster(controlplane=False, crds=[Widget])
async def test_a_child_in_another_namespace_is_healed_when_it_is_deleted(cluster: Cluster) -> None:
    await cluster.load([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}])
    await cluster.client.create(Widget(metadata=ObjectMeta(name="a", namespace="shop")))
    async with cluster.running(Controller(Widget, Spread(), owns=[ConfigMap])):
        await cluster.settled()
        await cluster.client.delete(ConfigMap, "a", namespace="default")
        await cluster.settled()
        healed = await cluster.client.get(ConfigMap, "a", namespace="default")
    assert healed.data == {"size": "1"}
    assert not healed.metadata.owner_references


@pytest.mark.cluster(controlplane=False, crds=[Fleet])
async def test_a_cluster_scoped_owner_hears_of_its_children_in_every_namespace(cluster: Cluster) -> None:
    class Fleets(Reconciler[Fleet]):
        async def reconcile(self, obj: Fleet, ctx: Context) -> None:
            calls.append(obj.name)
            for namespace in ("default", "kube-system"):
                await ctx.client.apply(ConfigMap(metadata=ObjectMeta(name="c", namespace=namespace)), owner=obj)

    calls: list[str] = []
    await cluster.client.create(Fleet(metadata=ObjectMeta(name="f")))
    async with cluster.running(Controller(Fleet, Fleets(), owns=[ConfigMap])):
        await cluster.settled()
        await cluster.client.delete(ConfigMap, "c", namespace="kube-system")
        await cluster.settled()
        again = await cluster.client.get(ConfigMap, "c", namespace="kube-system")
    assert again.metadata.owner_references[0].kind == "Fleet"
    assert len(calls) > 1

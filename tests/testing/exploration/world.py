"""A small operator for the tests of the engine: a Website has one ConfigMap, and tells in its status how it is."""

from __future__ import annotations

from kubernaut.reconcile import Context, Controller, Reconciler, Result
from kubernaut.resources import Model, ObjectMeta, Resource, StatusBase
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing.exploration import GarbageCollection, Scenario, World


class WebsiteSpec(Model):
    title: str


class WebsiteStatus(StatusBase):
    page: str = ""


class Website(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: WebsiteSpec
    status: WebsiteStatus = WebsiteStatus()


class Websites(Reconciler[Website]):
    """Right: the page has a name that follows from the website's, and is applied."""

    async def reconcile(self, obj: Website, ctx: Context) -> Result | None:
        page = ConfigMap(metadata=ObjectMeta(name=f"{obj.name}-page"), data={"title": obj.spec.title})
        obj.status.page = (await ctx.client.apply(page, owner=obj)).name
        return None


class Careless(Reconciler[Website]):
    """Wrong: after a crash between the create and the status there are two pages."""

    async def reconcile(self, obj: Website, ctx: Context) -> None:
        if not obj.status.page:
            metadata = ObjectMeta(generate_name=f"{obj.name}-", namespace=obj.namespace)
            page = ConfigMap(metadata=metadata, data={"title": obj.spec.title})
            obj.status.page = (await ctx.client.create(page)).name


async def publish(world: World) -> None:
    metadata = ObjectMeta(name="shop", namespace="default")
    await world.client.create(Website(metadata=metadata, spec=WebsiteSpec(title="Shop")))
    await world.settled()


website = Scenario(
    name="website",
    controllers=lambda: [Controller(Website, Websites(), owns=[ConfigMap])],
    crds=[Website],
    steps=publish,
    controlplane=[GarbageCollection()],
)

careless = Scenario(
    name="careless",
    controllers=lambda: [Controller(Website, Careless())],
    crds=[Website],
    steps=publish,
)

SCENARIOS = [website, careless]

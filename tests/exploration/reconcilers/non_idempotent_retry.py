"""Non-idempotent retry: a Boost adds replicas to a Deployment, once."""

from kubernaut import Context, Controller, MergePatch, Model, Reconciler, Resource, StatusBase
from kubernaut.resources.builtin.apps_v1 import Deployment


class BoostSpec(Model):
    deployment: str
    extra: int


class BoostStatus(StatusBase):
    replicas: int | None = None


class Boost(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: BoostSpec
    status: BoostStatus = BoostStatus()


class BoostReconciler(Reconciler[Boost]):
    async def reconcile(self, boost: Boost, ctx: Context) -> None:
        if boost.status.is_true("Applied"):
            return
        deployment = await ctx.client.get(Deployment, boost.spec.deployment, namespace=boost.namespace)
        boost.status.replicas = (deployment.spec.replicas or 0) + boost.spec.extra
        await scale(deployment, boost.status.replicas, ctx)
        boost.status.set_condition("Applied", True, reason="Scaled")


class RepairedBoostReconciler(Reconciler[Boost]):
    """The number is announced first; a later reconcile, which has read it back, sets it, as often as it takes."""

    async def reconcile(self, boost: Boost, ctx: Context) -> None:
        if boost.status.is_true("Applied"):
            return
        deployment = await ctx.client.get(Deployment, boost.spec.deployment, namespace=boost.namespace)
        if boost.status.replicas is None:
            boost.status.replicas = (deployment.spec.replicas or 0) + boost.spec.extra
            return  # the status that is written now calls again
        await scale(deployment, boost.status.replicas, ctx)
        boost.status.set_condition("Applied", True, reason="Scaled")


async def scale(deployment: Deployment, replicas: int, ctx: Context) -> None:
    patch = MergePatch({"spec": {"replicas": replicas}})
    await ctx.client.patch(Deployment, deployment.name, patch, namespace=deployment.namespace)


def boosts(reconciler: Reconciler[Boost]) -> Controller:
    return Controller(Boost, reconciler)


def deployment(name: str, replicas: int) -> Deployment:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return Deployment.from_dict({"metadata": {"name": name, "namespace": "default"}, "spec": spec})

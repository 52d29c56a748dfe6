from kubernaut import Context, Controller, Model, ObjectMeta, Reconciler, Resource, StatusBase
from kubernaut.fake import FakeCluster
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import run_virtual


class GreetingSpec(Model):
    who: str


class Greeting(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: GreetingSpec
    status: StatusBase = StatusBase()


class GreetingReconciler(Reconciler[Greeting]):
    async def reconcile(self, greeting: Greeting, ctx: Context) -> None:
        meta = ObjectMeta(name=greeting.name, namespace=greeting.namespace)
        await ctx.client.apply(ConfigMap(metadata=meta, data={"text": f"Hello, {greeting.spec.who}!"}), owner=greeting)
        greeting.status.set_condition("Ready", True, reason="Applied")


async def main() -> None:
    controller = Controller(Greeting, GreetingReconciler(), owns=[ConfigMap])
    async with FakeCluster(crds=[Greeting]) as cluster, cluster.running(controller):
        hi = Greeting(metadata=ObjectMeta(name="hi", namespace="default"), spec=GreetingSpec(who="world"))
        await cluster.client.create(hi)
        await cluster.settled()
        print((await cluster.client.get(ConfigMap, "hi", namespace="default")).data["text"])


run_virtual(main)

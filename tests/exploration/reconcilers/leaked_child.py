"""Leaked child: a Topic has a ConfigMap for each of its partitions; those beyond the last are deleted."""

from kubernaut import Context, Controller, Model, NotFound, ObjectMeta, Reconciler, Resource, StatusBase
from kubernaut.resources.builtin.core_v1 import ConfigMap

LABEL = "example.dev/topic"


class TopicSpec(Model):
    partitions: int


class TopicStatus(StatusBase):
    partitions: int = 0


class Topic(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: TopicSpec
    status: TopicStatus = TopicStatus()


class TopicReconciler(Reconciler[Topic]):
    async def reconcile(self, topic: Topic, ctx: Context) -> None:
        before, topic.status.partitions = topic.status.partitions, topic.spec.partitions
        for number in range(topic.spec.partitions):
            await ctx.client.apply(partition(topic, number), owner=topic)
        for number in range(topic.spec.partitions, before):
            await delete(name_of(topic, number), topic, ctx)
        topic.status.set_condition("Ready", True, reason="Partitioned")


class RepairedTopicReconciler(Reconciler[Topic]):
    """What is deleted follows from what is there, not from what the status says was there."""

    async def reconcile(self, topic: Topic, ctx: Context) -> None:
        wanted = [name_of(topic, number) for number in range(topic.spec.partitions)]
        for number in range(topic.spec.partitions):
            await ctx.client.apply(partition(topic, number), owner=topic)
        for child in ctx.cache.heads(ConfigMap, topic.namespace, labels={LABEL: topic.name}):
            if child.name not in wanted:
                await delete(child.name, topic, ctx)
        topic.status.partitions = topic.spec.partitions
        topic.status.set_condition("Ready", True, reason="Partitioned")


def name_of(topic: Topic, number: int) -> str:
    return f"{topic.name}-{number}"


def partition(topic: Topic, number: int) -> ConfigMap:
    meta = ObjectMeta(name=name_of(topic, number), labels={LABEL: topic.name})
    return ConfigMap(metadata=meta, data={"partition": str(number), "of": str(topic.spec.partitions)})


async def delete(name: str, topic: Topic, ctx: Context) -> None:
    try:
        await ctx.client.delete(ConfigMap, name, namespace=topic.namespace)
    except NotFound:
        ctx.log.info("gone already", name=name)


def topics(reconciler: Reconciler[Topic]) -> Controller:
    return Controller(Topic, reconciler, owns=[ConfigMap])

"""Hot loop: a Mirror copies a ConfigMap, and counts in its status how often it found nothing to copy."""

from collections.abc import Iterable
from datetime import timedelta

from kubernaut import (
    Cache,
    Context,
    Controller,
    Model,
    NotFound,
    ObjectMeta,
    Reconciler,
    Request,
    Resource,
    Result,
    StatusBase,
    Watch,
)
from kubernaut.client import ObjectHead
from kubernaut.resources.builtin.core_v1 import ConfigMap


class MirrorSpec(Model):
    source: str


class MirrorStatus(StatusBase):
    misses: int = 0


class Mirror(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: MirrorSpec
    status: MirrorStatus = MirrorStatus()


class MirrorReconciler(Reconciler[Mirror]):
    async def reconcile(self, mirror: Mirror, ctx: Context) -> Result | None:
        try:
            source = ctx.cache.get(ConfigMap, mirror.spec.source, mirror.namespace)
        except NotFound:
            return self.missed(mirror)
        await ctx.client.apply(ConfigMap(metadata=ObjectMeta(name=mirror.name), data=source.data), owner=mirror)
        mirror.status.misses = 0
        mirror.status.set_condition("Ready", True, reason="Copied")
        return None

    def missed(self, mirror: Mirror) -> Result | None:
        mirror.status.misses += 1
        mirror.status.set_condition("Ready", False, reason="NoSource", message=f"no {mirror.spec.source!r}")
        return Result(requeue_after=timedelta(minutes=1))


class RepairedMirrorReconciler(MirrorReconciler):
    """The same state of the world gives the same status; the watch on ConfigMaps calls when there is news."""

    def missed(self, mirror: Mirror) -> Result | None:
        mirror.status.set_condition("Ready", False, reason="NoSource", message=f"no {mirror.spec.source!r}")
        return None


def mirrors_of(source: ObjectHead, cache: Cache) -> Iterable[Request]:
    mirrors = cache.list(Mirror, source.namespace, index=("source", source.name))
    return [Request(mirror.namespace, mirror.name) for mirror in mirrors]


def mirrors(reconciler: Reconciler[Mirror]) -> Controller:
    return Controller(
        Mirror,
        reconciler,
        owns=[ConfigMap],
        watches=[Watch(ConfigMap, to=mirrors_of)],
        indexes={"source": lambda mirror: [mirror.spec.source]},
    )

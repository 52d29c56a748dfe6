"""Finalizer after the side effect: a Bucket gets its finalizer once there is something in the cloud to clean up."""

from typing import Protocol

from kubernaut import Context, Controller, MergePatch, Model, Reconciler, Resource, StatusBase

FINALIZER = "example.dev/bucket"


class BucketSpec(Model):
    region: str


class Bucket(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: BucketSpec
    status: StatusBase = StatusBase()


class Storage(Protocol):
    """A cloud's object storage; both calls can be repeated."""

    async def create_bucket(self, name: str, region: str) -> None: ...
    async def delete_bucket(self, name: str) -> None: ...


class BucketReconciler(Reconciler[Bucket]):
    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    async def reconcile(self, bucket: Bucket, ctx: Context) -> None:
        finalizers = bucket.metadata.finalizers
        if bucket.metadata.deletion_timestamp is not None:
            if FINALIZER in finalizers:
                await self.storage.delete_bucket(cloud_name(bucket))
                await self._set_finalizers(bucket, [other for other in finalizers if other != FINALIZER], ctx)
            return
        await self.storage.create_bucket(cloud_name(bucket), bucket.spec.region)
        if FINALIZER not in finalizers:  # a Bucket without one in the cloud can go at once
            await self._set_finalizers(bucket, [*finalizers, FINALIZER], ctx)
        bucket.status.set_condition("Ready", True, reason="Created")

    async def _set_finalizers(self, bucket: Bucket, finalizers: list[str], ctx: Context) -> None:
        metadata = {"finalizers": finalizers, "resourceVersion": bucket.metadata.resource_version}
        await ctx.client.patch(Bucket, bucket.name, MergePatch({"metadata": metadata}), namespace=bucket.namespace)


class RepairedBucketReconciler(Reconciler[Bucket]):
    """The runtime adds the finalizer before it calls `reconcile`, and takes it away after `finalize`."""

    finalizer = FINALIZER

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    async def reconcile(self, bucket: Bucket, ctx: Context) -> None:
        await self.storage.create_bucket(cloud_name(bucket), bucket.spec.region)
        bucket.status.set_condition("Ready", True, reason="Created")

    async def finalize(self, bucket: Bucket, ctx: Context) -> None:
        await self.storage.delete_bucket(cloud_name(bucket))


def cloud_name(bucket: Bucket) -> str:
    return f"{bucket.namespace}-{bucket.name}"


def buckets(reconciler: Reconciler[Bucket]) -> Controller:
    return Controller(Bucket, reconciler)

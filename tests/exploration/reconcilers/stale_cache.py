"""Acting on a stale cache: a Disk that no Workspace has used for five seconds is deleted, with what is on it."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from pydantic import Field

from kubernaut import (
    Cache,
    Context,
    Controller,
    MicroTime,
    Model,
    Reconciler,
    Request,
    Resource,
    Result,
    StatusBase,
    Watch,
)
from kubernaut.client import ObjectHead

GRACE = timedelta(seconds=5)


class WorkspaceSpec(Model):
    disk: str


class Workspace(Resource, group="example.dev", version="v1"):
    spec: WorkspaceSpec


class DiskStatus(StatusBase):
    users: list[str] = Field(default_factory=list)
    unused_since: MicroTime | None = None


class Disk(Resource, group="example.dev", version="v1", status_subresource=True):
    status: DiskStatus = DiskStatus()


class DiskReconciler(Reconciler[Disk]):
    async def users(self, disk: Disk, ctx: Context) -> Sequence[str]:
        """Who uses the disk, asked when it is about to be deleted."""
        return disk.status.users

    async def reconcile(self, disk: Disk, ctx: Context) -> Result | None:
        if disk.metadata.deletion_timestamp is not None:
            return None
        workspaces = ctx.cache.list(Workspace, disk.namespace, index=("disk", disk.name))
        disk.status.users = sorted(workspace.name for workspace in workspaces)
        if disk.status.users:
            disk.status.unused_since = None
            return None
        now = ctx.clock.now()
        disk.status.unused_since = disk.status.unused_since or now
        if now < disk.status.unused_since + GRACE:
            return Result(requeue_after=disk.status.unused_since + GRACE - now)
        if await self.users(disk, ctx):
            return Result(requeue_after=GRACE)
        await ctx.client.delete(Disk, disk.name, namespace=disk.namespace, uid=disk.uid)
        return None


class RepairedDiskReconciler(DiskReconciler):
    """What cannot be undone is decided by what the server says, not by the cache."""

    async def users(self, disk: Disk, ctx: Context) -> Sequence[str]:
        workspaces = await ctx.client.list(Workspace, namespace=disk.namespace)
        return [workspace.name for workspace in workspaces if workspace.spec.disk == disk.name]


def disk_of(workspace: ObjectHead, cache: Cache) -> Iterable[Request]:
    return [Request(disk.namespace, disk.name) for disk in cache.heads(Disk, workspace.namespace)]


def disks(reconciler: Reconciler[Disk]) -> Controller:
    watch = Watch(Workspace, to=disk_of, indexes={"disk": lambda workspace: [workspace.spec.disk]})
    return Controller(Disk, reconciler, watches=[watch])

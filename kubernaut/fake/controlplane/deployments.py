"""The Deployment controller: one ReplicaSet per revision of the pod template, replaced step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from kubernaut.client import AlreadyExists, ApiError, Conflict, MergePatch, NotFound
from kubernaut.fake.controlplane.claiming import claim, possible_owners
from kubernaut.fake.controlplane.deployment_sets import (
    drop_history,
    new_replica_set,
    revision_of,
    sizes,
    sync_revision,
)
from kubernaut.fake.controlplane.deployment_status import is_complete, note_paused, note_progress, summarise
from kubernaut.fake.controlplane.indexes import OWNER_INDEXES
from kubernaut.fake.controlplane.lulled import Lulled
from kubernaut.fake.controlplane.replicasets import wanted_replicas
from kubernaut.fake.controlplane.rollout import Bounds, bounds_of, is_scaling, next_new, next_old, recreates, scaled
from kubernaut.fake.controlplane.template import comparable
from kubernaut.reconcile import Context, Controller, Reconciler, RequeueError, Result, Watch
from kubernaut.resources.builtin.apps_v1 import Deployment, ReplicaSet


class Deployments(Reconciler[Deployment]):
    """The name of a ReplicaSet is made of its template's hash, so that creating it twice is harmless."""

    async def reconcile(self, deployment: Deployment, ctx: Context) -> Result | None:
        """Move the rollout one step on; every change of a ReplicaSet calls for the next."""
        owned = await claim(ReplicaSet, deployment, deployment.spec.selector, ctx)
        there = [rs for rs in owned if rs.metadata.deletion_timestamp is None]
        there.sort(key=lambda rs: (revision_of([rs]), rs.name))
        wanted = comparable(deployment.spec.template)
        new = next((rs for rs in there if comparable(rs.spec.template) == wanted), None)
        old = [rs for rs in there if rs is not new]
        now = ctx.clock.now()
        if deployment.metadata.deletion_timestamp is None:
            note_paused(deployment, now)
            new = await self._move(deployment, new, old, now, ctx)
        wait = summarise(deployment, new, old, now)
        return Result(requeue_after=wait) if wait is not None else None

    async def _move(
        self, deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet], now: datetime, ctx: Context
    ) -> ReplicaSet | None:
        bounds = bounds_of(deployment)
        if new is not None:
            await sync_revision(deployment, new, old, ctx)
        every = [*old, *([new] if new else [])]
        if deployment.spec.paused or is_scaling(bounds, every):
            await self._scale_all(deployment, every, scaled(deployment, bounds, new, old), bounds, ctx)
        elif recreates(deployment):
            new = await self._recreate(deployment, new, old, bounds, now, ctx)
        else:
            new = await self._roll(deployment, new, old, bounds, now, ctx)
        if is_complete(deployment, new, old):
            await drop_history(deployment, old, ctx)
        return new

    async def _roll(
        self,
        deployment: Deployment,
        new: ReplicaSet | None,
        old: Sequence[ReplicaSet],
        bounds: Bounds,
        now: datetime,
        ctx: Context,
    ) -> ReplicaSet:
        target = next_new(bounds, new, old)
        if new is None:
            return await self._create(deployment, target, old, bounds, now, ctx)
        if wanted_replicas(new) != target:
            await self._scale_all(deployment, [new], {new.name: target}, bounds, ctx)
        elif any(map(wanted_replicas, old)):
            await self._scale_all(deployment, old, next_old(bounds, new, old), bounds, ctx)
        return new

    async def _recreate(
        self,
        deployment: Deployment,
        new: ReplicaSet | None,
        old: Sequence[ReplicaSet],
        bounds: Bounds,
        now: datetime,
        ctx: Context,
    ) -> ReplicaSet | None:
        await self._scale_all(deployment, old, {rs.name: 0 for rs in old}, bounds, ctx)
        if any(rs.status.replicas or rs.status.terminating_replicas for rs in old):
            return new
        if new is None:
            return await self._create(deployment, bounds.desired, old, bounds, now, ctx)
        await self._scale_all(deployment, [new], {new.name: bounds.desired}, bounds, ctx)
        return new

    async def _create(
        self,
        deployment: Deployment,
        replicas: int,
        old: Sequence[ReplicaSet],
        bounds: Bounds,
        now: datetime,
        ctx: Context,
    ) -> ReplicaSet:
        rs = new_replica_set(deployment, replicas, revision_of(old) + 1, bounds)
        try:
            created = await ctx.client.create(rs)
        except AlreadyExists:
            return await self._taken(deployment, rs, ctx)
        except ApiError as error:
            message = f'Failed to create new replica set "{rs.name}": {error.message}'
            note_progress(deployment, False, now, "ReplicaSetCreateError", message)
            ctx.events.event(deployment, "ReplicaSetCreateError", message, type="Warning", action="Create")
            raise
        if replicas:
            words = f"Scaled up replica set {rs.name} from 0 to {replicas}"
            ctx.events.event(deployment, "ScalingReplicaSet", words, action="ScaleUp")
        note_progress(deployment, True, now, "NewReplicaSetCreated", f'Created new replica set "{rs.name}"')
        await sync_revision(deployment, created, old, ctx)
        return created

    async def _taken(self, deployment: Deployment, rs: ReplicaSet, ctx: Context) -> ReplicaSet:
        """The name exists: it is our own creation, which the cache was to show, or a stranger's."""
        live = await ctx.client.get(ReplicaSet, rs.name, namespace=rs.namespace)
        reference = live.metadata.controller_reference()
        same = comparable(live.spec.template) == comparable(deployment.spec.template)
        if reference is not None and reference.uid == deployment.uid and same:
            return live
        deployment.status.collision_count = (deployment.status.collision_count or 0) + 1
        raise RequeueError(f"the name {rs.name} is taken: another one will be used")

    async def _scale_all(
        self,
        deployment: Deployment,
        replica_sets: Sequence[ReplicaSet],
        targets: Mapping[str, int],
        bounds: Bounds,
        ctx: Context,
    ) -> None:
        for rs in replica_sets:
            target, current = targets.get(rs.name), wanted_replicas(rs)
            noted = {key: rs.metadata.annotations.get(key) for key in sizes(bounds)} == sizes(bounds)
            if target is None or (target == current and (noted or not current)):
                continue
            metadata = {"uid": rs.uid, "annotations": sizes(bounds)}
            patch = MergePatch({"spec": {"replicas": target}, "metadata": metadata})
            try:
                await ctx.client.patch(ReplicaSet, rs.name, patch, namespace=rs.namespace)
            except (NotFound, Conflict):
                continue
            if target != current:
                up = target > current
                words = f"Scaled {'up' if up else 'down'} replica set {rs.name} from {current} to {target}"
                ctx.events.event(deployment, "ScalingReplicaSet", words, action="ScaleUp" if up else "ScaleDown")
            rs.spec.replicas = target


def deployments() -> Controller:
    """The controller of Deployments."""
    return Controller(
        Deployment,
        Lulled(Deployment, Deployments()),
        name="deployment-controller",
        owns=[ReplicaSet],
        watches=[Watch(ReplicaSet, to=possible_owners(Deployment), indexes=OWNER_INDEXES)],
    )

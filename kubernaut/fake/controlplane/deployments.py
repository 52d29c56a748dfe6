"""The Deployment controller: one ReplicaSet per revision of the pod template, replaced step by step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kubernaut.client import AlreadyExists, Conflict, MergePatch, NotFound
from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.deployment_status import summarise
from kubernaut.fake.controlplane.indexes import OWNER
from kubernaut.fake.controlplane.replicasets import wanted_replicas
from kubernaut.fake.controlplane.rollout import bounds_of, next_new, next_old, recreates
from kubernaut.fake.controlplane.template import HASH_LABEL, comparable, template_hash
from kubernaut.reconcile import Context, Controller, Reconciler, RequeueError, Result
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.apps_v1 import Deployment, DeploymentCondition, ReplicaSet, ReplicaSetSpec

REVISION = "deployment.kubernetes.io/revision"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_HISTORY = 10


class Deployments(Reconciler[Deployment]):
    """The name of a ReplicaSet is made of its template's hash, so that creating it twice is harmless."""

    async def reconcile(self, deployment: Deployment, ctx: Context) -> Result | None:
        """Move the rollout one step on; every change of a ReplicaSet calls for the next."""
        owned = _owned(deployment, ctx)
        wanted = comparable(deployment.spec.template)
        new = next((rs for rs in owned if comparable(rs.spec.template) == wanted), None)
        old = [rs for rs in owned if rs is not new]
        now = ctx.clock.now()
        if deployment.metadata.deletion_timestamp is None:
            new = await self._roll(deployment, new, old, ctx)
        wait = summarise(deployment, new, old, now)
        return Result(requeue_after=wait) if wait is not None else None

    async def _roll(
        self, deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet], ctx: Context
    ) -> ReplicaSet | None:
        bounds = bounds_of(deployment)
        if recreates(deployment) and new is None and await self._old_remain(old, ctx):
            return None
        target = next_new(bounds, new, old)
        if new is None:
            if deployment.spec.paused:
                return None
            new = await self._create(deployment, target, old, ctx)
        elif recreates(deployment) and await self._old_remain(old, ctx):
            return new
        elif wanted_replicas(new) != target:
            await self._scale(deployment, new, target, ctx)
        await self._note_revision(deployment, new, old, ctx)
        if deployment.spec.paused:
            return new
        for rs in old:
            fewer = next_old(bounds, new, old)[rs.name]
            if fewer < wanted_replicas(rs):
                await self._scale(deployment, rs, fewer, ctx)
        if conditions.is_true(deployment.status.conditions, "Available"):
            await self._drop_history(deployment, old, ctx)
        return new

    async def _old_remain(self, old: Sequence[ReplicaSet], ctx: Context) -> bool:
        """Scale the old ReplicaSets to nothing; whether some of their pods are still there."""
        for rs in old:
            if wanted_replicas(rs):
                await self._scale(None, rs, 0, ctx)
        return any(wanted_replicas(rs) or rs.status.replicas for rs in old)

    async def _create(
        self, deployment: Deployment, replicas: int, old: Sequence[ReplicaSet], ctx: Context
    ) -> ReplicaSet:
        rs = _replica_set(deployment, replicas, _revision(old) + 1)
        try:
            created = await ctx.client.create(rs)
        except AlreadyExists:
            return await self._taken(deployment, rs, ctx)
        ctx.events.event(
            deployment, "ScalingReplicaSet", f"Scaled up replica set {rs.name} to {replicas}", action="ScaleUp"
        )
        now = ctx.clock.now()
        _progress(deployment, now, "NewReplicaSetCreated", f'Created new replica set "{rs.name}"')
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

    async def _scale(self, deployment: Deployment | None, rs: ReplicaSet, replicas: int, ctx: Context) -> None:
        up = replicas > wanted_replicas(rs)
        patch = MergePatch({"spec": {"replicas": replicas}, "metadata": {"uid": rs.uid}})
        try:
            await ctx.client.patch(ReplicaSet, rs.name, patch, namespace=rs.namespace)
        except (NotFound, Conflict):
            return
        if deployment is None:
            return
        words = f"Scaled {'up' if up else 'down'} replica set {rs.name} from {wanted_replicas(rs)} to {replicas}"
        ctx.events.event(deployment, "ScalingReplicaSet", words, action="ScaleUp" if up else "ScaleDown")
        rs.spec.replicas = replicas

    async def _note_revision(
        self, deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet], ctx: Context
    ) -> None:
        """A template that comes back becomes the newest revision again; the Deployment shows which that is."""
        revision = str(max(_revision(old) + 1, _revision([new])))
        patch = MergePatch({"metadata": {"annotations": {REVISION: revision}}})
        if new.metadata.annotations.get(REVISION) != revision:
            await ctx.client.patch(ReplicaSet, new.name, patch, namespace=new.namespace)
        if deployment.metadata.annotations.get(REVISION) != revision:
            await ctx.client.patch(Deployment, deployment.name, patch, namespace=deployment.namespace)

    async def _drop_history(self, deployment: Deployment, old: Sequence[ReplicaSet], ctx: Context) -> None:
        limit = deployment.spec.revision_history_limit
        empty = [rs for rs in old if not wanted_replicas(rs) and not rs.status.replicas]
        surplus = len(empty) - (_HISTORY if limit is None else limit)
        for rs in sorted(empty, key=lambda rs: _revision([rs]))[: max(surplus, 0)]:
            try:
                await ctx.client.delete(ReplicaSet, rs.name, namespace=rs.namespace, uid=rs.uid)
            except (NotFound, Conflict):
                continue


def _owned(deployment: Deployment, ctx: Context) -> list[ReplicaSet]:
    owned = ctx.cache.list(ReplicaSet, namespace=deployment.namespace, index=(OWNER, deployment.uid or ""))
    found = [rs for rs in owned if rs.metadata.deletion_timestamp is None]
    return sorted(found, key=lambda rs: (_revision([rs]), rs.name))


def _replica_set(deployment: Deployment, replicas: int, revision: int) -> ReplicaSet:
    template = deployment.spec.template.model_copy(deep=True)
    suffix = template_hash(template, deployment.status.collision_count or 0)
    template.metadata.labels[HASH_LABEL] = suffix
    selector = deployment.spec.selector.model_copy(deep=True)
    selector.match_labels[HASH_LABEL] = suffix
    kept = {k: v for k, v in deployment.metadata.annotations.items() if k not in (REVISION, _LAST_APPLIED)}
    return ReplicaSet(
        metadata=ObjectMeta(
            name=f"{deployment.name}-{suffix}",
            namespace=deployment.namespace,
            labels=dict(template.metadata.labels),
            annotations={**kept, REVISION: str(revision)},
            owner_references=[deployment.owner_reference()],
        ),
        spec=ReplicaSetSpec(
            replicas=replicas,
            selector=selector,
            template=template,
            min_ready_seconds=deployment.spec.min_ready_seconds,
        ),
    )


def _revision(replica_sets: Sequence[ReplicaSet]) -> int:
    texts = [rs.metadata.annotations.get(REVISION, "") for rs in replica_sets]
    return max((int(text) for text in texts if text.isdecimal()), default=0)


def _progress(deployment: Deployment, now: datetime, reason: str, message: str) -> None:
    known = deployment.status.conditions
    conditions.put(DeploymentCondition, known, "Progressing", True, now, reason=reason, message=message)


def deployments() -> Controller:
    """The controller of Deployments."""
    return Controller(Deployment, Deployments(), owns=[ReplicaSet])

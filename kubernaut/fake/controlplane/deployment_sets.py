"""The ReplicaSets of a Deployment: how one is made, and what its annotations say of revisions and sizes."""

from __future__ import annotations

from collections.abc import Sequence

from kubernaut.client import Conflict, MergePatch, NotFound
from kubernaut.fake.controlplane.rollout import DESIRED_REPLICAS, MAX_REPLICAS, Bounds
from kubernaut.fake.controlplane.template import HASH_LABEL, template_hash
from kubernaut.reconcile import Context
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.apps_v1 import Deployment, ReplicaSet, ReplicaSetSpec

REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
_NOT_COPIED = (
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
)


def new_replica_set(deployment: Deployment, replicas: int, revision: int, bounds: Bounds) -> ReplicaSet:
    """The ReplicaSet of the Deployment's template."""
    template = deployment.spec.template.model_copy(deep=True)
    suffix = template_hash(template, deployment.status.collision_count or 0)
    template.metadata.labels[HASH_LABEL] = suffix
    selector = deployment.spec.selector.model_copy(deep=True)
    selector.match_labels[HASH_LABEL] = suffix
    return ReplicaSet(
        metadata=ObjectMeta(
            name=f"{deployment.name}-{suffix}",
            namespace=deployment.namespace,
            labels=dict(template.metadata.labels),
            annotations={**_copied(deployment), REVISION: str(revision), **sizes(bounds)},
            owner_references=[deployment.owner_reference()],
        ),
        spec=ReplicaSetSpec(
            replicas=replicas,
            selector=selector,
            template=template,
            min_ready_seconds=deployment.spec.min_ready_seconds,
        ),
    )


def sizes(bounds: Bounds) -> dict[str, str]:
    """The annotations by which a later change of the number of replicas is noticed."""
    return {DESIRED_REPLICAS: str(bounds.desired), MAX_REPLICAS: str(bounds.at_most)}


def revision_of(replica_sets: Sequence[ReplicaSet]) -> int:
    """The highest revision that ReplicaSets have; 0 for none."""
    texts = [rs.metadata.annotations.get(REVISION, "") for rs in replica_sets]
    return max((int(text) for text in texts if text.isdecimal()), default=0)


async def sync_revision(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet], ctx: Context) -> None:
    """A template that comes back becomes the newest revision again; the Deployment shows which that is."""
    before = new.metadata.annotations
    wanted = {**before, **_copied(deployment)}
    revision = str(max(revision_of(old) + 1, revision_of([new])))
    if before.get(REVISION) != revision:
        wanted[REVISION] = revision
        if before.get(REVISION):
            history = before.get(HISTORY, "").split(",")
            wanted[HISTORY] = ",".join(dict.fromkeys([*filter(None, history), before[REVISION]]))
    metadata = {key: value for key, value in wanted.items() if before.get(key) != value}
    patch: dict[str, object] = {"metadata": {"annotations": metadata}} if metadata else {}
    if (new.spec.min_ready_seconds or 0) != (deployment.spec.min_ready_seconds or 0):
        patch["spec"] = {"minReadySeconds": deployment.spec.min_ready_seconds or 0}
    if patch:
        await ctx.client.patch(ReplicaSet, new.name, MergePatch(patch), namespace=new.namespace)
    if deployment.metadata.annotations.get(REVISION) != revision:
        noted = MergePatch({"metadata": {"annotations": {REVISION: revision}}})
        await ctx.client.patch(Deployment, deployment.name, noted, namespace=deployment.namespace)


async def drop_history(deployment: Deployment, old: Sequence[ReplicaSet], ctx: Context) -> None:
    """Delete the oldest empty ReplicaSets beyond revisionHistoryLimit."""
    limit = deployment.spec.revision_history_limit
    empty = [rs for rs in old if not rs.spec.replicas and not rs.status.replicas]
    surplus = len(empty) - (10 if limit is None else limit)
    for rs in sorted(empty, key=lambda rs: revision_of([rs]))[: max(surplus, 0)]:
        try:
            await ctx.client.delete(ReplicaSet, rs.name, namespace=rs.namespace, uid=rs.uid)
        except (NotFound, Conflict):
            continue


def _copied(deployment: Deployment) -> dict[str, str]:
    return {key: value for key, value in deployment.metadata.annotations.items() if key not in _NOT_COPIED}

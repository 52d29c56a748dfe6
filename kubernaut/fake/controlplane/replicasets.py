"""The ReplicaSet controller: keeps the wanted number of identical pods."""

from __future__ import annotations

from datetime import datetime, timedelta

from kubernaut.client import Conflict, NotFound
from kubernaut.fake.controlplane.indexes import OWNER, by_owner
from kubernaut.fake.controlplane.pods import available_at, is_active, is_ready, owned_pods
from kubernaut.fake.controlplane.template import pod_from
from kubernaut.reconcile import Context, Controller, Reconciler, Result
from kubernaut.resources.builtin.apps_v1 import ReplicaSet
from kubernaut.resources.builtin.core_v1 import Pod

_BURST = 500
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


class ReplicaSets(Reconciler[ReplicaSet]):
    """Its pods are those whose controller reference names it; the runtime shows it its own creations first."""

    async def reconcile(self, replica_set: ReplicaSet, ctx: Context) -> Result | None:
        """Create or delete pods, and count them."""
        now = ctx.clock.now()
        pods = [pod for pod in owned_pods(replica_set, ctx) if is_active(pod)]
        wait = self._count(replica_set, pods, now)
        if replica_set.metadata.deletion_timestamp is None:
            await self._scale(replica_set, pods, ctx)
        return Result(requeue_after=wait) if wait is not None else None

    async def _scale(self, replica_set: ReplicaSet, pods: list[Pod], ctx: Context) -> None:
        missing = wanted_replicas(replica_set) - len(pods)
        for _ in range(min(missing, _BURST)):
            pod = await ctx.client.create(pod_from(replica_set.spec.template, replica_set))
            ctx.events.event(replica_set, "SuccessfulCreate", f"Created pod: {pod.name}", action="Create")
        for pod in deletion_order(pods)[: max(-missing, 0)]:
            try:
                await ctx.client.delete(Pod, pod.name, namespace=pod.namespace, uid=pod.uid)
            except (NotFound, Conflict):
                continue
            ctx.events.event(replica_set, "SuccessfulDelete", f"Deleted pod: {pod.name}", action="Delete")

    def _count(self, replica_set: ReplicaSet, pods: list[Pod], now: datetime) -> timedelta | None:
        """Write the numbers into the status; return when the next pod becomes available, if one will."""
        status = replica_set.status
        due = [available_at(pod, replica_set.spec.min_ready_seconds or 0) for pod in pods]
        labels = replica_set.spec.template.metadata.labels
        status.replicas = len(pods)
        status.fully_labeled_replicas = sum(labels.items() <= pod.metadata.labels.items() for pod in pods) or None
        status.ready_replicas = sum(map(is_ready, pods)) or None
        status.available_replicas = sum(1 for moment in due if moment is not None and moment <= now) or None
        status.observed_generation = replica_set.metadata.generation
        waits = [moment - now for moment in due if moment is not None and moment > now]
        return min(waits) if waits else None


def wanted_replicas(replica_set: ReplicaSet) -> int:
    """The number asked for; one if none is."""
    return 1 if replica_set.spec.replicas is None else replica_set.spec.replicas


def deletion_order(pods: list[Pod]) -> list[Pod]:
    """Which pods go first: unscheduled, not running, not ready, cheap to delete, then the youngest."""

    def rank(pod: Pod) -> tuple[bool, bool, bool, int, float, str]:
        created = pod.metadata.creation_timestamp
        return (
            bool(pod.spec.node_name),
            pod.status.phase == "Running",
            is_ready(pod),
            _deletion_cost(pod),
            -created.timestamp() if created else 0.0,
            pod.name,
        )

    return sorted(pods, key=rank)


def _deletion_cost(pod: Pod) -> int:
    try:
        return int(pod.metadata.annotations.get(_DELETION_COST, "0"))
    except ValueError:
        return 0


def replica_sets() -> Controller:
    """The controller of ReplicaSets."""
    return Controller(ReplicaSet, ReplicaSets(), owns=[Pod], indexes={OWNER: by_owner})

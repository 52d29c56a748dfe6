"""The ReplicaSet controller: keeps the wanted number of identical pods."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kubernaut.client import ApiError
from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.claiming import claim, possible_owners
from kubernaut.fake.controlplane.drafts import PodDraft
from kubernaut.fake.controlplane.indexes import OWNER_INDEXES
from kubernaut.fake.controlplane.lulled import Lulled
from kubernaut.fake.controlplane.pods import delete_pod, is_active, is_available, is_ready, next_available
from kubernaut.fake.controlplane.template import pod_from
from kubernaut.fake.controlplane.views import PodView, standing_changed
from kubernaut.reconcile import Context, Controller, Owns, Reconciler, Result, Watch
from kubernaut.resources.builtin.apps_v1 import ReplicaSet, ReplicaSetCondition

_BURST = 500
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


class ReplicaSets(Reconciler[ReplicaSet]):
    """Its pods are those whose controller reference names it; the runtime shows it its own creations first."""

    async def reconcile(self, replica_set: ReplicaSet, ctx: Context) -> Result | None:
        """Create or delete pods, and count them."""
        now = ctx.clock.now()
        owned = await claim(PodView, replica_set, replica_set.spec.selector, ctx, is_active)
        pods = [pod for pod in owned if is_active(pod)]
        self._count(replica_set, pods, owned, now)
        if replica_set.metadata.deletion_timestamp is None:
            await self._scale(replica_set, pods, now, ctx)
        wait = next_available(pods, replica_set.spec.min_ready_seconds or 0, now)
        return Result(requeue_after=wait) if wait is not None else None

    async def _scale(self, replica_set: ReplicaSet, pods: Sequence[PodView], now: datetime, ctx: Context) -> None:
        missing = wanted_replicas(replica_set) - len(pods)
        if missing >= 0:
            await self._create(replica_set, min(missing, _BURST), now, ctx)
        for pod in deletion_order(pods)[: min(max(-missing, 0), _BURST)]:
            await delete_pod(pod, ctx, replica_set)

    async def _create(self, replica_set: ReplicaSet, number: int, now: datetime, ctx: Context) -> None:
        known = replica_set.status.conditions
        draft = PodDraft.of(pod_from(replica_set.spec.template, replica_set)) if number else PodDraft()
        for _ in range(number):
            try:
                pod = await ctx.client.create(draft)
            except ApiError as error:
                if _is_terminating(error):
                    return
                message = f"Error creating: {error.message}"
                ctx.events.event(replica_set, "FailedCreate", message, type="Warning", action="Create")
                # Only where it is not there yet, as Kubernetes does: the message names a pod that is never the same.
                if all(c.type != "ReplicaFailure" for c in known):
                    conditions.put(
                        ReplicaSetCondition,
                        known,
                        "ReplicaFailure",
                        True,
                        now,
                        reason="FailedCreate",
                        message=error.message,
                    )
                raise
            ctx.events.event(replica_set, "SuccessfulCreate", f"Created pod: {pod.name}", action="Create")
        replica_set.status.conditions = [c for c in known if c.type != "ReplicaFailure"]

    def _count(self, replica_set: ReplicaSet, pods: Sequence[PodView], owned: Sequence[PodView], now: datetime) -> None:
        status, min_ready = replica_set.status, replica_set.spec.min_ready_seconds or 0
        labels = replica_set.spec.template.metadata.labels
        leaving = [
            pod for pod in owned if pod.metadata.deletion_timestamp and pod.status.phase in ("Pending", "Running")
        ]
        status.replicas = len(pods)
        status.fully_labeled_replicas = sum(labels.items() <= pod.metadata.labels.items() for pod in pods) or None
        status.ready_replicas = sum(map(is_ready, pods)) or None
        status.available_replicas = sum(is_available(pod, min_ready, now) for pod in pods) or None
        status.terminating_replicas = len(leaving)
        status.observed_generation = replica_set.metadata.generation


def _is_terminating(error: ApiError) -> bool:
    """The namespace is going: nothing is created in it any more, and nothing needs to be said about that."""
    return any(cause.reason == "NamespaceTerminating" for cause in error.causes)


def wanted_replicas(replica_set: ReplicaSet) -> int:
    """The number asked for; one if none is."""
    return 1 if replica_set.spec.replicas is None else replica_set.spec.replicas


def deletion_order(pods: Sequence[PodView]) -> list[PodView]:
    """Which pods go first: unscheduled, not running, not ready, cheap to delete, on fuller nodes, lately ready,
    often restarted, then the youngest (k8s.io/kubernetes pkg/controller, ActivePodsWithRanks).
    """
    by_node: dict[str | None, int] = {}
    for pod in pods:
        by_node[pod.spec.node_name] = by_node.get(pod.spec.node_name, 0) + 1

    def rank(pod: PodView) -> tuple[bool, bool, bool, int, int, float, int, float, str]:
        created_at = pod.metadata.creation_timestamp
        return (
            bool(pod.spec.node_name),
            pod.status.phase == "Running",
            is_ready(pod),
            _deletion_cost(pod),
            -by_node[pod.spec.node_name],
            -_ready_since(pod),
            -sum(status.restart_count for status in pod.status.container_statuses),
            -created_at.timestamp() if created_at else 0.0,
            pod.name,
        )

    return sorted(pods, key=rank)


def _ready_since(pod: PodView) -> float:
    for condition in pod.status.conditions:
        if condition.type == "Ready" and condition.status == "True" and condition.last_transition_time is not None:
            return condition.last_transition_time.timestamp()
    return 0.0


def _deletion_cost(pod: PodView) -> int:
    try:
        return int(pod.metadata.annotations.get(_DELETION_COST, "0"))
    except ValueError:
        return 0


def replica_sets() -> Controller:
    """The controller of ReplicaSets."""
    return Controller(
        ReplicaSet,
        Lulled(ReplicaSet, ReplicaSets()),
        name="replicaset-controller",
        owns=[Owns(PodView, predicates=[standing_changed])],
        watches=[Watch(PodView, to=possible_owners(ReplicaSet), predicates=[standing_changed])],
        indexes=OWNER_INDEXES,
    )

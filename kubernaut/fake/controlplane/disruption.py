"""The disruption controller: how many pods a PodDisruptionBudget still lets go.

The rules are those of k8s.io/kubernetes pkg/controller/disruption.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from kubernaut.client import NotFound, ObjectHead
from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.indexes import INDEX, by_selector, labelled, selecting, selecting_by_expression
from kubernaut.fake.controlplane.lulled import Lulled
from kubernaut.fake.controlplane.pods import is_ready
from kubernaut.fake.controlplane.replicasets import wanted_replicas
from kubernaut.fake.controlplane.rollout import resolve
from kubernaut.fake.controlplane.selecting import selects
from kubernaut.fake.controlplane.views import PodView, standing_changed
from kubernaut.reconcile import Cache, Context, Controller, NotCached, Reconciler, Request, Result, Watch
from kubernaut.resources import Condition, IntOrString, OwnerReference
from kubernaut.resources.builtin.apps_v1 import Deployment, ReplicaSet, StatefulSet
from kubernaut.resources.builtin.policy_v1 import PodDisruptionBudget

_DELETION_TIMEOUT = timedelta(minutes=2)
"""How long an evicted pod counts as going before its deletion is seen."""


class _NotCountable(Exception):
    """How many pods there should be cannot be told; the text says why."""


class Disruption(Reconciler[PodDisruptionBudget]):
    """Evictions spend the budget in the server; this controller fills it up again."""

    async def reconcile(self, budget: PodDisruptionBudget, ctx: Context) -> Result | None:
        """Count the pods and what may be disrupted."""
        now, status = ctx.clock.now(), budget.status
        pods = _pods_of(budget, ctx)
        if not pods:
            ctx.events.event(budget, "NoPods", "No matching pods found", action="Count")
        status.observed_generation = budget.metadata.generation
        try:
            expected, desired = _counts(budget, pods, ctx)
        except _NotCountable as error:
            words = f"Failed to calculate the number of expected pods: {error}"
            ctx.events.event(budget, "CalculateExpectedPodCountFailed", words, type="Warning", action="Count")
            status.disruptions_allowed = 0
            _put(budget, False, now, "SyncFailed", str(error))
            return None
        wait = _forget_disrupted(budget, pods, now, ctx)
        healthy = sum(
            1
            for pod in pods
            if pod.metadata.deletion_timestamp is None and pod.name not in status.disrupted_pods and is_ready(pod)
        )
        allowed = max(healthy - desired, 0) if expected > 0 else 0
        status.current_healthy, status.desired_healthy = healthy, desired
        status.expected_pods, status.disruptions_allowed = expected, allowed
        _put(budget, allowed > 0, now, "SufficientPods" if allowed else "InsufficientPods", "")
        return Result(requeue_after=wait) if wait is not None else None


def _pods_of(budget: PodDisruptionBudget, ctx: Context) -> list[PodView]:
    selector = budget.spec.selector
    if selector is None:
        return []
    key = min(selector.match_labels, default=None)
    index = labelled(budget.namespace, key, selector.match_labels[key]) if key is not None else None
    found = ctx.cache.heads(PodView, namespace=budget.namespace, index=index)
    names = [head.name for head in found if selects(selector, head.labels or {})]
    return [ctx.cache.get(PodView, name, budget.namespace) for name in names]


def _counts(budget: PodDisruptionBudget, pods: Sequence[PodView], ctx: Context) -> tuple[int, int]:
    """How many pods there should be, and how many of them healthy."""
    spec = budget.spec
    if spec.max_unavailable is not None:
        expected = _expected(pods, ctx)
        return expected, max(expected - _resolved(spec.max_unavailable, expected), 0)
    if spec.min_available is None:
        return len(pods), 0
    if isinstance(spec.min_available, int):
        return len(pods), spec.min_available
    expected = _expected(pods, ctx)
    return expected, _resolved(spec.min_available, expected)


def _resolved(value: IntOrString, of: int) -> int:
    return resolve(value, of, up=True)


def _expected(pods: Sequence[PodView], ctx: Context) -> int:
    """The sum of what the pods' controllers want."""
    scales: dict[str, int] = {}
    for pod in pods:
        reference = pod.metadata.controller_reference()
        if reference is None:
            raise _NotCountable(f'found no controller ref for pod "{pod.name}"')
        if reference.uid not in scales:
            uid, scale = _scale(reference, pod.namespace, ctx)
            scales[reference.uid] = 0 if uid in scales else scale
            scales.setdefault(uid, scale)
            if uid != reference.uid:
                scales[reference.uid] = 0
    return sum(scales.values())


def _scale(reference: OwnerReference, namespace: str | None, ctx: Context) -> tuple[str, int]:
    """The uid of the object that is scaled, and its number of replicas."""
    try:
        if reference.kind == "StatefulSet":
            stateful_set = ctx.cache.get(StatefulSet, reference.name, namespace)
            return reference.uid, 1 if stateful_set.spec.replicas is None else stateful_set.spec.replicas
        if reference.kind != "ReplicaSet":
            raise _NotCountable(f"{reference.kind}.{reference.api_version} does not implement the scale subresource")
        replica_set = ctx.cache.get(ReplicaSet, reference.name, namespace)
        parent = replica_set.metadata.controller_reference()
        if parent is None or parent.kind != "Deployment":
            return reference.uid, wanted_replicas(replica_set)
        deployment = ctx.cache.get(Deployment, parent.name, namespace)
        return parent.uid, 1 if deployment.spec.replicas is None else deployment.spec.replicas
    except NotFound:
        return reference.uid, 0


def _forget_disrupted(
    budget: PodDisruptionBudget, pods: Sequence[PodView], now: datetime, ctx: Context
) -> timedelta | None:
    """Keep only evictions that were not seen yet; answers how long until the next one is no longer believed in."""
    there = {pod.name: pod for pod in pods}
    waits: list[timedelta] = []
    for name, since in list(budget.status.disrupted_pods.items()):
        pod, until = there.get(name), since + _DELETION_TIMEOUT
        if pod is None or pod.metadata.deletion_timestamp is not None or until <= now:
            del budget.status.disrupted_pods[name]
            if pod is not None and pod.metadata.deletion_timestamp is None:
                words = f"Pod was expected by PDB {budget.namespace}/{budget.name} to be deleted but it wasn't"
                ctx.events.event(pod, "NotDeleted", words, type="Warning", action="Count")
        else:
            waits.append(until - now)
    return min(waits) if waits else None


def _put(budget: PodDisruptionBudget, allowed: bool, now: datetime, reason: str, message: str) -> None:
    known = budget.status.conditions
    found = conditions.put(Condition, known, "DisruptionAllowed", allowed, now, reason=reason, message=message)
    found.observed_generation = budget.metadata.generation


def _budgets_of(head: ObjectHead, cache: Cache) -> list[Request]:
    """The budgets whose selector matches a pod's labels."""
    labels = head.labels or {}
    places = [selecting(head.namespace, key, value) for key, value in labels.items()]
    found: dict[Request, None] = {}
    try:
        for place in [*places, selecting_by_expression(head.namespace)]:
            for budget in cache.list(PodDisruptionBudget, namespace=head.namespace, index=place):
                if selects(budget.spec.selector, labels):
                    found[Request(budget.namespace, budget.name)] = None
    except NotCached:
        return []
    return [*found]


def _all_in_namespace(head: ObjectHead, cache: Cache) -> Iterable[Request]:
    """What is scaled may concern any budget of its namespace."""
    try:
        return [Request(one.namespace, one.name) for one in cache.heads(PodDisruptionBudget, namespace=head.namespace)]
    except NotCached:
        return []


def _index(budget: PodDisruptionBudget) -> list[str]:
    return by_selector(budget.namespace, budget.spec.selector)


def disruption() -> Controller:
    """The controller of PodDisruptionBudgets."""
    scaled = [Watch(kind, to=_all_in_namespace) for kind in (Deployment, StatefulSet)]
    return Controller(
        PodDisruptionBudget,
        Lulled(PodDisruptionBudget, Disruption()),
        name="controllermanager",
        watches=[
            Watch(PodView, to=_budgets_of, predicates=[standing_changed]),
            *scaled,
            Watch(ReplicaSet, to=lambda head: ()),
        ],
        indexes={INDEX: _index},
    )

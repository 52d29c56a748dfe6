"""The StatefulSet controller (k8s.io/kubernetes pkg/controller/statefulset, stateful_set_control.go)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kubernaut.client import AlreadyExists, ApiError, Conflict, MergePatch, NotFound
from kubernaut.fake.controlplane.claiming import claim, possible_owners
from kubernaut.fake.controlplane.indexes import FINISHED, OWNER_INDEXES
from kubernaut.fake.controlplane.lulled import Lulled
from kubernaut.fake.controlplane.pods import delete_pod, is_available, is_ready, next_available
from kubernaut.fake.controlplane.revisions import REVISION_LABEL, drop_old_revisions, sync_revisions
from kubernaut.fake.controlplane.rollout import resolve
from kubernaut.fake.controlplane.statefulsets.identity import (
    claim_name,
    first_ordinal,
    new_claim,
    new_pod,
    ordinal_of,
)
from kubernaut.fake.controlplane.statefulsets.status import Revisions, summarise
from kubernaut.fake.controlplane.views import PodView, standing_changed
from kubernaut.reconcile import Context, Controller, Owns, Reconciler, Result, Watch
from kubernaut.resources.builtin.apps_v1 import ControllerRevision, StatefulSet
from kubernaut.resources.builtin.core_v1 import PersistentVolumeClaim

_HASH = "controller.kubernetes.io/hash"


class StatefulSets(Reconciler[StatefulSet]):
    """One step in each reconcile where the pods go in order; the change it makes calls for the next."""

    async def reconcile(self, stateful_set: StatefulSet, ctx: Context) -> Result | None:
        """Make, update or delete the next pods, and count them."""
        now = ctx.clock.now()
        pods = await claim(
            PodView,
            stateful_set,
            stateful_set.spec.selector,
            ctx,
            lambda pod: ordinal_of(stateful_set, pod) is not None,
        )
        if stateful_set.metadata.deletion_timestamp is not None:
            return None
        update, history = await sync_revisions(stateful_set, _HASH, ctx)
        current = next((one for one in history if one.name == stateful_set.status.current_revision), update)
        revisions = Revisions(current, update)
        summarise(stateful_set, pods, revisions, now)
        await _Round(stateful_set, pods, revisions, now, ctx).run()
        live = {current.name, update.name, *(pod.metadata.labels.get(REVISION_LABEL, "") for pod in pods)}
        await drop_old_revisions(history, live, stateful_set.spec.revision_history_limit, ctx)
        wait = next_available(pods, stateful_set.spec.min_ready_seconds or 0, now)
        return Result(requeue_after=wait) if wait is not None else None


class _Round:
    """One look at all pods of a set."""

    def __init__(
        self, stateful_set: StatefulSet, pods: Sequence[PodView], revisions: Revisions, now: datetime, ctx: Context
    ) -> None:
        self._set = stateful_set
        self._revisions = revisions
        self._now = now
        self._ctx = ctx
        self._ordered = stateful_set.spec.pod_management_policy != "Parallel"
        self._start = first_ordinal(stateful_set)
        wanted = 1 if stateful_set.spec.replicas is None else stateful_set.spec.replicas
        self._ordinals = range(self._start, self._start + wanted)
        self._pods = {number: pod for pod in pods if (number := ordinal_of(stateful_set, pod)) is not None}

    async def run(self) -> None:
        """Fill up from below, scale down from above, then update from above."""
        for ordinal in self._ordinals:
            if not await self._fill(ordinal):
                return
        for ordinal in sorted((number for number in self._pods if number not in self._ordinals), reverse=True):
            if not await self._condemn(ordinal):
                return
        if self._strategy() != "OnDelete":
            await self._update()

    async def _fill(self, ordinal: int) -> bool:
        """Whether the pod is as it should be, so that the next may be looked at."""
        pod = self._pods.get(ordinal)
        if pod is None:
            await self._create(ordinal)
            return not self._ordered
        if pod.metadata.deletion_timestamp is not None:
            return not self._ordered
        if pod.status.phase in FINISHED:
            words = f"StatefulSet {self._set.namespace}/{self._set.name} is recreating failed Pod {pod.name}"
            self._ctx.events.event(self._set, "RecreatingFailedPod", words, type="Warning", action="Recreate")
            await self._delete(pod)
            return not self._ordered
        return not self._ordered or self._is_available(pod)

    async def _condemn(self, ordinal: int) -> bool:
        pod = self._pods[ordinal]
        if pod.metadata.deletion_timestamp is not None:
            return not self._ordered
        await self._give_claims_away(pod, ordinal)
        await self._delete(pod)
        return not self._ordered

    async def _update(self) -> None:
        lowest = self._start + self._partition()
        down = sum(1 for number in self._ordinals if not self._is_healthy(number))
        for ordinal in reversed(self._ordinals):
            if ordinal < lowest or down > self._max_unavailable():
                return
            pod = self._pods.get(ordinal)
            if pod is None or pod.metadata.deletion_timestamp is not None:
                return
            outdated = pod.metadata.labels.get(REVISION_LABEL) != self._revisions.update.name
            if outdated:
                if self._is_healthy(ordinal) and down >= self._max_unavailable():
                    return
                await self._delete(pod)
                down += self._is_healthy(ordinal)
                if down >= self._max_unavailable():
                    return
            elif not self._is_healthy(ordinal) and down >= self._max_unavailable():
                return

    async def _create(self, ordinal: int) -> None:
        await self._make_claims(ordinal)
        pod = new_pod(self._set, self._revision_for(ordinal), ordinal)
        where = f"Pod {pod.name} in StatefulSet {self._set.name}"
        try:
            await self._ctx.client.create(pod)
        except AlreadyExists:
            return
        except ApiError as error:
            words = f"create {where} failed error: {error.message}"
            self._ctx.events.event(self._set, "FailedCreate", words, type="Warning", action="Create")
            raise
        self._ctx.events.event(self._set, "SuccessfulCreate", f"create {where} successful", action="Create")

    async def _make_claims(self, ordinal: int) -> None:
        for template in self._set.spec.volume_claim_templates:
            made = new_claim(self._set, template, ordinal)
            try:
                await self._ctx.client.create(made)
            except AlreadyExists:
                continue
            words = f"create Claim {made.name} Pod {self._set.name}-{ordinal} in StatefulSet {self._set.name} success"
            self._ctx.events.event(self._set, "SuccessfulCreate", words, action="Create")

    async def _give_claims_away(self, pod: PodView, ordinal: int) -> None:
        """With whenScaled Delete the claims of a pod that is scaled away go with it."""
        policy = self._set.spec.persistent_volume_claim_retention_policy
        if policy is None or policy.when_scaled != "Delete":
            return
        reference = pod.owner_reference(controller=False, block=False)
        for template in self._set.spec.volume_claim_templates:
            name = claim_name(self._set, template, ordinal)
            patch = MergePatch({"metadata": {"ownerReferences": [reference.to_dict()]}})
            try:
                await self._ctx.client.patch(PersistentVolumeClaim, name, patch, namespace=self._set.namespace)
            except (NotFound, Conflict):
                continue

    async def _delete(self, pod: PodView) -> None:
        if await delete_pod(pod, self._ctx):
            words = f"delete Pod {pod.name} in StatefulSet {self._set.name} successful"
            self._ctx.events.event(self._set, "SuccessfulDelete", words, action="Delete")

    def _revision_for(self, ordinal: int) -> ControllerRevision:
        """During an update, ordinals below the partition, or not reached yet, keep the old template."""
        if self._revisions.current.name == self._revisions.update.name or self._strategy() != "RollingUpdate":
            return self._revisions.update if self._strategy() == "RollingUpdate" else self._revisions.current
        rolling = self._set.spec.update_strategy.rolling_update if self._set.spec.update_strategy else None
        if rolling is None or not rolling.partition:
            old = self._set.status.current_replicas or 0
            return self._revisions.current if ordinal < self._start + old else self._revisions.update
        below = ordinal < self._start + rolling.partition
        return self._revisions.current if below else self._revisions.update

    def _strategy(self) -> str:
        strategy = self._set.spec.update_strategy
        return (strategy.type or "RollingUpdate") if strategy is not None else "RollingUpdate"

    def _partition(self) -> int:
        strategy = self._set.spec.update_strategy
        rolling = strategy.rolling_update if strategy is not None else None
        return (rolling.partition or 0) if rolling is not None else 0

    def _max_unavailable(self) -> int:
        strategy = self._set.spec.update_strategy
        rolling = strategy.rolling_update if strategy is not None else None
        wanted = rolling.max_unavailable if rolling is not None else None
        return max(resolve(wanted, len(self._ordinals), up=False, default=1), 1)

    def _is_available(self, pod: PodView) -> bool:
        return pod.status.phase == "Running" and is_available(pod, self._set.spec.min_ready_seconds or 0, self._now)

    def _is_healthy(self, ordinal: int) -> bool:
        pod = self._pods.get(ordinal)
        return pod is not None and pod.metadata.deletion_timestamp is None and is_ready(pod) and self._is_available(pod)


def stateful_sets() -> Controller:
    """The controller of StatefulSets."""
    return Controller(
        StatefulSet,
        Lulled(StatefulSet, StatefulSets()),
        name="statefulset-controller",
        owns=[Owns(PodView, predicates=[standing_changed])],
        watches=[
            Watch(PodView, to=possible_owners(StatefulSet), predicates=[standing_changed]),
            Watch(ControllerRevision, to=lambda head: (), indexes=OWNER_INDEXES),
        ],
    )

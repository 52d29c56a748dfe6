"""Evicts pods from nodes whose NoExecute taints they do not, or no longer, tolerate; removes those of lost nodes."""

from __future__ import annotations

from datetime import datetime, timedelta

from kubernaut.client import Conflict, NotFound, ObjectHead, StrategicMergePatch
from kubernaut.fake.controlplane.affinity import tolerates
from kubernaut.fake.controlplane.indexes import FINISHED, on_node
from kubernaut.fake.controlplane.nodes import standing_changed
from kubernaut.fake.controlplane.pods import delete_pod
from kubernaut.fake.controlplane.views import PodView, glimpse
from kubernaut.reconcile import Cache, Change, Context, Controller, NotCached, Request, RequestReconciler, Result, Watch
from kubernaut.resources import format_time
from kubernaut.resources.builtin.core_v1 import Node, Pod

_QUARANTINE = timedelta(seconds=40)
"""How long a pod may be on a node that does not exist (k8s.io/kubernetes pkg/controller/podgc)."""


class TaintEviction(RequestReconciler):
    """Looks at a pod's tolerations only where its node has such taints."""

    def __init__(self) -> None:
        # By the pod's uid: since when its node has had taints that do not say since when.
        self._since: dict[str, datetime] = {}

    async def reconcile(self, request: Request, ctx: Context) -> Result | None:
        """Delete the pod, now or when its tolerations run out."""
        stored = ctx.cache.whole(Pod.resource_type, request.name, request.namespace)
        if stored is None:
            return None
        seen, uid = glimpse(stored.raw), stored.head.uid
        if not seen.spec.node_name or seen.metadata.deletion_timestamp or seen.status.phase in FINISHED:
            self._since.pop(uid, None)
            return None
        try:
            node = ctx.cache.get(Node, seen.spec.node_name)
        except NotFound:
            return None
        taints = [taint for taint in node.spec.taints if taint.effect == "NoExecute"]
        if not taints:
            self._since.pop(uid, None)
            return None
        pod, now = Pod.from_json(stored.raw), ctx.clock.now()
        since = self._since.setdefault(uid, now)
        waits: list[timedelta] = []
        for taint in taints:
            matching = [one for one in pod.spec.tolerations if tolerates(one, taint)]
            if not matching:
                await self._evict(pod, ctx)
                return None
            limits = [one.toleration_seconds for one in matching if one.toleration_seconds is not None]
            if limits:
                waits.append((taint.time_added or since) + timedelta(seconds=max(min(limits), 0)) - now)
        if waits and min(waits) <= timedelta():
            await self._evict(pod, ctx)
            return None
        return Result(requeue_after=min(waits)) if waits else None

    async def _evict(self, pod: Pod, ctx: Context) -> None:
        words = f"Marking for deletion Pod {pod.namespace}/{pod.name}"
        ctx.events.event(pod, "TaintManagerEviction", words, action="Delete")
        message = "Taint manager: deleting due to NoExecute taint"
        await mark_disrupted(pod, "DeletionByTaintManager", message, ctx)
        await delete_pod(pod, ctx)


class LostNodes(RequestReconciler):
    """Removes pods whose node does not exist any more; there is nobody who would end them."""

    def __init__(self) -> None:
        # By uid: when a pod was first seen without its node.
        self._since: dict[str, float] = {}

    async def reconcile(self, request: Request, ctx: Context) -> Result | None:
        """Delete the pod at once, with no grace, after a quarantine or when it is being deleted anyway."""
        try:
            pod = ctx.cache.get(PodView, request.name, request.namespace)
        except NotFound:
            return None
        if not pod.spec.node_name or _exists(pod.spec.node_name, ctx):
            return None
        if pod.metadata.deletion_timestamp is None and not self._served(pod, ctx):
            return Result(requeue_after=_QUARANTINE)
        words = "PodGC: node no longer exists"
        await mark_disrupted(pod, "DeletionByPodGC", words, ctx)
        try:
            await ctx.client.delete(Pod, pod.name, namespace=pod.namespace, uid=pod.uid, grace_period=0)
        except (NotFound, Conflict):
            return None
        return None

    def _served(self, pod: PodView, ctx: Context) -> bool:
        now = ctx.clock.now().timestamp()
        since = self._since.setdefault(pod.uid or "", now)
        if now - since < _QUARANTINE.total_seconds() - 1:
            return False
        del self._since[pod.uid or ""]
        return True


async def mark_disrupted(pod: Pod | PodView, reason: str, message: str, ctx: Context) -> None:
    """Write condition DisruptionTarget, which pod failure policies look at."""
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": format_time(ctx.clock.now()),
    }
    patch = StrategicMergePatch({"metadata": {"uid": pod.uid}, "status": {"conditions": [condition]}})
    try:
        await ctx.client.patch(PodView, pod.name, patch, namespace=pod.namespace, subresource="status")
    except (NotFound, Conflict):
        return


def _exists(name: str, ctx: Context) -> bool:
    try:
        ctx.cache.head(Node, name)
    except NotFound:
        return False
    return True


def _is_bound_anew(change: Change) -> bool:
    new = glimpse(change.new.raw)
    if not new.spec.node_name:
        return False
    if change.old is None:
        return True
    old = glimpse(change.old.raw)
    return (old.spec.node_name, old.metadata.deletion_timestamp) != (
        new.spec.node_name,
        new.metadata.deletion_timestamp,
    )


def _pods_on(head: ObjectHead, cache: Cache) -> list[Request]:
    try:
        return [Request(pod.namespace, pod.name) for pod in cache.heads(PodView, index=on_node(head.name))]
    except NotCached:
        return []


def _is_deleted(change: Change) -> bool:
    return change.type == "DELETED"


def taint_eviction() -> list[Controller]:
    """The controllers that take pods off nodes that are not well, or not there."""
    watches = [Watch(Node, to=_pods_on, predicates=[standing_changed])]
    gone = [Watch(Node, to=_pods_on, predicates=[_is_deleted])]
    return [
        Controller(
            PodView, TaintEviction(), name="taint-eviction-controller", predicates=[_is_bound_anew], watches=watches
        ),
        Controller(PodView, LostNodes(), name="pod-garbage-collector", predicates=[_is_bound_anew], watches=gone),
    ]

"""The scheduler: binds each pending pod to the node with the fewest pods that will have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from kubernaut.client import ApiError, Conflict, NotFound, ObjectHead
from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.affinity import refusal
from kubernaut.fake.controlplane.indexes import FINISHED, NODE, POD_INDEXES
from kubernaut.reconcile import Cache, Context, Controller, NotCached, Reconciler, Request, Result, Watch
from kubernaut.resources.builtin.core_v1 import Node, Pod, PodCondition


class Scheduler(Reconciler[Pod]):
    """Looks only at whether a node will have the pod and how many pods it has; not at resources."""

    def __init__(self) -> None:
        # Bindings the cache does not show yet, by the pod's uid: without them a burst of pods lands on one node.
        self._assumed: dict[str, str] = {}

    async def reconcile(self, pod: Pod, ctx: Context) -> Result | None:
        """Bind the pod, or say in its status why that is not possible."""
        uid = pod.uid or ""
        if pod.spec.node_name or pod.metadata.deletion_timestamp is not None or pod.status.phase in FINISHED:
            self._assumed.pop(uid, None)
            return None
        if uid in self._assumed:
            return None
        nodes = list(ctx.cache.list(Node))
        refusals = {node.name: refusal(pod, node) for node in nodes}
        fitting = [node.name for node in nodes if refusals[node.name] is None]
        if not fitting:
            message = unschedulable_message(refusals.values())
            now = ctx.clock.now()
            pod.status.phase = pod.status.phase or "Pending"
            known = pod.status.conditions
            conditions.put(PodCondition, known, "PodScheduled", False, now, reason="Unschedulable", message=message)
            ctx.events.event(pod, "FailedScheduling", message, type="Warning", action="Scheduling")
            return None
        node_name = self._least_used(fitting, ctx)
        self._assumed[uid] = node_name
        try:
            await _bind(pod, node_name, ctx)
        except BaseException:
            del self._assumed[uid]
            raise
        return None

    def _least_used(self, names: Sequence[str], ctx: Context) -> str:
        pods = Counter(self._assumed.values())
        for name in names:
            pods[name] += len(ctx.cache.list(Pod, index=(NODE, name)))
        return min(names, key=lambda name: (pods[name], name))


def unschedulable_message(refusals: Iterable[str | None]) -> str:
    """The scheduler's words for why no node will have a pod."""
    reasons = [reason for reason in refusals if reason]
    if not reasons:
        return "no nodes available to schedule pods"
    counted = ", ".join(f"{number} node(s) {reason}" for reason, number in sorted(Counter(reasons).items()))
    return f"0/{len(reasons)} nodes are available: {counted}."


async def _bind(pod: Pod, node_name: str, ctx: Context) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node_name},
    }
    try:
        await ctx.client.request("POST", Pod.resource_type.path(pod.namespace, pod.name, "binding"), body=body)
    except NotFound:
        return
    except Conflict:
        # Bound already, or deleted: the pod's own event will tell.
        return
    except ApiError as error:
        ctx.events.event(
            pod, "FailedScheduling", f"binding rejected: {error.message}", type="Warning", action="Binding"
        )
        raise


def _pending_pods(head: ObjectHead, cache: Cache) -> list[Request]:
    """A change of any node concerns every pod that has none."""
    try:
        pods = cache.list(Pod)
    except NotCached:
        return []
    return [Request(pod.namespace, pod.name) for pod in pods if not pod.spec.node_name]


def scheduler() -> Controller:
    """The controller that binds pods."""
    return Controller(Pod, Scheduler(), name="scheduler", watches=[Watch(Node, to=_pending_pods)], indexes=POD_INDEXES)

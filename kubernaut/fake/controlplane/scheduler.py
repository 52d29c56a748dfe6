"""The scheduler: binds each pending pod to the emptiest node that will have it and has room for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from kubernaut.client import ApiError, Conflict, NotFound, ObjectHead, StrategicMergePatch
from kubernaut.fake.controlplane.accounts import Accounts
from kubernaut.fake.controlplane.affinity import refusal
from kubernaut.fake.controlplane.indexes import FINISHED, POD_INDEXES, WAITING, on_node
from kubernaut.fake.controlplane.requests import Amounts, allocatable, lacking, requests_in
from kubernaut.fake.controlplane.views import PodView, glimpse
from kubernaut.reconcile import (
    Cache,
    Change,
    ChangeType,
    Context,
    Controller,
    NotCached,
    Request,
    RequestReconciler,
    Result,
    Watch,
)
from kubernaut.resources import format_time
from kubernaut.resources.builtin.core_v1 import Node, PersistentVolumeClaim, Pod

SCHEDULER = "default-scheduler"


class Scheduler(RequestReconciler):
    """One pod at a time, by its own requests and the sums of what is on each node. It evicts nothing to make room."""

    def __init__(self) -> None:
        self._accounts = Accounts()
        self._nodes = _Nodes()

    async def reconcile(self, request: Request, ctx: Context) -> Result | None:
        """Bind the pod, or say in its status why that is not possible; keep account of pods that have a node."""
        stored = ctx.cache.whole(Pod.resource_type, request.name, request.namespace)
        seen = glimpse(stored.raw) if stored is not None else None
        if stored is None or seen is None or seen.status.phase in FINISHED:
            self._accounts.remove(request)
            return None
        uid, wanted = stored.head.uid, requests_in(stored.raw)
        if seen.spec.node_name:
            self._accounts.enter(request, uid, seen.spec.node_name, wanted)
            return None
        if seen.metadata.deletion_timestamp is not None or self._accounts.holds(request, uid):
            return None
        pod = Pod.from_json(stored.raw)
        if (pod.spec.scheduler_name or SCHEDULER) != SCHEDULER:
            return None
        await self._schedule(request, pod, wanted, ctx)
        return None

    async def _schedule(self, request: Request, pod: Pod, wanted: Amounts, ctx: Context) -> None:
        if pod.spec.scheduling_gates:
            await _report(pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates", ctx)
            return
        message = _unbound_claim(pod, ctx)
        if message is None:
            refusals = {node.name: self._refusal(pod, node, wanted) for node in self._nodes.all(ctx.cache)}
            fitting = [name for name, reasons in refusals.items() if not reasons]
            if fitting:
                chosen = min(fitting, key=lambda name: (self._accounts.of(name).pods, name))
                await self._bind(request, pod, chosen, wanted, ctx)
                return
            message = unschedulable_message(refusals.values())
        await _report(pod, "Unschedulable", message, ctx)
        ctx.events.event(pod, "FailedScheduling", message, type="Warning", action="Scheduling")

    def _refusal(self, pod: Pod, node: Node, wanted: Amounts) -> list[str]:
        reason = refusal(pod, node)
        if reason is not None:
            return [f"node(s) {reason}"]
        used, room = self._accounts.of(node.name), allocatable(node.status.allocatable)
        too_many = "pods" in room and (used.pods + 1) * 1000 > room["pods"]
        return [*(["Too many pods"] if too_many else []), *lacking(wanted, used.amounts, room)]

    async def _bind(self, request: Request, pod: Pod, node: str, wanted: Amounts, ctx: Context) -> None:
        # Entered first: the cache will show it later, and a burst of pods must not land on one node.
        self._accounts.enter(request, pod.uid or "", node, wanted)
        try:
            await _post_binding(pod, node, ctx)
        except BaseException:
            self._accounts.remove(request)
            raise
        words = f"Successfully assigned {pod.namespace}/{pod.name} to {node}"
        ctx.events.event(pod, "Scheduled", words, action="Binding")


class _Nodes:
    """The decoded nodes: decoding all of them for each pod would cost more than all else."""

    def __init__(self) -> None:
        self._decoded: dict[str, Node] = {}

    def all(self, cache: Cache) -> list[Node]:
        """Every node, for reading only."""
        kept = self._decoded
        self._decoded = {}
        for head in cache.heads(Node):
            known = kept.get(head.name)
            if known is None or known.metadata.resource_version != head.resource_version or known.uid != head.uid:
                known = cache.get(Node, head.name)
            self._decoded[head.name] = known
        return list(self._decoded.values())


def unschedulable_message(refusals: Iterable[Sequence[str]]) -> str:
    """The scheduler's words for why no node will have a pod."""
    every = list(refusals)
    if not every:
        return "no nodes available to schedule pods"
    counted = Counter(reason for reasons in every for reason in reasons)
    words = ", ".join(f"{number} {reason}" for reason, number in sorted(counted.items()))
    return f"0/{len(every)} nodes are available: {words}."


def _unbound_claim(pod: Pod, ctx: Context) -> str | None:
    """Why the pod's volumes keep it from being scheduled, if they do."""
    for volume in pod.spec.volumes:
        source = volume.persistent_volume_claim
        if source is None:
            continue
        try:
            claim = ctx.cache.get(PersistentVolumeClaim, source.claim_name, pod.namespace)
        except NotFound:
            return f'persistentvolumeclaim "{source.claim_name}" not found'
        if claim.metadata.deletion_timestamp is not None:
            return f'persistentvolumeclaim "{source.claim_name}" is being deleted'
        if claim.status.phase != "Bound":
            return "pod has unbound immediate PersistentVolumeClaims"
    return None


async def _report(pod: Pod, reason: str, message: str, ctx: Context) -> None:
    """Write condition PodScheduled, unless it says so already."""
    found = next((c for c in pod.status.conditions if c.type == "PodScheduled"), None)
    if found is not None and (found.status, found.reason, found.message) == ("False", reason, message):
        return
    since = found.last_transition_time if found is not None and found.status == "False" else None
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": reason,
        "message": message,
        "lastTransitionTime": format_time(since or ctx.clock.now()),
    }
    patch = StrategicMergePatch({"metadata": {"uid": pod.uid}, "status": {"conditions": [condition]}})
    try:
        await ctx.client.patch(PodView, pod.name, patch, namespace=pod.namespace, subresource="status")
    except (NotFound, Conflict):
        return


async def _post_binding(pod: Pod, node_name: str, ctx: Context) -> None:
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
        words = f"binding rejected: {error.message}"
        ctx.events.event(pod, "FailedScheduling", words, type="Warning", action="Binding")
        raise


def _concerns(change: Change) -> bool:
    """Whether a pod came, went, was bound, ended, is going, or asks for something else now."""
    if change.type is not ChangeType.MODIFIED or change.old is None:
        return True
    old, new = glimpse(change.old.raw), glimpse(change.new.raw)
    if (old.spec.node_name, old.metadata.deletion_timestamp) != (new.spec.node_name, new.metadata.deletion_timestamp):
        return True
    if (old.status.phase in FINISHED) != (new.status.phase in FINISHED):
        return True
    return change.old.head.generation != change.new.head.generation


def _frees_room(change: Change) -> bool:
    """Whether a pod that had a node has gone or ended."""
    new = glimpse(change.new.raw)
    if not new.spec.node_name or change.type is ChangeType.ADDED or change.old is None:
        return False
    if change.type is ChangeType.DELETED:
        return new.status.phase not in FINISHED
    return new.status.phase in FINISHED and glimpse(change.old.raw).status.phase not in FINISHED


def _room_changed(change: Change) -> bool:
    """A node's heartbeat is no reason to try again."""
    if change.type is not ChangeType.MODIFIED or change.old is None:
        return True
    old, new = Node.from_json(change.old.raw), Node.from_json(change.new.raw)
    seen = [
        (n.spec, n.metadata.labels, n.status.allocatable, [(c.type, c.status) for c in n.status.conditions])
        for n in (old, new)
    ]
    return seen[0] != seen[1]


def _waiting_pods(head: ObjectHead, cache: Cache) -> list[Request]:
    """More room concerns every pod that has no node."""
    try:
        heads = cache.heads(PodView, index=on_node(WAITING))
    except NotCached:
        return []
    return [Request(waiting.namespace, waiting.name) for waiting in heads]


def scheduler() -> Controller:
    """The controller that binds pods."""
    return Controller(
        PodView,
        Scheduler(),
        name=SCHEDULER,
        predicates=[_concerns],
        watches=[
            Watch(Node, to=_waiting_pods, predicates=[_room_changed]),
            Watch(PodView, to=_waiting_pods, predicates=[_frees_room], priority=-1),
            Watch(PersistentVolumeClaim, to=_waiting_pods),
        ],
        indexes=POD_INDEXES,
    )

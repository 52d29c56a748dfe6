"""The DaemonSet controller (k8s.io/kubernetes pkg/controller/daemon)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kubernaut.client import ApiError, ObjectHead
from kubernaut.fake.controlplane.claiming import claim, possible_owners
from kubernaut.fake.controlplane.daemonsets.placing import daemon_pod, node_of, wants
from kubernaut.fake.controlplane.indexes import FINISHED, OWNER_INDEXES
from kubernaut.fake.controlplane.lulled import Lulled
from kubernaut.fake.controlplane.nodes import standing_changed as node_changed
from kubernaut.fake.controlplane.pods import delete_pod, is_available, is_ready, next_available
from kubernaut.fake.controlplane.revisions import REVISION_LABEL, drop_old_revisions, sync_revisions
from kubernaut.fake.controlplane.rollout import resolve
from kubernaut.fake.controlplane.views import PodView, standing_changed
from kubernaut.reconcile import Cache, Context, Controller, NotCached, Owns, Reconciler, Request, Result, Watch
from kubernaut.resources.builtin.apps_v1 import ControllerRevision, DaemonSet
from kubernaut.resources.builtin.core_v1 import Node, Pod


class DaemonSets(Reconciler[DaemonSet]):
    """Pods are told apart by node; of two on one node the older stays."""

    async def reconcile(self, daemon_set: DaemonSet, ctx: Context) -> Result | None:
        """Make missing pods, delete misplaced ones, replace outdated ones, and count them."""
        if daemon_set.metadata.deletion_timestamp is not None:
            return None
        now = ctx.clock.now()
        pods = await claim(Pod, daemon_set, daemon_set.spec.selector, ctx)
        revision, history = await sync_revisions(daemon_set, REVISION_LABEL, ctx)
        suffix = revision.metadata.labels.get(REVISION_LABEL, "")
        view = _View(daemon_set, pods, list(ctx.cache.list(Node)), revision, suffix, now)
        view.summarise()
        if not await _manage(view, ctx):
            await _update(view, ctx)
        live = {revision.name, *(f"{daemon_set.name}-{pod.metadata.labels.get(REVISION_LABEL)}" for pod in pods)}
        await drop_old_revisions(history, live, daemon_set.spec.revision_history_limit, ctx)
        wait = next_available(pods, daemon_set.spec.min_ready_seconds or 0, now)
        return Result(requeue_after=wait) if wait is not None else None


class _View:
    """A DaemonSet, the nodes, and its pods by node, the oldest first."""

    def __init__(
        self,
        daemon_set: DaemonSet,
        pods: Sequence[Pod],
        nodes: Sequence[Node],
        revision: ControllerRevision,
        suffix: str,
        now: datetime,
    ) -> None:
        self.daemon_set = daemon_set
        self.revision = revision
        self.suffix = suffix
        self.wanted = {node.name: wants(daemon_set, node) for node in nodes}
        self.by_node: dict[str | None, list[Pod]] = {}
        self._now = now
        self._min_ready = daemon_set.spec.min_ready_seconds or 0
        for pod in sorted(pods, key=lambda pod: (pod.metadata.creation_timestamp or now, pod.name)):
            self.by_node.setdefault(node_of(pod), []).append(pod)

    def staying(self, node: str) -> list[Pod]:
        """The pods on a node that are not being deleted."""
        return [pod for pod in self.by_node.get(node, ()) if pod.metadata.deletion_timestamp is None]

    def is_new(self, pod: Pod) -> bool:
        """Whether it is of the current template."""
        return pod.metadata.labels.get(REVISION_LABEL) == self.suffix

    def is_available(self, pod: Pod) -> bool:
        """Whether it has been ready for long enough."""
        return is_available(pod, self._min_ready, self._now)

    def summarise(self) -> None:
        """Write the numbers into the status."""
        status = self.daemon_set.status
        should = [node for node, (run, _) in self.wanted.items() if run]
        placed = [pods[0] for node in should if (pods := self.staying(node))]
        status.observed_generation = self.daemon_set.metadata.generation
        status.desired_number_scheduled = len(should)
        status.current_number_scheduled = len(placed)
        status.number_misscheduled = sum(
            1 for node, (run, _) in self.wanted.items() if not run and self.by_node.get(node)
        )
        status.number_ready = sum(any(map(is_ready, self.staying(node))) for node in should)
        available = sum(any(map(self.is_available, self.staying(node))) for node in should)
        status.number_available = available or None
        status.number_unavailable = (len(should) - available) or None
        status.updated_number_scheduled = sum(any(map(self.is_new, self.staying(node))) for node in should) or None


async def _manage(view: _View, ctx: Context) -> bool:
    """Make and delete pods; whether there was anything to do."""
    busy = False
    surge = _bounds(view)[0]
    for node, (run, stay) in view.wanted.items():
        pods = view.staying(node)
        for pod in pods:
            if pod.status.phase in FINISHED:
                words = f"Found failed daemon pod {pod.namespace}/{pod.name} on node {node}, will try to kill it"
                ctx.events.event(view.daemon_set, "FailedDaemonPod", words, type="Warning", action="Delete")
            elif (stay or run) and (surge or pod is pods[0]):
                continue
            busy = await delete_pod(pod, ctx, view.daemon_set) or busy
        if run and not view.by_node.get(node):
            await _create(view, node, ctx)
            busy = True
    for pod in view.by_node.get(None, ()):
        busy = await delete_pod(pod, ctx, view.daemon_set) or busy
    return busy


async def _update(view: _View, ctx: Context) -> None:
    """Replace outdated pods within the bounds of the rolling update."""
    strategy = view.daemon_set.spec.update_strategy
    if strategy is not None and strategy.type == "OnDelete":
        return
    surge, spare = _bounds(view)
    nodes = [node for node, (run, _) in view.wanted.items() if run]
    if surge:
        await _surge(view, nodes, surge, ctx)
        return
    spare -= sum(not any(map(view.is_available, view.staying(node))) for node in nodes)
    candidates = []
    for node in nodes:
        for pod in view.staying(node):
            if view.is_new(pod):
                continue
            if view.is_available(pod):
                candidates.append(pod)
            else:
                await delete_pod(pod, ctx, view.daemon_set)
    for pod in candidates[: max(spare, 0)]:
        await delete_pod(pod, ctx, view.daemon_set)


async def _surge(view: _View, nodes: Sequence[str], surge: int, ctx: Context) -> None:
    """A new pod comes first; the old one goes when that is available."""
    for node in nodes:
        pods = view.staying(node)
        new = [pod for pod in pods if view.is_new(pod)]
        old = [pod for pod in pods if not view.is_new(pod)]
        if not old:
            continue
        if any(map(view.is_available, new)) or not any(map(view.is_available, old)):
            for pod in old:
                await delete_pod(pod, ctx, view.daemon_set)
        surge -= bool(new)
    for node in nodes:
        pods = view.staying(node)
        if surge > 0 and pods and not any(map(view.is_new, pods)):
            await _create(view, node, ctx)
            surge -= 1


def _bounds(view: _View) -> tuple[int, int]:
    """maxSurge and maxUnavailable."""
    strategy = view.daemon_set.spec.update_strategy
    rolling = strategy.rolling_update if strategy is not None else None
    desired = view.daemon_set.status.desired_number_scheduled
    surge = resolve(rolling.max_surge if rolling else None, desired, up=True, default=0)
    unavailable = resolve(rolling.max_unavailable if rolling else None, desired, up=True, default=1)
    return surge, unavailable if surge or unavailable else 1


async def _create(view: _View, node: str, ctx: Context) -> None:
    try:
        pod = await ctx.client.create(daemon_pod(view.daemon_set, view.revision, view.suffix, node))
    except ApiError as error:
        if not any(cause.reason == "NamespaceTerminating" for cause in error.causes):
            words = f"Error creating: {error.message}"
            ctx.events.event(view.daemon_set, "FailedCreate", words, type="Warning", action="Create")
        raise
    ctx.events.event(view.daemon_set, "SuccessfulCreate", f"Created pod: {pod.name}", action="Create")


def _every_daemon_set(head: ObjectHead, cache: Cache) -> list[Request]:
    """A change of any node concerns every DaemonSet."""
    try:
        return [Request(one.namespace, one.name) for one in cache.heads(DaemonSet)]
    except NotCached:
        return []


def daemon_sets() -> Controller:
    """The controller of DaemonSets."""
    return Controller(
        DaemonSet,
        Lulled(DaemonSet, DaemonSets()),
        name="daemonset-controller",
        owns=[Owns(PodView, predicates=[standing_changed])],
        watches=[
            Watch(Node, to=_every_daemon_set, predicates=[node_changed]),
            Watch(PodView, to=possible_owners(DaemonSet), predicates=[standing_changed]),
            Watch(ControllerRevision, to=lambda head: (), indexes=OWNER_INDEXES),
        ],
    )

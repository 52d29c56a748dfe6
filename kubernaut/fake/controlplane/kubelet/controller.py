"""The controller that plays the kubelets of all nodes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

from kubernaut.client import Client, Conflict, NotFound, ObjectHead
from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.behaviour import PodBehaviour, kubectl_arguments
from kubernaut.fake.controlplane.drafts import OwnPod
from kubernaut.fake.controlplane.indexes import FINISHED, POD_INDEXES, on_node
from kubernaut.fake.controlplane.kubelet import phases, states
from kubernaut.fake.controlplane.kubelet.steps import Kit, LogWriter, Steps, pairs
from kubernaut.fake.controlplane.kubelet.told import Told
from kubernaut.fake.controlplane.processes import Exited, Processes, ProcessKey
from kubernaut.fake.controlplane.views import PodView, glimpse
from kubernaut.reconcile import (
    Cache,
    Change,
    Context,
    Controller,
    EventSink,
    NotCached,
    Reconciler,
    Request,
    Result,
    Watch,
)
from kubernaut.resources.builtin.core_v1 import Node, Pod
from kubernaut.resources.builtin.pods import Container

__all__ = ["Kubelet", "LogWriter", "kubelet"]


class Kubelet(Reconciler[OwnPod]):
    """Moves a pod's status on as time passes. All it needs to know is in the status, except how often a container
    crashed in a row. How a command ends is written by the command's own task: nobody looks whether it has."""

    def __init__(self, processes: Processes, behaviour: PodBehaviour, write_log: LogWriter) -> None:
        self._processes = processes
        addresses = count(2)
        self._kit = Kit(behaviour, write_log, self._start_command, lambda: _address(next(addresses)))
        # By uid: pods that were told to end, so that it is said once.
        self._stopping: dict[str, None] = {}

    async def reconcile(self, pod: OwnPod, ctx: Context) -> Result | None:
        """Start, watch over or stop the pod's containers."""
        node = _node_of(pod, ctx)
        if pod.spec.node_name and _is_cut_off(node):
            return None
        if pod.metadata.deletion_timestamp is not None:
            return await self._stop(pod, ctx)
        if node is None or pod.status.phase in FINISHED:
            return None
        now = ctx.clock.now()
        if pod.status.start_time is None and not pod.status.container_statuses:
            phases.accept(pod, _host_ip(node), now)
        told = Told.of(ctx.events, pod)
        deadline = _deadline(pod)
        if deadline is not None and now >= deadline:
            self._fail_late(pod, told, now)
            return None
        wait = Steps(pod, now, self._kit, told).advance()
        phases.summarise(pod, now)
        due = [each for each in (wait, deadline - now if deadline else None) if each is not None]
        return Result(requeue_after=min(due)) if due and pod.status.phase not in FINISHED else None

    def _fail_late(self, pod: Pod, told: Told, now: datetime) -> None:
        self._processes.kill(pod.uid or "")
        told.too_long()
        for initial in (True, False):
            for _, status in pairs(pod, initial=initial):
                if status.state.terminated is None:
                    states.stop(status, states.EXIT_KILLED, now)
        phases.summarise(pod, now)
        pod.status.phase, pod.status.reason = "Failed", "DeadlineExceeded"
        pod.status.message = "Pod was active on the node longer than the specified deadline"

    async def _stop(self, pod: Pod, ctx: Context) -> Result | None:
        uid = pod.uid or ""
        self._processes.kill(uid)
        now = ctx.clock.now()
        grace = timedelta(seconds=pod.metadata.deletion_grace_period_seconds or 0)
        if pod.spec.node_name and pod.status.phase not in FINISHED:
            self._announce(pod, ctx)
            asked = (pod.metadata.deletion_timestamp or now) - grace
            longest = self._stop_time(pod)
            due = asked + min(grace, longest)
            if now < due:
                return Result(requeue_after=due - now)
            self._end_all(pod, states.EXIT_TERMINATED if longest <= grace and grace else states.EXIT_KILLED, now)
            # Deleted in the next reconcile, which has read the final status back.
            return Result(requeue_after=timedelta())
        if grace or not pod.metadata.finalizers:
            await _remove(pod, ctx)
            self._processes.forget(uid)
            self._kit.forget(uid)
            self._stopping.pop(uid, None)
        return None

    def _announce(self, pod: Pod, ctx: Context) -> None:
        if pod.uid in self._stopping:
            return
        self._stopping[pod.uid or ""] = None
        told = Told.of(ctx.events, pod)
        for container, status in pairs(pod, initial=False):
            if status.state.running is not None:
                told.stopping(container)

    def _end_all(self, pod: Pod, exit_code: int, now: datetime) -> None:
        for initial in (True, False):
            for _, status in pairs(pod, initial=initial):
                if status.state.terminated is None:
                    states.stop(status, exit_code, now)
        phases.summarise(pod, now)
        if pod.status.phase not in FINISHED:
            pod.status.phase = "Failed"

    def _stop_time(self, pod: Pod) -> timedelta:
        times = [
            self._kit.script(pod, container, status.restart_count).stop_time
            for container, status in pairs(pod, initial=False)
            if status.state.running is not None
        ]
        return max(times, default=timedelta())

    def _start_command(self, pod: Pod, container: Container, restarts: int) -> None:
        key = ProcessKey(pod.uid or "", container.name, restarts)
        self._processes.start(key, pod, kubectl_arguments(container) or (), self._record)

    async def _record(self, key: ProcessKey, pod: Pod, exited: Exited, client: Client) -> None:
        """Write into the pod's status how a command has ended, if the pod is still there and waits for that."""
        while True:
            try:
                live = await client.get(OwnPod, pod.name, namespace=pod.namespace)
                if live.uid == key.pod_uid and self._end_container(live, key, exited):
                    await client.update_status(live)
            except NotFound:
                return
            except Conflict:
                continue
            return

    def _end_container(self, pod: Pod, key: ProcessKey, exited: Exited) -> bool:
        steps = Steps(pod, exited.finished_at, self._kit, Told.of(_Silent(), pod))
        for initial in (True, False):
            for container, status in pairs(pod, initial=initial):
                if container.name != key.container or status.restart_count != key.restart:
                    continue
                if status.state.running is None:
                    return False
                steps.finish(container, status, exited, initial=initial)
                phases.summarise(pod, exited.finished_at)
                return True
        return False


class _Silent(EventSink):
    """For a task that is no reconcile, and so has nobody to tell."""

    def event(self, *args: object, **keywords: object) -> None:
        return None


def _node_of(pod: Pod, ctx: Context) -> Node | None:
    if not pod.spec.node_name:
        return None
    try:
        return ctx.cache.get(Node, pod.spec.node_name)
    except NotFound:
        return None


def _is_cut_off(node: Node | None) -> bool:
    """Whether nobody on the node can act: its kubelet has not been heard of."""
    ready = conditions.find(node.status.conditions, "Ready") if node is not None else None
    return ready is not None and ready.status == "Unknown"


def _host_ip(node: Node) -> str:
    return next((a.address for a in node.status.addresses if a.type == "InternalIP"), "")


def _address(number: int) -> str:
    return f"10.{244 + number // 65536}.{number // 256 % 256}.{number % 256}"


def _deadline(pod: Pod) -> datetime | None:
    if pod.spec.active_deadline_seconds is None or pod.status.start_time is None:
        return None
    return pod.status.start_time + timedelta(seconds=pod.spec.active_deadline_seconds)


async def _remove(pod: Pod, ctx: Context) -> None:
    try:
        await ctx.client.delete(Pod, pod.name, namespace=pod.namespace, uid=pod.uid, grace_period=0)
    except (NotFound, Conflict):
        # Gone already, or another pod has taken the name.
        return


def _concerns(change: Change) -> bool:
    """Pods without a node are nobody's, until they are deleted."""
    pod = glimpse(change.new.raw)
    return bool(pod.spec.node_name) or pod.metadata.deletion_timestamp is not None


def _came_or_turned(change: Change) -> bool:
    """A node came, or its kubelet was lost or heard of again."""
    if change.old is None:
        return True
    return _is_cut_off(Node.from_json(change.old.raw)) != _is_cut_off(Node.from_json(change.new.raw))


def _pods_on(head: ObjectHead, cache: Cache) -> list[Request]:
    try:
        return [Request(pod.namespace, pod.name) for pod in cache.heads(PodView, index=on_node(head.name))]
    except NotCached:
        return []


def kubelet(processes: Processes, behaviour: PodBehaviour, write_log: LogWriter) -> Controller:
    """The controller that plays the kubelets of all nodes."""
    return Controller(
        OwnPod,
        Kubelet(processes, behaviour, write_log),
        name="kubelet",
        predicates=[_concerns],
        watches=[
            Watch(Node, to=_pods_on, predicates=[_came_or_turned]),
            Watch(PodView, to=lambda head: (), indexes=POD_INDEXES),
        ],
    )

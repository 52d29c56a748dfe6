"""The simulated kubelet of all nodes: starts the containers of scheduled pods, ends them, and removes deleted pods."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from kubernaut.client import Conflict, NotFound
from kubernaut.fake.controlplane import pod_status
from kubernaut.fake.controlplane.behaviour import PodBehaviour, PodScript, default_script, kubectl_arguments
from kubernaut.fake.controlplane.processes import Exited, Processes, ProcessKey
from kubernaut.reconcile import Context, Controller, Reconciler, Result
from kubernaut.resources.builtin.core_v1 import Node, Pod
from kubernaut.resources.builtin.pods import Container, ContainerStateRunning, ContainerStatus, PodIP

LogWriter = Callable[[str, str, str, str], None]
"""Keeps the log of a container: namespace, pod, container, text."""

_SHORTEST_GLANCE = timedelta(milliseconds=20)
_LONGEST_GLANCE = timedelta(seconds=1)
_FINISHED = ("Succeeded", "Failed")


class Kubelet(Reconciler[Pod]):
    """Moves a pod's status on as time passes. All it needs to know is in the status, except what a command answered."""

    def __init__(self, processes: Processes, behaviour: PodBehaviour, write_log: LogWriter) -> None:
        self._processes = processes
        self._behaviour = behaviour
        self._write_log = write_log
        self._addresses = count(2)

    async def reconcile(self, pod: Pod, ctx: Context) -> Result | None:
        """Start, watch over or stop the pod's containers."""
        if pod.metadata.deletion_timestamp is not None:
            return await self._stop(pod, ctx)
        if not pod.spec.node_name or pod.status.phase in _FINISHED:
            return None
        now = ctx.clock.now()
        if pod.status.start_time is None and not pod.status.container_statuses:
            pod_status.accept(pod, _host_ip(pod, ctx), now)
        containers = {container.name: container for container in pod.spec.containers}
        delays = [
            self._advance(pod, containers[status.name], status, now)
            for status in pod.status.container_statuses
            if status.name in containers
        ]
        self._give_address(pod)
        pod_status.summarise(pod, now)
        due = [delay for delay in delays if delay is not None]
        return Result(requeue_after=min(due)) if due else None

    def _advance(self, pod: Pod, container: Container, status: ContainerStatus, now: datetime) -> timedelta | None:
        script = self._script(pod, container, status)
        if status.state.running is not None:
            exited, wait = self._ended(pod, container, status, script, now)
            if exited is None:
                return wait
            self._keep_log(pod, container, exited.log)
            pod_status.end(pod, container, status, exited)
        if status.state.waiting is None:
            return None
        due = pod_status.start_due(pod, status, script)
        if due is None:
            if script.waiting is not None:
                pod_status.wait_for_ever(status, script)
            return None
        if now < due:
            return due - now
        pod_status.start(pod, status, script, now)
        self._keep_log(pod, container, script.log)
        # The next reconcile has read back that it runs: only then does a command begin.
        return timedelta()

    def _ended(
        self, pod: Pod, container: Container, status: ContainerStatus, script: PodScript, now: datetime
    ) -> tuple[Exited | None, timedelta | None]:
        running = status.state.running
        arguments = kubectl_arguments(container)
        scripted = self._behaviour(pod, container, status.restart_count) is not None
        if arguments is not None and not scripted:
            key = ProcessKey(pod.uid or "", container.name, status.restart_count)
            self._processes.start(key, pod, arguments)
            return self._processes.exited(key), _glance(running, now)
        if script.exit_code is None or running is None or running.started_at is None:
            return None, None
        due = running.started_at + script.run_time
        if now < due:
            return None, due - now
        return Exited(script.exit_code, script.log, now), None

    def _script(self, pod: Pod, container: Container, status: ContainerStatus) -> PodScript:
        return self._behaviour(pod, container, status.restart_count) or default_script(pod, container)

    def _keep_log(self, pod: Pod, container: Container, log: str) -> None:
        if log:
            self._write_log(pod.namespace or "", pod.name, container.name, log)

    def _give_address(self, pod: Pod) -> None:
        started = any(status.state.running for status in pod.status.container_statuses)
        if started and pod.status.pod_ip is None:
            number = next(self._addresses)
            pod.status.pod_ip = f"10.{244 + number // 65536}.{number // 256 % 256}.{number % 256}"
            pod.status.pod_ips = [PodIP(ip=pod.status.pod_ip)]

    async def _stop(self, pod: Pod, ctx: Context) -> Result | None:
        uid = pod.uid or ""
        self._processes.kill(uid)
        now = ctx.clock.now()
        grace = timedelta(seconds=pod.metadata.deletion_grace_period_seconds or 0)
        if pod.spec.node_name and pod.status.phase not in _FINISHED:
            asked = (pod.metadata.deletion_timestamp or now) - grace
            due = asked + min(grace, self._stop_time(pod))
            if now < due:
                return Result(requeue_after=due - now)
            pod_status.stop(pod, pod_status.EXIT_TERMINATED if grace else pod_status.EXIT_KILLED, now)
            # Deleted in the next reconcile, which has read the final status back.
            return Result(requeue_after=timedelta())
        if grace or not pod.metadata.finalizers:
            await _remove(pod, ctx)
            self._processes.forget(uid)
        return None

    def _stop_time(self, pod: Pod) -> timedelta:
        statuses = {status.name: status for status in pod.status.container_statuses}
        times = [
            self._script(pod, container, statuses[container.name]).stop_time
            for container in pod.spec.containers
            if container.name in statuses
        ]
        return max(times, default=timedelta())


def _glance(running: ContainerStateRunning | None, now: datetime) -> timedelta:
    """How soon to look again whether a command has ended: soon at first, then every second."""
    elapsed = now - running.started_at if running and running.started_at else timedelta()
    return min(max(elapsed / 4, _SHORTEST_GLANCE), _LONGEST_GLANCE)


async def _remove(pod: Pod, ctx: Context) -> None:
    try:
        await ctx.client.delete(Pod, pod.name, namespace=pod.namespace, uid=pod.uid, grace_period=0)
    except (NotFound, Conflict):
        # Gone already, or another pod has taken the name.
        return


def _host_ip(pod: Pod, ctx: Context) -> str:
    try:
        node = ctx.cache.get(Node, pod.spec.node_name or "")
    except NotFound:
        return ""
    return next((a.address for a in node.status.addresses if a.type == "InternalIP"), "")


def kubelet(processes: Processes, behaviour: PodBehaviour, write_log: LogWriter) -> Controller:
    """The controller that plays the kubelets of all nodes."""
    return Controller(Pod, Kubelet(processes, behaviour, write_log), name="kubelet")

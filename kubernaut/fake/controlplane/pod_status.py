"""Computes pod statuses: what one container's next state is, and what the pod is as a whole. Pure functions."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.fake.controlplane.processes import Exited
from kubernaut.resources.builtin.core_v1 import Pod, PodCondition
from kubernaut.resources.builtin.pods import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
)

_MESSAGE_BYTES = 2048
_MESSAGE_LINES = 80
_FIRST_BACKOFF = timedelta(seconds=10)
_MAX_BACKOFF = timedelta(minutes=5)
_STARTING = (None, "", "ContainerCreating", "PodInitializing")
EXIT_TERMINATED = 143
"""Ended by SIGTERM."""
EXIT_KILLED = 137
"""Ended by SIGKILL."""


def restart_backoff(restarts: int) -> timedelta:
    """How long after its end a container starts for the nth time again: at once, then 10 s, 20 s ... 5 min."""
    if restarts <= 1:
        return timedelta()
    return min(_FIRST_BACKOFF * (1 << min(restarts - 2, 10)), _MAX_BACKOFF)


def accept(pod: Pod, host_ip: str, now: datetime) -> None:
    """The first status a kubelet writes: the pod is its own, and its containers are being created."""
    status = pod.status
    status.phase = "Pending"
    status.start_time = now
    status.host_ip = host_ip
    status.container_statuses = [
        ContainerStatus(
            name=container.name,
            image=container.image or "",
            state=ContainerState(waiting=ContainerStateWaiting(reason="ContainerCreating")),
        )
        for container in pod.spec.containers
    ]
    conditions.put(PodCondition, status.conditions, "PodScheduled", True, now)
    summarise(pod, now)


def start_due(pod: Pod, status: ContainerStatus, script: PodScript) -> datetime | None:
    """When a waiting container starts; None if it never does by itself."""
    waiting = status.state.waiting
    if waiting is None:
        return None
    if waiting.reason == "CrashLoopBackOff":
        ended = status.last_state.terminated
        finished = ended.finished_at if ended else None
        return finished + restart_backoff(status.restart_count) if finished else None
    if waiting.reason not in _STARTING or script.waiting is not None or pod.status.start_time is None:
        return None
    return pod.status.start_time + script.start_up


def start(pod: Pod, status: ContainerStatus, script: PodScript, now: datetime) -> None:
    """The container runs."""
    identity = f"{pod.uid}/{status.name}/{status.restart_count}"
    status.state = ContainerState(running=ContainerStateRunning(started_at=now))
    status.started = True
    status.ready = script.ready
    status.container_id = f"containerd://{hashlib.sha256(identity.encode()).hexdigest()}"
    status.image_id = status.image_id or f"{status.image}@sha256:{hashlib.sha256(status.image.encode()).hexdigest()}"


def wait_for_ever(status: ContainerStatus, script: PodScript) -> None:
    """The container cannot start, for the reason its script gives."""
    status.state = ContainerState(waiting=ContainerStateWaiting(reason=script.waiting, message=script.waiting_message))


def end(pod: Pod, container: Container, status: ContainerStatus, exited: Exited) -> None:
    """The container has ended; by the pod's restart policy it will start again, or stays as it is."""
    running = status.state.running
    terminated = ContainerState(
        terminated=ContainerStateTerminated(
            exit_code=exited.exit_code,
            reason="Completed" if exited.exit_code == 0 else "Error",
            message=_termination_message(container, exited),
            started_at=running.started_at if running else None,
            finished_at=exited.finished_at,
        )
    )
    status.ready = False
    status.started = False
    if not _restarts(pod, exited.exit_code):
        status.state = terminated
        return
    status.last_state = terminated
    status.restart_count += 1
    message = f"back-off {int(restart_backoff(status.restart_count).total_seconds())}s restarting failed container"
    status.state = ContainerState(
        waiting=ContainerStateWaiting(reason="CrashLoopBackOff", message=f"{message}={status.name}")
    )


def stop(pod: Pod, exit_code: int, now: datetime) -> None:
    """All containers of a pod that is being deleted have ended, for good."""
    containers = {container.name: container for container in pod.spec.containers}
    for status in pod.status.container_statuses:
        if status.state.terminated is None and status.name in containers:
            running = status.state.running
            status.ready, status.started = False, False
            status.state = ContainerState(
                terminated=ContainerStateTerminated(
                    exit_code=exit_code,
                    reason="Completed" if exit_code == 0 else "Error",
                    started_at=running.started_at if running else None,
                    finished_at=now,
                )
            )
    summarise(pod, now, stopped=True)


def summarise(pod: Pod, now: datetime, *, stopped: bool = False) -> None:
    """Compute the phase and the conditions out of the containers."""
    status = pod.status
    status.phase = "Failed" if stopped and not status.container_statuses else _phase(pod)
    all_ready = status.phase == "Running" and all(container.ready for container in status.container_statuses)
    unready = [container.name for container in status.container_statuses if not container.ready]
    reason, message = "", ""
    if status.phase == "Succeeded":
        reason = "PodCompleted"
    elif status.phase == "Failed":
        reason = "PodFailed"
    elif not all_ready:
        reason, message = "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    conditions.put(PodCondition, status.conditions, "Initialized", True, now)
    for kind in ("Ready", "ContainersReady"):
        conditions.put(PodCondition, status.conditions, kind, all_ready, now, reason=reason, message=message)


def _phase(pod: Pod) -> str:
    states = [status.state for status in pod.status.container_statuses]
    ended = [state.terminated for state in states if state.terminated is not None]
    if states and len(ended) == len(states):
        return "Succeeded" if all(state.exit_code == 0 for state in ended) else "Failed"
    begun = any(
        status.state.running or status.state.terminated or status.restart_count
        for status in pod.status.container_statuses
    )
    return "Running" if begun else "Pending"


def _restarts(pod: Pod, exit_code: int) -> bool:
    policy = pod.spec.restart_policy or "Always"
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _termination_message(container: Container, exited: Exited) -> str | None:
    if container.termination_message_policy != "FallbackToLogsOnError" or exited.exit_code == 0:
        return None
    lines = exited.log.splitlines(keepends=True)[-_MESSAGE_LINES:]
    tail = "".join(lines).encode()[-_MESSAGE_BYTES:]
    return tail.decode("utf-8", "ignore") or None

"""The states of one container: how it starts, waits, ends, and when it may start again. Pure functions."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.fake.controlplane.processes import Exited
from kubernaut.resources.builtin.core_v1 import Pod
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
_STABLE = timedelta(minutes=10)
"""After a run of this length, crashes are counted anew (the kubelet's back-off)."""
BACK_OFF = "CrashLoopBackOff"
CREATING, INITIALIZING = "ContainerCreating", "PodInitializing"
EXIT_TERMINATED = 143
"""Ended by SIGTERM."""
EXIT_KILLED = 137
"""Ended by SIGKILL."""


def restart_backoff(crashes: int) -> timedelta:
    """How long after its end a container starts again: at once, then 10 s, 20 s ... 5 min."""
    if crashes <= 1:
        return timedelta()
    return min(_FIRST_BACKOFF * (1 << min(crashes - 2, 10)), _MAX_BACKOFF)


def waiting_status(container: Container, reason: str) -> ContainerStatus:
    """The status of a container that has not started yet."""
    state = ContainerState(waiting=ContainerStateWaiting(reason=reason))
    return ContainerStatus(name=container.name, image=container.image or "", state=state, started=False)


def may_start(status: ContainerStatus) -> bool:
    """Whether it waits for nothing but its turn."""
    waiting = status.state.waiting
    return waiting is not None and waiting.reason in (None, "", CREATING, INITIALIZING)


def backs_off(status: ContainerStatus) -> bool:
    """Whether it waits to be started again."""
    return status.state.waiting is not None and status.state.waiting.reason == BACK_OFF


def start(pod: Pod, status: ContainerStatus, script: PodScript, now: datetime) -> None:
    """The container runs."""
    identity = f"{pod.uid}/{status.name}/{status.restart_count}"
    status.state = ContainerState(running=ContainerStateRunning(started_at=now))
    status.started = True
    status.ready = is_ready(script, timedelta())
    status.container_id = f"containerd://{hashlib.sha256(identity.encode()).hexdigest()}"
    status.image_id = status.image_id or f"{status.image}@sha256:{hashlib.sha256(status.image.encode()).hexdigest()}"


def is_ready(script: PodScript, running_for: timedelta) -> bool:
    """What the readiness probe answers after the container ran for that long."""
    if not script.ready or running_for < script.ready_after:
        return False
    return script.unready_after is None or running_for < script.unready_after


def wait_for_ever(status: ContainerStatus, script: PodScript) -> None:
    """The container cannot start, for the reason its script gives."""
    status.state = ContainerState(waiting=ContainerStateWaiting(reason=script.waiting, message=script.waiting_message))


def end(pod: Pod, container: Container, status: ContainerStatus, exited: Exited, *, initial: bool) -> None:
    """The container has ended; by its restart policy it will start again, or stays as it is."""
    running = status.state.running
    started_at = running.started_at if running else None
    terminated = ContainerState(
        terminated=ContainerStateTerminated(
            exit_code=exited.exit_code,
            reason=exited.reason or ("Completed" if exited.exit_code == 0 else "Error"),
            message=exited.message or _termination_message(container, exited),
            started_at=started_at,
            finished_at=exited.finished_at,
            container_id=status.container_id,
        )
    )
    status.started = False
    status.ready = initial and exited.exit_code == 0
    if not restarts(pod, container, exited.exit_code, initial=initial):
        status.state = terminated
        return
    status.last_state = terminated
    status.restart_count += 1
    status.state = ContainerState(waiting=ContainerStateWaiting(reason=BACK_OFF))


def announce_backoff(pod: Pod, status: ContainerStatus, wait: timedelta) -> None:
    """Say how long the container waits for its next start."""
    where = f"pod={pod.name}_{pod.namespace}({pod.uid})"
    message = f"back-off {_go(wait)} restarting failed container={status.name} {where}"
    status.state = ContainerState(waiting=ContainerStateWaiting(reason=BACK_OFF, message=message))


def was_stable(status: ContainerStatus) -> bool:
    """Whether its last run was so long that crashes before it no longer count."""
    ended = status.last_state.terminated
    if ended is None or ended.started_at is None or ended.finished_at is None:
        return False
    return ended.finished_at - ended.started_at >= _STABLE


def stop(status: ContainerStatus, exit_code: int, now: datetime, reason: str = "") -> None:
    """The container has ended for good, running or not."""
    running = status.state.running
    status.ready, status.started = False, False
    status.state = ContainerState(
        terminated=ContainerStateTerminated(
            exit_code=exit_code,
            reason=reason or ("Completed" if exit_code == 0 else "Error"),
            started_at=running.started_at if running else None,
            finished_at=now,
            container_id=status.container_id,
        )
    )


def restarts(pod: Pod, container: Container, exit_code: int, *, initial: bool) -> bool:
    """Whether a container that ended with this code starts again."""
    policy = pod.spec.restart_policy or "Always"
    if initial and policy == "Always":
        policy = "OnFailure"
    policy = container.restart_policy or policy
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _termination_message(container: Container, exited: Exited) -> str | None:
    if container.termination_message_policy != "FallbackToLogsOnError" or exited.exit_code == 0:
        return None
    lines = exited.log.splitlines(keepends=True)[-_MESSAGE_LINES:]
    tail = "".join(lines).encode()[-_MESSAGE_BYTES:]
    return tail.decode("utf-8", "ignore") or None


def _go(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"

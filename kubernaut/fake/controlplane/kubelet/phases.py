"""The phase and the conditions of a pod, out of the states of its containers. Pure functions."""

from __future__ import annotations

from datetime import datetime

from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.kubelet.states import CREATING, INITIALIZING, waiting_status
from kubernaut.resources.builtin.core_v1 import HostIP, Pod, PodCondition, PodIP
from kubernaut.resources.builtin.pods import Container, ContainerStatus


def accept(pod: Pod, host_ip: str, now: datetime) -> None:
    """The first status a kubelet writes: the pod is its own, and its containers are being created."""
    status = pod.status
    status.phase = "Pending"
    status.start_time = now
    status.host_ip = host_ip
    status.host_ips = [HostIP(ip=host_ip)] if host_ip else []
    reason = INITIALIZING if pod.spec.init_containers else CREATING
    status.init_container_statuses = [waiting_status(container, reason) for container in pod.spec.init_containers]
    status.container_statuses = [waiting_status(container, reason) for container in pod.spec.containers]
    conditions.put(PodCondition, status.conditions, "PodScheduled", True, now)
    summarise(pod, now)


def give_address(pod: Pod, address: str) -> None:
    """The pod's sandbox has an address."""
    address = (pod.status.host_ip or address) if pod.spec.host_network else address
    pod.status.pod_ip = address
    pod.status.pod_ips = [PodIP(ip=address)]


def is_sidecar(container: Container) -> bool:
    """Whether an init container runs along with the others (KEP-753)."""
    return container.restart_policy == "Always"


def initialised(pod: Pod) -> bool:
    """Whether every init container is done, or, as a sidecar, has started."""
    statuses = {status.name: status for status in pod.status.init_container_statuses}
    return all(
        container.name in statuses and is_done(container, statuses[container.name])
        for container in pod.spec.init_containers
    )


def is_done(container: Container, status: ContainerStatus) -> bool:
    """Whether the init container lets the next one start."""
    if is_sidecar(container):
        return bool(status.started) or status.restart_count > 0
    return status.state.terminated is not None and status.state.terminated.exit_code == 0


def summarise(pod: Pod, now: datetime) -> None:
    """Compute the phase and the conditions out of the containers."""
    status = pod.status
    status.phase = phase(pod)
    status.observed_generation = pod.metadata.generation
    unready = [container.name for container in status.container_statuses if not container.ready]
    sidecars = {container.name for container in pod.spec.init_containers if is_sidecar(container)}
    unready += [c.name for c in status.init_container_statuses if c.name in sidecars and not c.ready]
    ready, reason, message = status.phase == "Running" and not unready, "", ""
    if status.phase == "Succeeded":
        reason = "PodCompleted"
    elif status.phase == "Failed":
        reason = "PodFailed"
    elif not ready:
        reason, message = "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    gates = [gate.condition_type for gate in pod.spec.readiness_gates]
    closed = [kind for kind in gates if not conditions.is_true(status.conditions, kind)]
    _put(pod, "PodReadyToStartContainers", bool(status.pod_ip), now)
    _put_initialised(pod, now)
    if ready and closed:
        words = f'corresponding condition of pod readiness gate "{closed[0]}" does not exist.'
        _put(pod, "Ready", False, now, "ReadinessGatesNotReady", words)
    else:
        _put(pod, "Ready", ready, now, reason, message)
    _put(pod, "ContainersReady", ready, now, reason, message)


def phase(pod: Pod) -> str:
    """Pending until all have been initialised, then Running, until all containers but sidecars have ended for good."""
    states = [status.state for status in pod.status.container_statuses]
    ended = [state.terminated for state in states if state.terminated is not None]
    if states and len(ended) == len(states):
        return "Succeeded" if all(state.exit_code == 0 for state in ended) else "Failed"
    if _initialisation_failed(pod):
        return "Failed"
    begun = any(
        status.state.running or status.state.terminated or status.restart_count
        for status in pod.status.container_statuses
    )
    return "Running" if begun and initialised(pod) else "Pending"


def _initialisation_failed(pod: Pod) -> bool:
    ended = [status.state.terminated for status in pod.status.init_container_statuses]
    failed = any(state is not None and state.exit_code != 0 for state in ended)
    return failed and not initialised(pod) and pod.spec.restart_policy == "Never"


def _put_initialised(pod: Pod, now: datetime) -> None:
    if initialised(pod):
        reason = "PodCompleted" if pod.status.phase == "Succeeded" else ""
        _put(pod, "Initialized", True, now, reason)
        return
    statuses = {status.name: status for status in pod.status.init_container_statuses}
    missing = [c.name for c in pod.spec.init_containers if c.name in statuses and not is_done(c, statuses[c.name])]
    words = f"containers with incomplete status: [{' '.join(missing)}]"
    _put(pod, "Initialized", False, now, "ContainersNotInitialized", words)


def _put(pod: Pod, kind: str, status: bool, now: datetime, reason: str = "", message: str = "") -> None:
    known = pod.status.conditions
    conditions.put(PodCondition, known, kind, status, now, reason=reason, message=message)

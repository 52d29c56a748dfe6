"""What is told of a pod: its containers, how they ended, and the last lines that those in trouble wrote."""

from __future__ import annotations

from kubernaut.client import Client
from kubernaut.remediation.execution.redact import log_tail, tail
from kubernaut.remediation.processing.config import Limits
from kubernaut.remediation.processing.texts import line
from kubernaut.remediation.processing.types import ContainerFact, PodFact
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import ContainerState, ContainerStatus

MAX_CONTAINERS = 10
_STATE_BYTES = 512
# Redaction needs more than what is kept, and the server cuts `limitBytes` at the wrong end, hence lines as well.
_LOG_QUERY = (("tailLines", "200"), ("limitBytes", str(256 * 1024)))
_REDACTED_BYTES = 32 * 1024


def pod_fact(pod: Pod) -> PodFact:
    """A pod as a fact, without logs."""
    initial = [_container(each, True) for each in pod.status.init_container_statuses]
    main = [_container(each, False) for each in pod.status.container_statuses]
    told = [each for each in pod.status.conditions if each.type == "PodScheduled" and each.status == "False"]
    reason = pod.status.reason or (told[0].reason if told else "")
    message = pod.status.message or (told[0].message if told else "")
    return PodFact(
        name=pod.name,
        namespace=pod.namespace or "",
        phase=pod.status.phase or "",
        ready=any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions),
        node=pod.spec.node_name or "",
        reason=line(": ".join(part for part in (reason, message) if part)),
        containers=sorted([*initial, *main], key=lambda each: -trouble_of(each))[:MAX_CONTAINERS],
    )


def trouble(pod: PodFact) -> int:
    """How much a pod is in trouble: 0 for one that is ready and never restarted, or has ended well."""
    if pod.phase == "Succeeded":
        return 0
    worst = max((trouble_of(each) for each in pod.containers), default=0)
    return worst + (0 if pod.ready else 4) + (8 if pod.phase == "Failed" else 0)


def trouble_of(container: ContainerFact) -> int:
    """The same for one container."""
    if container.initial and container.ready:
        return 0
    waits = container.waiting not in ("", "ContainerCreating", "PodInitializing")
    return 8 * waits + 4 * (container.exit_code not in (None, 0)) + 2 * (container.restarts > 0) + (not container.ready)


async def read_logs(client: Client, pod: PodFact, limits: Limits) -> None:
    """Set the log tails of a pod's containers, redacted. Raises the first ApiError when none could be read."""
    errors: list[Exception] = []
    path = Pod.resource_type.path(pod.namespace, pod.name, "log")
    for container in pod.containers:
        if trouble_of(container) == 0 or not (container.terminated or container.state.startswith("running")):
            continue
        # What it said before it was started again tells why.
        previous = (("previous", "true"),) if container.state.startswith("running") and container.restarts else ()
        query = (("container", container.name), *_LOG_QUERY, *previous)
        try:
            answer = await client.request("GET", path, query=query)
        except Exception as error:
            errors.append(error)
            continue
        container.log_tail = _last_lines(answer.body.decode("utf-8", "replace"), limits)
    if errors and not any(each.log_tail for each in pod.containers):
        raise errors[0]


def _last_lines(text: str, limits: Limits) -> str:
    lines = log_tail(tail(text, _REDACTED_BYTES)).rstrip("\n").split("\n")[-limits.log_lines :]
    # A status takes 4096 characters; bytes are never fewer.
    return log_tail("\n".join(lines), limits.log_bytes)


def _container(status: ContainerStatus, initial: bool) -> ContainerFact:
    ended = status.state.terminated or status.last_state.terminated
    return ContainerFact(
        name=status.name,
        image=line(status.image),
        ready=bool(status.ready),
        restarts=status.restart_count or 0,
        state=line(_state(status.state), _STATE_BYTES),
        last_state=line(_state(status.last_state), _STATE_BYTES),
        waiting=line(status.state.waiting.reason if status.state.waiting else "", 128),
        terminated=line(ended.reason if ended else "", 128),
        exit_code=ended.exit_code if ended else None,
        initial=initial,
    )


def _state(state: ContainerState) -> str:
    if state.waiting is not None:
        told = f": {state.waiting.message}" if state.waiting.message else ""
        return f"waiting: {state.waiting.reason or ''}{told}"
    if state.terminated is not None:
        told = f": {state.terminated.message}" if state.terminated.message else ""
        return f"terminated: {state.terminated.reason or ''} (exit code {state.terminated.exit_code}){told}"
    return "running" if state.running is not None else ""

"""Collects the result of a finished Job: exit code, message, and the redacted tail of its pod's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from kubernaut.client import ApiError
from kubernaut.remediation.execution.outcome import Outcome
from kubernaut.remediation.execution.redact import log_tail, redact, tail
from kubernaut.remediation.execution.run import Run
from kubernaut.remediation.execution.types import ExecutionResults
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import ContainerStateTerminated

# Redaction needs more than what is kept, and the server cuts `limitBytes` at the wrong end, hence lines as well.
LOG_QUERY = (("tailLines", "2000"), ("limitBytes", str(4 * 1024 * 1024)))
MESSAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class PodResult:
    """What the Job's last pod left behind; None where the cluster no longer has it."""

    exit_code: int | None = None
    message: str | None = None
    log_tail: str | None = None


async def collect_pod(run: Run, job: Job) -> PodResult:
    """Read the last pod of the Job. Its log is best effort: a kubelet that is gone must not keep the result away."""
    found = await run.ctx.client.list(Pod, namespace=job.namespace, labels={"job-name": job.name})
    pods = [pod for pod in found if any(owner.uid == job.uid for owner in pod.metadata.owner_references)]
    if not pods:
        return PodResult()
    pod = max(pods, key=lambda pod: (pod.metadata.creation_timestamp or run.now, pod.name))
    ended = _terminated(pod)
    message = (ended.message or ended.reason if ended else None) or pod.status.message
    return PodResult(
        exit_code=ended.exit_code if ended else None,
        message=tail(redact(message.strip()), MESSAGE_BYTES) if message else None,
        log_tail=await _log(run, pod),
    )


async def collect_results(run: Run, job: Job, end: Outcome) -> ExecutionResults:
    """The results of a finished Job, for `status.executionResults`."""
    pod = await collect_pod(run, job)
    started = job.status.start_time
    # A failed Job has no completionTime, and an old server may leave the condition's time out.
    ended = end.ended or run.now
    return ExecutionResults(
        success=end.success,
        job_name=job.name,
        start_time=started,
        end_time=ended,
        duration=max(ended - started, timedelta()) if started else None,
        exit_code=pod.exit_code,
        message=pod.message or ": ".join(part for part in (end.reason, end.message) if part) or None,
        log_tail=pod.log_tail,
    )


def _terminated(pod: Pod) -> ContainerStateTerminated | None:
    for container in pod.status.container_statuses:
        if container.state.terminated is not None:
            return container.state.terminated
    return None


async def _log(run: Run, pod: Pod) -> str | None:
    path = Pod.resource_type.path(pod.namespace, pod.name, "log")
    try:
        response = await run.ctx.client.request("GET", path, query=LOG_QUERY)
    except ApiError as error:
        run.ctx.log.warning("the log of the action's pod could not be read", pod=pod.name, error=str(error))
        return None
    text = response.body.decode("utf-8", "replace")
    return log_tail(text, run.config.limits.log_tail_bytes) or None

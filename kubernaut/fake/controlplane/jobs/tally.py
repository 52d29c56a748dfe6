"""Counts the pods of a Job, each once: a finalizer keeps a pod until the status has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kubernaut.fake.controlplane.indexes import FINISHED
from kubernaut.fake.controlplane.jobs.indexes import failures_before, index_of, is_indexed, parse, shown
from kubernaut.fake.controlplane.jobs.policies import match_failure
from kubernaut.resources.builtin.batch_v1 import Job, UncountedTerminatedPods
from kubernaut.resources.builtin.core_v1 import Pod

TRACKING = "batch.kubernetes.io/job-tracking"
"""The finalizer that keeps a pod until the Job has counted it."""


def outcome(job: Job, pod: Pod) -> str | None:
    """`succeeded` or `failed` once the pod counts as that; None while it still may run.

    A pod being deleted has failed, unless the Job waits for it to end (podReplacementPolicy Failed).
    """
    if pod.status.phase == "Succeeded":
        return "succeeded"
    if pod.status.phase == "Failed":
        return "failed"
    return "failed" if pod.metadata.deletion_timestamp is not None and not replaces_failed_only(job) else None


def replaces_failed_only(job: Job) -> bool:
    """Whether a new pod comes only after the old one has ended."""
    return job.spec.pod_replacement_policy == "Failed" or job.spec.pod_failure_policy is not None


def is_terminating(pod: Pod) -> bool:
    """Whether it was told to end and has not."""
    return pod.metadata.deletion_timestamp is not None and pod.status.phase not in FINISHED


def count(job: Job, pods: Sequence[Pod]) -> list[Pod]:
    """Take ended pods into the status; answers those whose finalizer may go: the status that was read has them."""
    held = [pod for pod in pods if TRACKING in pod.metadata.finalizers]
    recorded = {uid for uids in uncounted(job) for uid in uids}
    indexed = is_indexed(job)
    completed = parse(job.status.completed_indexes)
    released = [
        pod
        for pod in held
        if pod.uid in recorded
        or (indexed and outcome(job, pod) == "succeeded" and _settled(job, pod, completed))
        or (outcome(job, pod) == "failed" and match_failure(job, pod).action == "Ignore")
    ]
    _count_uids(job, held, indexed=indexed)
    if indexed:
        _count_indexes(job, pods, completed)
    return released


def uncounted(job: Job) -> tuple[list[str], list[str]]:
    """The uids of the pods that have succeeded and that have failed, and that the counters do not have yet."""
    lists = job.status.uncounted_terminated_pods
    return (list(lists.succeeded), list(lists.failed)) if lists is not None else ([], [])


def succeeded(job: Job) -> int:
    """How many pods, or indexes, have succeeded, those whose finalizer is still there included."""
    if is_indexed(job):
        return len(parse(job.status.completed_indexes))
    return (job.status.succeeded or 0) + len(uncounted(job)[0])


def failed(job: Job) -> int:
    """How many pods have failed, those whose finalizer is still there included."""
    return (job.status.failed or 0) + len(uncounted(job)[1])


def failed_indexes(job: Job) -> set[int]:
    """The indexes that have failed for good (backoffLimitPerIndex)."""
    return parse(job.status.failed_indexes)


def finished_at(pod: Pod) -> datetime | None:
    """When the last of its containers ended."""
    ended = [status.state.terminated for status in pod.status.container_statuses]
    moments = [state.finished_at for state in ended if state is not None and state.finished_at is not None]
    return max(moments) if moments else pod.metadata.deletion_timestamp


def _settled(job: Job, pod: Pod, completed: set[int]) -> bool:
    index = index_of(pod)
    return index is None or index in completed or index >= (job.spec.completions or 0)


def _count_uids(job: Job, held: Sequence[Pod], *, indexed: bool) -> None:
    """Newly ended pods go into the lists; those whose finalizer is gone move on to the counters."""
    waiting = dict(zip(("succeeded", "failed"), uncounted(job), strict=True))
    by_uid = {pod.uid or "": pod for pod in held}
    for result, uids in waiting.items():
        released = [uid for uid in uids if uid not in by_uid]
        if released:
            waiting[result] = [uid for uid in uids if uid in by_uid]
            setattr(job.status, result, (getattr(job.status, result) or 0) + len(released))
    known = {*waiting["succeeded"], *waiting["failed"]}
    for uid, pod in by_uid.items():
        ended = outcome(job, pod)
        if ended is None or uid in known or (indexed and ended == "succeeded"):
            continue
        if ended == "failed" and match_failure(job, pod).action == "Ignore":
            continue
        waiting[ended].append(uid)
    job.status.uncounted_terminated_pods = UncountedTerminatedPods(**waiting)


def _count_indexes(job: Job, pods: Sequence[Pod], completed: set[int]) -> None:
    size = job.spec.completions or 0
    ended = {index_of(pod) for pod in pods if outcome(job, pod) == "succeeded"}
    completed |= {index for index in ended if index is not None and index < size}
    job.status.completed_indexes = shown(completed) or None
    job.status.succeeded = len(completed) or None
    limit = job.spec.backoff_limit_per_index
    if limit is None:
        return
    lost = failed_indexes(job)
    for pod in pods:
        index = index_of(pod)
        if index is None or index in completed or outcome(job, pod) != "failed":
            continue
        action = match_failure(job, pod).action
        if action == "FailIndex" or (action != "Ignore" and failures_before(pod) + 1 > limit):
            lost.add(index)
    job.status.failed_indexes = shown(lost)

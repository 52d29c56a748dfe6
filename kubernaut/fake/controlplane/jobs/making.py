"""Makes a Job's next pods: how many, and of which indexes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kubernaut.client import ApiError
from kubernaut.fake.controlplane.jobs.backoff import retry_at, retry_index_at
from kubernaut.fake.controlplane.jobs.indexes import FAILURES, INDEX, failures_before, index_of, is_indexed, parse
from kubernaut.fake.controlplane.jobs.tally import (
    TRACKING,
    failed_indexes,
    is_terminating,
    outcome,
    replaces_failed_only,
    succeeded,
)
from kubernaut.fake.controlplane.pods import delete_pod, is_active, is_ready
from kubernaut.fake.controlplane.template import pod_from
from kubernaut.reconcile import Context
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import EnvVar, EnvVarSource, ObjectFieldSelector, Pod

_BURST = 500


async def make_or_delete(job: Job, pods: Sequence[Pod], now: datetime, ctx: Context) -> timedelta | None:
    """Bring the number of active pods to what it should be; answers how long until more may be made."""
    active = [pod for pod in pods if is_active(pod)]
    wanted = wanted_active(job, len(active))
    surplus = len(active) - wanted
    if surplus > 0:
        for pod in sorted(active, key=lambda pod: (is_ready(pod), pod.status.phase == "Running", pod.name))[:surplus]:
            await delete_pod(pod, ctx, job)
        return None
    leaving = sum(map(is_terminating, pods)) if replaces_failed_only(job) else 0
    missing = min(wanted - len(active) - leaving, _BURST)
    if missing <= 0:
        return None
    if is_indexed(job) and job.spec.backoff_limit_per_index is not None:
        return await _make_due_indexes(job, pods, missing, now, ctx)
    retry = retry_at(job, pods)
    if retry is not None and now < retry:
        return retry - now
    indexes: list[int | None] = [*_free_indexes(job, pods)] if is_indexed(job) else [None] * missing
    for index in indexes[:missing]:
        await _make(job, _pod_of(job, index), ctx)
    return None


def wanted_active(job: Job, active: int) -> int:
    """How many pods should be running. Without `completions`, none is added after the first success."""
    parallelism = 1 if job.spec.parallelism is None else job.spec.parallelism
    if job.spec.completions is None:
        return active if succeeded(job) else parallelism
    left = job.spec.completions - succeeded(job) - len(failed_indexes(job))
    return min(parallelism, max(left, 0))


async def _make_due_indexes(
    job: Job, pods: Sequence[Pod], missing: int, now: datetime, ctx: Context
) -> timedelta | None:
    waits: list[timedelta] = []
    for index in _free_indexes(job, pods):
        retry = retry_index_at(job, pods, index)
        if retry is not None and now < retry:
            waits.append(retry - now)
            continue
        if missing <= 0:
            break
        missing -= 1
        lost = [failures_before(pod) + 1 for pod in pods if index_of(pod) == index and outcome(job, pod) == "failed"]
        await _make(job, _pod_of(job, index, max(lost, default=0)), ctx)
    return min(waits) if waits else None


def _free_indexes(job: Job, pods: Sequence[Pod]) -> list[int]:
    """Indexes that have neither succeeded nor failed for good, and of which no pod runs, the lowest first."""
    waits = replaces_failed_only(job)
    taken = {index_of(pod) for pod in pods if is_active(pod) or (waits and is_terminating(pod))}
    taken |= parse(job.status.completed_indexes) | failed_indexes(job)
    return [index for index in range(job.spec.completions or 0) if index not in taken]


async def _make(job: Job, pod: Pod, ctx: Context) -> None:
    try:
        created = await ctx.client.create(pod)
    except ApiError as error:
        if not any(cause.reason == "NamespaceTerminating" for cause in error.causes):
            words = f"Error creating: {error.message}"
            ctx.events.event(job, "FailedCreate", words, type="Warning", action="Create")
        raise
    ctx.events.event(job, "SuccessfulCreate", f"Created pod: {created.name}", action="Create")


def _pod_of(job: Job, index: int | None, failures: int | None = None) -> Pod:
    pod = pod_from(job.spec.template, job)
    pod.metadata.labels = {
        **pod.metadata.labels,
        "batch.kubernetes.io/controller-uid": job.uid or "",
        "batch.kubernetes.io/job-name": job.name,
        "controller-uid": job.uid or "",
        "job-name": job.name,
    }
    pod.metadata.finalizers = [*pod.metadata.finalizers, TRACKING]
    if index is not None:
        _number(pod, job, index)
    if failures is not None:
        pod.metadata.annotations[FAILURES] = str(failures)
    return pod


def _number(pod: Pod, job: Job, index: int) -> None:
    pod.metadata.generate_name = f"{job.name}-{index}-"
    pod.metadata.annotations[INDEX] = pod.metadata.labels[INDEX] = str(index)
    pod.spec.hostname = f"{job.name}-{index}"
    source = EnvVarSource(field_ref=ObjectFieldSelector(field_path=f"metadata.labels['{INDEX}']"))
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        if not any(variable.name == "JOB_COMPLETION_INDEX" for variable in container.env):
            container.env.append(EnvVar(name="JOB_COMPLETION_INDEX", value_from=source))

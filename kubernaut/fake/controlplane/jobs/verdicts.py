"""Whether a Job is over, and why, in the words of the real controller (k8s.io/kubernetes pkg/controller/job)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.jobs.indexes import is_indexed, parse
from kubernaut.fake.controlplane.jobs.policies import match_failure, match_success
from kubernaut.fake.controlplane.jobs.tally import failed, failed_indexes, outcome, succeeded
from kubernaut.fake.controlplane.pods import is_active
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Pod

_BACKOFF_LIMIT = 6


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a Job is over, as its conditions say it."""

    failed: bool
    reason: str
    message: str


def is_over(job: Job) -> bool:
    """Whether condition Complete or Failed is True."""
    return any(conditions.is_true(job.status.conditions, kind) for kind in ("Complete", "Failed"))


def standing(job: Job) -> Verdict | None:
    """The verdict the status has announced already: it is not reconsidered."""
    for kind, lost in (("FailureTarget", True), ("SuccessCriteriaMet", False)):
        found = conditions.find(job.status.conditions, kind)
        if found is not None and found.status == "True":
            return Verdict(lost, found.reason, found.message)
    return None


def judge(job: Job, pods: Sequence[Pod], now: datetime) -> Verdict | None:
    """Whether the Job is over, and why."""
    return _failure(job, pods, now) or _success(job, pods)


def deadline_of(job: Job) -> datetime | None:
    """When activeDeadlineSeconds runs out."""
    if job.spec.active_deadline_seconds is None or job.status.start_time is None or job.spec.suspend:
        return None
    return job.status.start_time + timedelta(seconds=job.spec.active_deadline_seconds)


def _failure(job: Job, pods: Sequence[Pod], now: datetime) -> Verdict | None:
    for pod in pods:
        match = match_failure(job, pod) if outcome(job, pod) == "failed" else None
        if match is not None and match.action == "FailJob":
            return Verdict(True, "PodFailurePolicy", match.message)
    limit = _BACKOFF_LIMIT if job.spec.backoff_limit is None else job.spec.backoff_limit
    if failed(job) > limit or _restarted_too_often(job, pods, limit):
        return Verdict(True, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    deadline = deadline_of(job)
    if deadline is not None and now >= deadline:
        return Verdict(True, "DeadlineExceeded", "Job was active longer than specified deadline")
    return _failed_indexes(job) if is_indexed(job) and job.spec.backoff_limit_per_index is not None else None


def _restarted_too_often(job: Job, pods: Sequence[Pod], limit: int) -> bool:
    """With restartPolicy OnFailure it is the restarts of containers that count."""
    if job.spec.template.spec.restart_policy != "OnFailure":
        return False
    statuses = [
        status
        for pod in pods
        if pod.status.phase in ("Running", "Pending")
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    ]
    restarts = sum(status.restart_count for status in statuses)
    return restarts >= limit if limit else restarts > 0


def _failed_indexes(job: Job) -> Verdict | None:
    lost = len(failed_indexes(job))
    most = job.spec.max_failed_indexes
    if most is not None and lost > most:
        message = "Job has exceeded the specified maximal number of failed indexes"
        return Verdict(True, "MaxFailedIndexesExceeded", message)
    if lost and succeeded(job) + lost >= (job.spec.completions or 0):
        return Verdict(True, "FailedIndexes", "Job has failed indexes")
    return None


def _success(job: Job, pods: Sequence[Pod]) -> Verdict | None:
    if is_indexed(job) and job.spec.success_policy is not None:
        matched = match_success(job, parse(job.status.completed_indexes))
        if matched is not None:
            return Verdict(False, "SuccessPolicy", matched)
    active = any(is_active(pod) for pod in pods)
    if active or (job.spec.suspend and job.spec.completions is None):
        return None
    if succeeded(job) >= (1 if job.spec.completions is None else job.spec.completions):
        return Verdict(False, "CompletionsReached", "Reached expected number of succeeded pods")
    return None

"""Decides about Jobs: which pods count as what, whether the Job has failed or is complete. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kubernaut.fake.controlplane import conditions
from kubernaut.resources.builtin.batch_v1 import Job, PodFailurePolicyOnExitCodesRequirement, UncountedTerminatedPods
from kubernaut.resources.builtin.core_v1 import Pod

TRACKING = "batch.kubernetes.io/job-tracking"
"""The finalizer that keeps a pod until the Job has counted it."""
_BACKOFF_LIMIT = 6
_FIRST_BACKOFF = timedelta(seconds=10)
_MAX_BACKOFF = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a Job is over, as its conditions say it."""

    failed: bool
    reason: str
    message: str


def is_over(job: Job) -> bool:
    """Whether condition Complete or Failed is True."""
    return any(conditions.is_true(job.status.conditions, kind) for kind in ("Complete", "Failed"))


def outcome(job: Job, pod: Pod) -> str | None:
    """`succeeded` or `failed` once the pod counts as that; None while it still may run.

    A pod being deleted has failed, unless the Job waits for it to end (podReplacementPolicy Failed).
    """
    if pod.status.phase == "Succeeded":
        return "succeeded"
    if pod.status.phase == "Failed":
        return "failed"
    waits = job.spec.pod_replacement_policy == "Failed" or job.spec.pod_failure_policy is not None
    return "failed" if pod.metadata.deletion_timestamp is not None and not waits else None


def count(job: Job, pods: Sequence[Pod]) -> bool:
    """Take newly ended pods into the status' list of the uncounted; move those without finalizer to the counters.

    Returns whether the lists changed: then the finalizers may go only after that status has been written.
    """
    waiting = dict(zip(("succeeded", "failed"), uncounted(job), strict=True))
    held = {pod.uid or "": pod for pod in pods if TRACKING in pod.metadata.finalizers}
    changed = False
    for result, uids in waiting.items():
        released = [uid for uid in uids if uid not in held]
        if released:
            waiting[result] = [uid for uid in uids if uid in held]
            total = getattr(job.status, result) or 0
            setattr(job.status, result, total + len(released))
    known = {*waiting["succeeded"], *waiting["failed"]}
    for uid, pod in held.items():
        ended = outcome(job, pod)
        if ended is not None and uid not in known:
            waiting[ended].append(uid)
            changed = True
    job.status.uncounted_terminated_pods = UncountedTerminatedPods(**waiting)
    return changed


def uncounted(job: Job) -> tuple[list[str], list[str]]:
    """The uids of the pods that have succeeded and that have failed, and that the counters do not have yet."""
    lists = job.status.uncounted_terminated_pods
    return (list(lists.succeeded), list(lists.failed)) if lists is not None else ([], [])


def total(job: Job, result: str) -> int:
    """How many pods have succeeded or failed, those whose finalizer is still there included."""
    waiting = job.status.uncounted_terminated_pods
    return (getattr(job.status, result) or 0) + (len(getattr(waiting, result)) if waiting is not None else 0)


def wanted_completions(job: Job) -> int:
    """How many pods have to succeed."""
    if job.spec.completions is not None:
        return job.spec.completions
    return 1


def judge(job: Job, pods: Sequence[Pod], now: datetime) -> Verdict | None:
    """Whether the Job is over, and why."""
    policy = _failed_by_policy(job, pods)
    if policy is not None:
        return Verdict(True, "PodFailurePolicy", policy)
    if _counted_failures(job, pods) > (_BACKOFF_LIMIT if job.spec.backoff_limit is None else job.spec.backoff_limit):
        return Verdict(True, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    deadline = deadline_of(job)
    if deadline is not None and now >= deadline:
        return Verdict(True, "DeadlineExceeded", "Job was active longer than specified deadline")
    if total(job, "succeeded") >= wanted_completions(job):
        return Verdict(False, "CompletionsReached", "Reached expected number of succeeded pods")
    return None


def deadline_of(job: Job) -> datetime | None:
    """When activeDeadlineSeconds runs out."""
    if job.spec.active_deadline_seconds is None or job.status.start_time is None or job.spec.suspend:
        return None
    return job.status.start_time + timedelta(seconds=job.spec.active_deadline_seconds)


def retry_at(job: Job, pods: Sequence[Pod]) -> datetime | None:
    """When the next pod may be made after the last failure: 10 s later, then 20 s ... 10 min; None: now."""
    failures = total(job, "failed")
    ends = [moment for pod in pods if outcome(job, pod) == "failed" and (moment := finished_at(pod))]
    if not failures or not ends:
        return None
    return max(ends) + min(_FIRST_BACKOFF * (1 << min(failures - 1, 10)), _MAX_BACKOFF)


def finished_at(pod: Pod) -> datetime | None:
    """When the last of its containers ended."""
    ended = [status.state.terminated for status in pod.status.container_statuses]
    moments = [state.finished_at for state in ended if state is not None and state.finished_at is not None]
    return max(moments) if moments else None


def _counted_failures(job: Job, pods: Sequence[Pod]) -> int:
    ignored = sum(1 for pod in pods if outcome(job, pod) == "failed" and _rule_of(job, pod)[1] == "Ignore")
    return total(job, "failed") - ignored


def _failed_by_policy(job: Job, pods: Sequence[Pod]) -> str | None:
    for pod in pods:
        if outcome(job, pod) != "failed":
            continue
        index, action, cause = _rule_of(job, pod)
        if action == "FailJob":
            return f"{cause} matching FailJob rule at index {index}"
    return None


def _rule_of(job: Job, pod: Pod) -> tuple[int, str, str]:
    """The first rule of the pod failure policy that matches: its index, its action, and what matched."""
    policy = job.spec.pod_failure_policy
    where = f"pod {pod.namespace}/{pod.name}"
    for index, rule in enumerate(policy.rules if policy is not None else ()):
        for pattern in rule.on_pod_conditions:
            found = conditions.find(pod.status.conditions, pattern.type)
            if found is not None and found.status == (pattern.status or "True"):
                return index, rule.action, f"Pod {pod.namespace}/{pod.name} has condition {found.type}"
        matched = _matching_exit(rule.on_exit_codes, pod) if rule.on_exit_codes is not None else None
        if matched is not None:
            return index, rule.action, f"Container {matched[0]} for {where} failed with exit code {matched[1]}"
    return -1, "Count", ""


def _matching_exit(codes: PodFailurePolicyOnExitCodesRequirement, pod: Pod) -> tuple[str, int] | None:
    for status in pod.status.container_statuses:
        ended = status.state.terminated
        if ended is None or ended.exit_code == 0 or codes.container_name not in (None, "", status.name):
            continue
        if (ended.exit_code in codes.values) == (codes.operator == "In"):
            return status.name, ended.exit_code
    return None

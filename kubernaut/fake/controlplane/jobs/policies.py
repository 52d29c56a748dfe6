"""Pod failure policies and success policies of Jobs: which rule applies. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.jobs.indexes import parse
from kubernaut.resources.builtin.batch_v1 import Job, PodFailurePolicyOnExitCodesRequirement
from kubernaut.resources.builtin.core_v1 import Pod


@dataclass(frozen=True, slots=True)
class Match:
    """The rule of a pod failure policy that a failed pod matches; `action` Count where none does."""

    action: str = "Count"
    message: str = ""


_NO_MATCH = Match()


def match_failure(job: Job, pod: Pod) -> Match:
    """The first rule that matches a failed pod."""
    policy = job.spec.pod_failure_policy
    where = f"pod {pod.namespace}/{pod.name}"
    for index, rule in enumerate(policy.rules if policy is not None else ()):
        end = f"matching {rule.action} rule at index {index}"
        for pattern in rule.on_pod_conditions:
            found = conditions.find(pod.status.conditions, pattern.type)
            if found is not None and found.status == (pattern.status or "True"):
                return Match(rule.action, f"Pod {pod.namespace}/{pod.name} has condition {found.type} {end}")
        matched = _matching_exit(rule.on_exit_codes, pod) if rule.on_exit_codes is not None else None
        if matched is not None:
            return Match(rule.action, f"Container {matched[0]} for {where} failed with exit code {matched[1]} {end}")
    return _NO_MATCH


def match_success(job: Job, succeeded: set[int]) -> str | None:
    """What the success policy of an Indexed Job says of the indexes that have succeeded; None: not enough yet."""
    policy = job.spec.success_policy
    for number, rule in enumerate(policy.rules if policy is not None else ()):
        counted = succeeded & parse(rule.succeeded_indexes) if rule.succeeded_indexes is not None else succeeded
        wanted = rule.succeeded_count
        if wanted is None:
            wanted = len(parse(rule.succeeded_indexes))
        if len(counted) >= wanted:
            return f"Matched rules at index {number}"
    return None


def _matching_exit(codes: PodFailurePolicyOnExitCodesRequirement, pod: Pod) -> tuple[str, int] | None:
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        ended = status.state.terminated
        if ended is None or ended.exit_code == 0 or codes.container_name not in (None, "", status.name):
            continue
        if (ended.exit_code in codes.values) == (codes.operator == "In"):
            return status.name, ended.exit_code
    return None

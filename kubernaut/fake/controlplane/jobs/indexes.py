"""Completion indexes of Indexed Jobs, and the short form in which statuses list them. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Pod

INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
"""Annotation of a pod: how often its index had failed before."""


def is_indexed(job: Job) -> bool:
    """Whether each pod of the Job has a completion index of its own."""
    return job.spec.completion_mode == "Indexed"


def index_of(pod: Pod) -> int | None:
    """The completion index of a pod."""
    text = pod.metadata.annotations.get(INDEX, "")
    return int(text) if text.isdecimal() else None


def failures_before(pod: Pod) -> int:
    """How often the pod's index had failed when the pod was made."""
    text = pod.metadata.annotations.get(FAILURES, "")
    return int(text) if text.isdecimal() else 0


def parse(text: str | None) -> set[int]:
    """Read `0,2-4`; what is no index is left out."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found.update(range(int(first), int(last or first) + 1))
    return found


def shown(indexes: Iterable[int]) -> str:
    """Write indexes as `0,2-4`."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(_run(first, last) for first, last in runs)


def _run(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first},{last}" if last == first + 1 else f"{first}-{last}"

"""How long a Job waits after a failure before it makes the next pod: 10 s, 20 s ... 10 min, anew after a success."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kubernaut.fake.controlplane.jobs.indexes import failures_before, index_of
from kubernaut.fake.controlplane.jobs.tally import finished_at, outcome
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Pod

_FIRST = timedelta(seconds=10)
_LONGEST = timedelta(minutes=10)


def retry_at(job: Job, pods: Sequence[Pod]) -> datetime | None:
    """When the next pod may be made; None: now. Failures count up to the last success."""
    ended = [(moment, pod.name, pod) for pod in pods if outcome(job, pod) and (moment := finished_at(pod))]
    failures, last = 0, None
    for moment, _, pod in sorted(ended, key=lambda entry: entry[:2]):
        if outcome(job, pod) == "succeeded":
            failures = 0
        else:
            failures, last = failures + 1, moment
    return last + _wait(failures) if failures and last is not None else None


def retry_index_at(job: Job, pods: Sequence[Pod], index: int) -> datetime | None:
    """When the next pod of an index may be made, where each index counts for itself; None: now."""
    ended = [
        (moment, failures_before(pod) + 1)
        for pod in pods
        if index_of(pod) == index and outcome(job, pod) == "failed" and (moment := finished_at(pod))
    ]
    if not ended:
        return None
    last, failures = max(ended)
    return last + _wait(failures)


def _wait(failures: int) -> timedelta:
    return min(_FIRST * (1 << min(failures - 1, 10)), _LONGEST)

"""Says how a Job ended, from its conditions only: counters move while retries remain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kubernaut.resources.builtin.batch_v1 import Job


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a Job: `success`, the failing condition's reason and message, and when the condition was set."""

    success: bool
    reason: str
    message: str
    ended: datetime | None


def outcome(job: Job) -> Outcome | None:
    """The Job's outcome, or None while it runs.

    Only `Complete` and `Failed` with status True are terminal: `SuccessCriteriaMet` and `FailureTarget` come before
    the pods have ended, and `failed > 0` is true while retries remain. A failed Job has no completionTime, hence the
    condition's time.
    """
    status = job.status
    for condition in (status.conditions or ()) if status else ():
        if condition.status == "True" and condition.type in ("Complete", "Failed"):
            success = condition.type == "Complete"
            completed = status.completion_time if status and success else None
            ended = completed or condition.last_transition_time
            return Outcome(success, condition.reason or "", condition.message or "", ended)
    return None

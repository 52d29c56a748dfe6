"""After a failed attempt: whether another one makes sense, or a person is needed."""

from __future__ import annotations

from kubernaut.remediation.machine.verdicts import Move
from kubernaut.remediation.request.ending import review
from kubernaut.remediation.request.history import failed_rate
from kubernaut.remediation.request.reasons import RECOVERY_INITIATED, Review
from kubernaut.remediation.request.step import RequestStep
from kubernaut.remediation.request.types import Phase, WorkflowRef
from kubernaut.remediation.workflow.types import ErrorType

REFUSED = {
    ErrorType.POLICY_DENIED: (Review.POLICY_DENIED, "the policy refused it"),
    ErrorType.APPROVAL_DENIED: (Review.APPROVAL_DENIED, "a person refused it, or nobody approved it in time"),
}
"""Another proposal would only be a way around whoever refused."""


def answer(step: RequestStep) -> Move:
    """What follows from the failure that this attempt's WorkflowRef tells of: a recovery, or a person's review."""
    failed = step.workflow_ref
    assert failed is not None, "the failure is noted first"
    step.status.last_failure_time = failed.completion_time or step.now
    hopeless = _hopeless(step, failed)
    if hopeless is not None:
        reason, message = hopeless
        return review(step, reason, f"{message}: {told(failed)}", _look_at(step))
    step.status.recovery_attempts += 1
    step.status.recovery_reason = f"workflow_{_error(failed)}_step_{failed.failed_step or 0}"
    step.status.current_workflow_execution_ref = None
    number, limit = step.status.recovery_attempts, step.spec.max_recovery_attempts
    message = f"recovery {number} of {limit}: {told(failed)}"
    return Move(Phase.RECOVERING, message, RECOVERY_INITIATED)


def told(failed: WorkflowRef) -> str:
    """A failure in a line."""
    which = "" if failed.failed_step is None else f"step {failed.failed_step + 1} ({failed.failed_action}) "
    return f"{which}failed with {_error(failed)}: {failed.failure_reason or 'no reason is told'}"


def _hopeless(step: RequestStep, failed: WorkflowRef) -> tuple[str, str] | None:
    refused = REFUSED.get(failed.error_type)  # type: ignore[call-overload]
    if refused is not None:
        reason, message = refused
        return reason, message
    if step.attempt >= step.spec.max_recovery_attempts:
        return Review.MAX_RECOVERY_ATTEMPTS, f"no recovery is left after {step.attempt}"
    if _like(failed) in [_like(ref) for ref in step.status.workflow_execution_refs if ref is not failed]:
        return Review.SAME_FAILURE_TWICE, "the same action failed in the same way before"
    bad, ended = failed_rate(step)
    limits = step.config.limits
    if ended >= limits.failed_rate_sample and bad >= limits.failed_rate * ended:
        message = f"{bad} of {ended} requests failed within the last hour, so no recovery begins"
        return Review.FAILURE_RATE_EXCEEDED, message
    return None


def _look_at(step: RequestStep) -> list[str]:
    """Every attempt, the last one first."""
    refs = sorted(step.status.workflow_execution_refs, key=lambda ref: ref.attempt_number, reverse=True)
    return [f"WorkflowExecution {ref.namespace}/{ref.name}: {told(ref)}" for ref in refs]


def _error(failed: WorkflowRef) -> str:
    return failed.error_type or ErrorType.UNKNOWN_ERROR.value


def _like(failed: WorkflowRef) -> tuple[str | None, str, int | None]:
    return failed.failed_action, _error(failed), failed.failed_step

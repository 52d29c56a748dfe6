"""Phases `verifying` and `manual_review`: whether the target is healthy, and stays so."""

from __future__ import annotations

from kubernaut.client import ApiError, NotFound
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.machine.errors import TRANSIENT
from kubernaut.remediation.machine.verdicts import SOON, Move, Verdict, Wait
from kubernaut.remediation.request.health import Health
from kubernaut.remediation.request.reasons import Done
from kubernaut.remediation.request.recovery import answer
from kubernaut.remediation.request.step import RequestStep
from kubernaut.remediation.request.types import Phase
from kubernaut.remediation.workflow.types import ErrorType, WorkflowExecution

LOOK = 5 * SOON
"""How soon a target that is not healthy is looked at again while it is verified."""
REVIEWED = 60 * SOON
"""The same while a person looks at it."""
MAX_TEXT = 1024


async def verifying(step: RequestStep) -> Verdict:
    """Done once the target has been healthy for the stable window; not in time is a failure. Raises ApiError.

    Whether the signal is resolved is not asked: alerts go away minutes later, and some never say so.
    """
    health = await step.config.health.look(step.ctx.client, _monitored(step))
    if (stable := _stable(step, health)) is None:
        message = f"healthy for {step.config.limits.stable.total_seconds():g} s"
        step.status.set_condition("Verified", True, reason=Done.REMEDIATED, message=message)
        return Move(Phase.COMPLETED, message, Done.REMEDIATED)
    if not step.expired:
        return stable
    step.status.set_condition("Verified", False, reason="Unhealthy", message=health.message)
    failed = step.workflow_ref
    if failed is not None:
        # Its workflow has done all it was to do, and that was not enough.
        failed.outcome, failed.error_type = "unhealthy", ErrorType.TIMEOUT
        failed.failure_reason = f"every step was done, and the target is not healthy: {health.message}"[:MAX_TEXT]
        failed.completion_time = step.now
    return answer(step)


async def manual_review(step: RequestStep) -> Verdict:
    """A person's turn, for as long as they take.

    They end it by `spec.cancel` or by deleting the request. A target that was seen unhealthy, and has been healthy
    again for the stable window, was repaired by somebody: done as well. Raises ApiError.
    """
    given = step.status.manual_review
    if given is None:
        return Wait(REVIEWED)
    try:
        health = await step.config.health.look(step.ctx.client, step.spec.target)
    except TRANSIENT:
        raise
    except ApiError:
        # Somebody has to look at it anyway; that the target cannot be read ends nothing.
        return Wait(REVIEWED)
    if not health.healthy:
        given.unhealthy, step.status.healthy_since = True, None
        return Wait(REVIEWED)
    if not given.unhealthy:
        return Wait(REVIEWED)
    if (wait := _stable(step, health)) is not None:
        return wait
    return Move(Phase.COMPLETED, "the target is healthy again", Done.RESOLVED_BY_PERSON)


def _monitored(step: RequestStep) -> ExecutionTarget:
    """What the workflow looked at, such as the Deployment of a pod; the target where it does not say."""
    try:
        workflow = step.ctx.cache.get(WorkflowExecution, step.workflow_name, step.obj.namespace)
    except NotFound:
        return step.spec.target
    ref, seen = step.workflow_ref, workflow.status.monitored
    if seen is None or ref is None or ref.uid != workflow.uid:
        return step.spec.target
    return ExecutionTarget(api_version=seen.api_version, kind=seen.kind, namespace=seen.namespace, name=seen.name)


def _stable(step: RequestStep, health: Health) -> Wait | None:
    """None once the target has been healthy long enough, else when to look again."""
    status = step.status
    if not health.healthy:
        status.healthy_since = None
        status.set_condition("Healthy", False, reason="Unhealthy", message=health.message)
        return Wait(LOOK)
    # Not later than now: a clock that is set back begins the window anew, and does not stretch it.
    status.healthy_since = min(status.healthy_since or step.now, step.now)
    status.set_condition("Healthy", True, reason="Healthy", message=health.message)
    left = status.healthy_since + step.config.limits.stable - step.now
    return Wait(min(left, LOOK)) if left > 0 * SOON else None

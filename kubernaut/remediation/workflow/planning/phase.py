"""Phase `planning`: the order of the steps and their time limits, written once."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.actions import UnknownAction
from kubernaut.remediation.execution.digest import spec_digest
from kubernaut.remediation.machine import Move, Verdict
from kubernaut.remediation.workflow.errors import failure_for
from kubernaut.remediation.workflow.failing import end
from kubernaut.remediation.workflow.failure import Failure
from kubernaut.remediation.workflow.reasons import Reason
from kubernaut.remediation.workflow.seams import PlanError
from kubernaut.remediation.workflow.types import ErrorType, Phase, Plan, StepStatus, WorkflowStep
from kubernaut.remediation.workflow.work import Work
from kubernaut.resources import format_duration


async def planning(work: Work) -> Verdict:
    """Write the plan; everything after it goes by what is written there."""
    steps = work.workflow.spec.steps
    try:
        plan = work.config.planner.plan(work.workflow.spec)
        _check(plan, len(steps))
        plan.timeouts = [_timeout(work, index, step) for index, step in enumerate(steps)]
    except PlanError as error:
        return await end(work, Failure(Reason.PLAN_INVALID, str(error), ErrorType.VALIDATION_ERROR, error.step))
    work.status.spec_digest = spec_digest(work.workflow.spec)
    work.status.plan = plan
    work.status.steps = [StepStatus(name=step.name) for step in steps]
    work.status.total_steps, work.status.completed_steps = len(steps), 0
    return Move(Phase.VALIDATING, f"{_counted(len(steps), 'step')} in {_counted(len(plan.waves), 'wave')}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _check(plan: Plan, steps: int) -> None:
    """Whoever planned: each step has its place, after all that it follows. Raises PlanError."""
    order = [index for wave in plan.waves for index in wave]
    if sorted(order) != list(range(steps)) or len(plan.after) != steps:
        raise PlanError("steps", f"the plan does not have each of the {steps} steps once: {plan.waves}")
    done: set[int] = set()
    for index in order:
        if not done.issuperset(plan.after[index]):
            raise PlanError(f"steps[{index}]", f"the plan has it before some of {plan.after[index]}, which it follows")
        done.add(index)


def _timeout(work: Work, index: int, step: WorkflowStep) -> timedelta:
    """How long the action of a step may take. Raises PlanError."""
    try:
        action = work.config.execution.catalog.get(step.action)
    except UnknownAction as error:
        raise PlanError(f"steps[{index}].action", str(error), index) from None
    timeout = action.default_timeout if step.timeout is None else step.timeout
    limit = min(work.config.limits.step, work.config.execution.limits.execution)
    if not timedelta() < timeout <= limit:
        bounds = f"must be longer than 0s and at most {format_duration(limit)}"
        raise PlanError(f"steps[{index}].timeout", f"{bounds}, got {format_duration(timeout)}", index)
    return timeout


def planning_expired(work: Work) -> Failure:
    """The failure of a plan that could not be written in time."""
    return failure_for(Reason.PLANNING_TIMEOUT, f"no plan by {work.status.deadline:%Y-%m-%dT%H:%M:%SZ}")

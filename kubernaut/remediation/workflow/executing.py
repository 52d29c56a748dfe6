"""Phase `executing`: an execution for each step, in the order of the plan; what a failed one means for the others."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.remediation.machine import SOON, Move, Verdict, Wait
from kubernaut.remediation.workflow.attempts import announce, follow, withdraw
from kubernaut.remediation.workflow.failing import end
from kubernaut.remediation.workflow.failure import Failure
from kubernaut.remediation.workflow.reasons import Reason
from kubernaut.remediation.workflow.types import ErrorType, Phase, StepState, StepStatus
from kubernaut.remediation.workflow.validation.phase import distrust
from kubernaut.remediation.workflow.work import ENDED, Work


async def executing(work: Work) -> Verdict:
    """Follow what runs, then begin what may begin. A step is announced in one reconcile, and created in a later one."""
    steps = len(work.workflow.spec.steps)
    if sorted(work.order) != list(range(steps)) or len(work.status.steps) != steps:
        message = "status.plan and status.steps are not those that were written"
        return await end(work, Failure(Reason.PLAN_INVALID, message, ErrorType.UNKNOWN_ERROR))
    halted = await _halting(work)
    for index, _, step in list(work.each(StepState.RUNNING)):
        await (follow(work, index, step) if halted is None else withdraw(work, index, step))
    work.status.completed_steps = sum(step.state == StepState.COMPLETED for step in work.status.steps)
    halted = halted or _failed(work)
    if halted is not None:
        return await _halt(work, halted)
    if all(step.state in ENDED for step in work.status.steps):
        return Move(Phase.MONITORING, _told(work))
    _begin(work)
    return Wait(_pause(work))


async def _halting(work: Work) -> Failure | None:
    """Why nothing more may begin."""
    failure = _failed(work)
    if failure is None and any(True for _ in work.each(StepState.RUNNING)):
        # What is about to be created is for whoever the spec names; somebody may have written this phase.
        if all(step.execution_ref and step.execution_ref.uid for _, _, step in work.each(StepState.RUNNING)):
            return None
        return await distrust(work)
    return failure


def _failed(work: Work) -> Failure | None:
    """The failure that ends the workflow: of the first step, in the order of the plan, that is not to be passed
    over."""
    for index, spec, step in work.each(StepState.FAILED):
        if spec.on_failure == "continue":
            continue
        message = f"{work.title(index)}: {step.message or step.reason}"
        kind = ErrorType(step.error_type or ErrorType.UNKNOWN_ERROR)
        return Failure(Reason.STEP_FAILED, message, kind, index, rollback=spec.on_failure == "rollback")
    return None


async def _halt(work: Work, failure: Failure) -> Verdict:
    """End once nothing runs any more; what has not begun never does."""
    for _, _, step in list(work.each(StepState.PENDING)):
        step.state = StepState.FAILED if step.attempt else StepState.SKIPPED
        step.completion_time, step.next_attempt = work.now, None
    if any(True for _ in work.each(StepState.RUNNING)):
        return Wait(_pause(work))
    return await end(work, failure)


def _begin(work: Work) -> None:
    """Announce every step whose turn it is."""
    running = sum(1 for _ in work.each(StepState.RUNNING))
    for index, _, step in list(work.each(StepState.PENDING)):
        if running >= work.workflow.spec.max_parallel:
            return
        if _may_begin(work, index, step):
            announce(work, index, step)
            running += 1


def _may_begin(work: Work, index: int, step: StepStatus) -> bool:
    """What it follows has ended; so has what works on the same target and comes first; and it need not wait."""
    known, order = work.status.steps, work.order
    if step.next_attempt is not None and work.now < step.next_attempt:
        return False
    before = order[: order.index(index)]
    beside = [other for other in before if step.lease is not None and known[other].lease == step.lease]
    return all(known[other].state in ENDED for other in (*work.plan.after[index], *beside))


def _pause(work: Work) -> timedelta | None:
    """Until something falls due that no watch tells of."""
    due = [step.next_attempt for _, _, step in work.each(StepState.PENDING) if step.next_attempt is not None]
    due += [step.deadline for _, _, step in work.each(StepState.RUNNING) if step.deadline is not None]
    soonest = min((time - work.now for time in due), default=work.config.limits.poll)
    return min(max(soonest, timedelta()) + SOON, work.config.limits.poll)


def _told(work: Work) -> str:
    steps = work.status.steps
    passed = sum(step.state == StepState.FAILED for step in steps)
    if passed:
        return f"{passed} of {len(steps)} steps failed and were passed over"
    return f"{len(steps)} steps are done" if len(steps) != 1 else "1 step is done"

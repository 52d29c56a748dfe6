"""Phase `rolling_back`: what was done is undone, the last first, one at a time; its own result is recorded."""

from __future__ import annotations

from kubernaut.client import ApiError
from kubernaut.remediation.execution.types import KubernetesExecution, ObjectRef
from kubernaut.remediation.execution.undoing import NothingToUndo
from kubernaut.remediation.machine import CHILD_NAME_TAKEN, SOON, Fail, Verdict, Wait, cut
from kubernaut.remediation.machine.errors import TRANSIENT
from kubernaut.remediation.workflow.drafts import inverse_for
from kubernaut.remediation.workflow.executions import (
    SUCCEEDED,
    acting_since,
    create_execution,
    delete_execution,
    find_execution,
    has_ended,
    told,
)
from kubernaut.remediation.workflow.reasons import EVERY_STEP_UNDONE, ROLLBACK_INCOMPLETE, ROLLED_BACK, Reason
from kubernaut.remediation.workflow.types import RollbackResult, StepState, StepStatus
from kubernaut.remediation.workflow.work import Work

_SHORT = 512


async def rolling_back(work: Work) -> Verdict:
    """The next thing about the step whose turn it is. One that cannot be undone does not keep the others from it:
    where they are about the same target, their own check refuses."""
    result = work.status.rollback
    if result is None:
        result = work.status.rollback = RollbackResult(success=False)
        for _, _, step in work.each(StepState.FAILED):
            if step.uncertain:
                _leave(result, step, f"what it has changed is unknown: {step.message}")
    index = _next(work, result)
    if index is None:
        return _finish(work, result)
    step = work.status.steps[index]
    try:
        await _undo(work, step, result)
    except Exception as error:
        if isinstance(error, TRANSIENT) or not work.overdue(step):
            raise
        _leave(result, step, f"its rollback cannot be read: {error}")
    return Wait(SOON if step.rollback_ref is None or step.rollback_ref.uid is None else None)


def _next(work: Work, result: RollbackResult) -> int | None:
    """Of the steps that are left, the one that ended last; those of one second in reverse order of the plan."""
    known = work.status.steps
    left = [
        (known[index].completion_time or work.now, position, index)
        for position, index in enumerate(work.order)
        if known[index].state == StepState.COMPLETED
        and known[index].undoable
        and known[index].name not in result.not_rolled_back
    ]
    return max(left)[2] if left else None


async def _undo(work: Work, step: StepStatus, result: RollbackResult) -> None:
    reference = step.rollback_ref
    if reference is None and step.deadline is None:
        # Written before anything is read, for what cannot be read must not be waited for without end.
        step.deadline = work.now + work.config.limits.step
    elif reference is None:
        inverse = await _inverse(work, step)
        if isinstance(inverse, str):
            _leave(result, step, inverse)
            return
        step.rollback_ref = ObjectRef(name=inverse.name)
        step.deadline = work.now + work.config.waiting
    elif reference.uid is None:
        await _create(work, step, result)
    else:
        await _follow(work, step, reference, result)


async def _inverse(work: Work, step: StepStatus) -> KubernetesExecution | str:
    """The execution that undoes a step, or why there is none."""
    reference = step.execution_ref
    original = await find_execution(work, reference) if reference is not None else None
    if original is None:
        return "its execution, which says how it is undone, is gone"
    try:
        return inverse_for(work.workflow, original)
    except NothingToUndo as error:
        return str(error)


async def _create(work: Work, step: StepStatus, result: RollbackResult) -> None:
    inverse = await _inverse(work, step)
    if isinstance(inverse, str):
        _leave(result, step, inverse)
        return
    try:
        made = await create_execution(work, inverse)
    except ApiError as error:
        if isinstance(error, TRANSIENT):
            raise
        _leave(result, step, told(error))
        return
    if made is not None:
        step.rollback_ref = ObjectRef(name=made.name, uid=made.uid)
    elif work.status.is_true(CHILD_NAME_TAKEN):
        _leave(result, step, f"{inverse.name} exists and is not of this workflow")
        work.status.remove_condition(CHILD_NAME_TAKEN)


async def _follow(work: Work, step: StepStatus, reference: ObjectRef, result: RollbackResult) -> None:
    found = await find_execution(work, reference)
    if found is None:
        why = "did not end in time and was deleted" if work.overdue(step) else "is gone before its end was seen"
        _leave(result, step, f"{reference.name} {why}")
    elif has_ended(found):
        if found.status.phase in SUCCEEDED:
            step.state, step.deadline = StepState.ROLLED_BACK, None
            result.rolled_back.append(step.name)
        else:
            _leave(result, step, f"{found.status.reason}: {found.status.message}")
    else:
        if (begun := acting_since(found)) is not None:
            step.deadline = begun + work.config.acting(found.spec.timeout or work.config.limits.step)
        if work.overdue(step):
            # It is followed until it is gone: before, its Job may be at work on what the next one is about.
            await delete_execution(work.ctx.client, found)


def _leave(result: RollbackResult, step: StepStatus, why: str) -> None:
    step.deadline = None
    result.not_rolled_back[step.name] = cut(why, _SHORT)


def _finish(work: Work, result: RollbackResult) -> Fail:
    """The workflow has failed, and for the same reason as before it was undone."""
    result.success, result.completion_time = not result.not_rolled_back, work.now
    told = f"undone: {', '.join(result.rolled_back) or 'nothing'}"
    if result.not_rolled_back:
        told += f"; not undone: {', '.join(result.not_rolled_back)}"
    reason = EVERY_STEP_UNDONE if result.success else ROLLBACK_INCOMPLETE
    work.status.set_condition(ROLLED_BACK, result.success, reason=reason, message=told)
    work.event(ROLLED_BACK if result.success else reason, told, warning=not result.success)
    return Fail(work.status.reason or Reason.STEP_FAILED, f"{work.status.failure_reason} ({told})")

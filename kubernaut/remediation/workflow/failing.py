"""Writes a failure down, with all that whoever decides what comes next must know."""

from __future__ import annotations

from kubernaut.remediation.machine import Fail, Move, Verdict, cut
from kubernaut.remediation.workflow.failure import Failure
from kubernaut.remediation.workflow.snapshot import snapshot_steps, take_snapshot
from kubernaut.remediation.workflow.types import ExecutionSnapshot, Phase, StepState
from kubernaut.remediation.workflow.work import Work


async def end(work: Work, failure: Failure) -> Verdict:
    """Note the failure, then undo what was done where it says so and there is anything to undo; else fail at once."""
    note(work, failure)
    if work.status.execution_snapshot is not None:
        await take_snapshot(work, work.status.execution_snapshot)
    work.status.reason = failure.reason
    undo = failure.rollback and any(step.undoable for _, _, step in work.each(StepState.COMPLETED))
    if undo:
        return Move(Phase.ROLLING_BACK, failure.message, failure.reason)
    return Fail(failure.reason, failure.message)


def note(work: Work, failure: Failure) -> None:
    """The status fields of a failure, but for what must be read. The first failure is the one that is told."""
    status, steps = work.status, work.workflow.spec.steps
    if status.error_type is not None:
        return
    status.error_type = failure.error_type
    status.failure_reason = cut(failure.message)
    if failure.step is not None:
        status.failed_step, status.failed_action = failure.step, steps[failure.step].action
    status.total_steps = len(steps)
    status.completed_steps = sum(step.state == StepState.COMPLETED for step in status.steps)
    status.execution_snapshot = ExecutionSnapshot(
        completed_steps=snapshot_steps(work), current_step=failure.step, timestamp=work.now
    )

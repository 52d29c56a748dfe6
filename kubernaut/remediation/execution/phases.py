"""The phase table: each phase with its handler, the phases that may follow it, and its limit."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.actions import ParameterError
from kubernaut.remediation.execution.executing import executing, execution_expired, execution_limit
from kubernaut.remediation.execution.gate import Approved
from kubernaut.remediation.execution.jobs import misfit, read_invocation
from kubernaut.remediation.execution.lock import hold_target, lease_name
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Run
from kubernaut.remediation.execution.terminal import terminal
from kubernaut.remediation.execution.types import ApprovalRecord, Phase
from kubernaut.remediation.execution.undone import with_parameters
from kubernaut.remediation.execution.validation import validating, validation_expired
from kubernaut.remediation.machine.table import PhaseRow, PhaseTable
from kubernaut.remediation.machine.verdicts import Fail, Move, Verdict, Wait


async def validated(run: Run) -> Verdict:
    """Between validation and the Job: the approval, where the policy requires one that has not been given."""
    if changed := run.spec_changed():
        return changed
    # A catalog that lost the action since shows here, while failing is still possible without side effects.
    run.order()
    policy, approval = run.results.policy_validation, run.status.approval
    if policy is None:
        return Move(Phase.VALIDATING, "the validation results are missing")
    given = approval is not None and approval.digest == run.status.spec_digest
    if not policy.required_approval or given:
        return await _take_target(run)
    answer = await run.config.approvals.ask(run.execution, run.ctx)
    if not isinstance(answer, Approved):
        return answer
    if answer.digest != run.status.spec_digest:
        return Wait()
    run.status.approval = ApprovalRecord(
        digest=answer.digest, decided_by=answer.decided_by, decided_at=answer.decided_at
    )
    # Time has passed since the checks: every one runs again, and the approval answers only for itself.
    run.status.validation_results = None
    return Move(Phase.VALIDATING, f"approved by {answer.decided_by}")


async def _take_target(run: Run) -> Verdict:
    """On to the Job once no other action is at work on the target; what changes nothing disturbs nobody."""
    order = run.order()
    if not order.action.exclusive:
        return Move(Phase.EXECUTING)
    invocation = await read_invocation(run, order)
    if isinstance(invocation, Fail):
        return invocation
    try:
        name = await lease_name(run.ctx.client, order, invocation)
    except ParameterError as error:
        return misfit(error)
    waited = run.status.is_true(Reason.TARGET_BUSY)
    busy = await hold_target(run, name)
    if busy is not None:
        return busy
    if not waited:
        return Move(Phase.EXECUTING)
    # Another's action has been at work since the checks: every one runs again.
    run.status.validation_results = None
    return Move(Phase.VALIDATING, "the target is free")


def validation_limit(run: Run) -> timedelta:
    """Of the checks; longer once one of them runs a Job."""
    dry_run = run.status.validation_results.dry_run_results if run.status.validation_results else None
    limits = run.config.limits
    return limits.dry_run if dry_run is not None and dry_run.deadline is not None else limits.validation


def _not_begun(run: Run) -> Fail:
    """The failure of an execution that waited too long, for an approval or for its turn."""
    deadline = f"{run.status.deadline:%Y-%m-%dT%H:%M:%SZ}"
    if run.status.is_true(Reason.TARGET_BUSY):
        waiting = run.status.condition(Reason.TARGET_BUSY)
        return Fail(Reason.TARGET_BUSY, f"not its turn by {deadline}: {waiting.message if waiting else ''}")
    return Fail(Reason.APPROVAL_EXPIRED, f"no approval by {deadline}")


PHASES = PhaseTable[Run](
    {
        Phase.VALIDATING: PhaseRow(
            with_parameters(validating),
            next=frozenset({Phase.VALIDATED, Phase.FAILED}),
            limit=validation_limit,
            expired=validation_expired,
            condition="Validated",
            summary="five checks",
        ),
        Phase.VALIDATED: PhaseRow(
            with_parameters(validated),
            next=frozenset({Phase.EXECUTING, Phase.VALIDATING, Phase.FAILED}),
            limit=lambda run: run.config.limits.approval,
            expired=_not_begun,
            condition="Approved",
            entered="Validated",
            summary="approval, and the target's turn",
        ),
        Phase.EXECUTING: PhaseRow(
            executing,
            next=frozenset({Phase.ROLLBACK_READY, Phase.COMPLETED, Phase.FAILED}),
            limit=execution_limit,
            expired=execution_expired,
            late=True,
            # With a Job at work only the deadline gives up on its result.
            patient=lambda run: run.status.job_uid is not None,
            condition="Executed",
            entered="Approved",
            summary="one Job",
        ),
        Phase.ROLLBACK_READY: PhaseRow(terminal, entered="Executed", summary="done, can be undone"),
        Phase.COMPLETED: PhaseRow(terminal, entered="Executed", summary="done, nothing to undo"),
        Phase.FAILED: PhaseRow(terminal),
    },
    first=Phase.VALIDATING,
    failed=Phase.FAILED,
)

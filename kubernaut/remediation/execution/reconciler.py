"""The reconciler: asks the handler of the present phase, and turns its verdict into status, conditions and Events."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.client import (
    ApiError,
    Conflict,
    Expired,
    InternalError,
    ObjectHead,
    ServerTimeout,
    ServiceUnavailable,
    Timeout,
    TooManyRequests,
    TransportError,
    Unauthorized,
)
from kubernaut.reconcile import Context, Reconciler, RequeueError, Result, TerminalError
from kubernaut.remediation.execution.config import ExecutionConfig
from kubernaut.remediation.execution.jobs import SOON, delete_job, own_jobs
from kubernaut.remediation.execution.lock import release_targets
from kubernaut.remediation.execution.phases import PHASES, PhaseRow
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Run
from kubernaut.remediation.execution.texts import cut
from kubernaut.remediation.execution.types import FINALIZER, KubernetesExecution, KubernetesExecutionStatus, Phase
from kubernaut.remediation.execution.verdicts import Fail, Move, Verdict, Wait

TRANSIENT = (
    TransportError,
    TooManyRequests,
    InternalError,
    ServerTimeout,
    ServiceUnavailable,
    Timeout,
    Conflict,
    Expired,
    Unauthorized,
    RequeueError,
)
MAX_TOLD = 64
"""Violations and reasons of a policy that a status holds, each of at most TOLD_BYTES."""
TOLD_BYTES = 1024
UNKNOWN_PHASE = "UnknownPhase"
_CONDITIONS = {
    Phase.VALIDATED: "Validated",
    Phase.EXECUTING: "Approved",
    Phase.ROLLBACK_READY: "Executed",
    Phase.COMPLETED: "Executed",
}
NOT_REQUIRED = "ApprovalNotRequired"
_WORDS = {phase: "".join(word.title() for word in phase.split("_")) for phase in Phase}


class ExecutionReconciler(Reconciler[KubernetesExecution]):
    """One step of one execution per reconcile; each step's status is written before the next begins."""

    finalizer = FINALIZER

    def __init__(self, config: ExecutionConfig) -> None:
        self._config = config

    async def reconcile(self, obj: KubernetesExecution, ctx: Context) -> Result | None:
        """Raises only transient API errors, to be retried; every other failure is in the status."""
        if self._config.metrics is not None:
            self._config.metrics.observe(obj)
        run = Run(obj, ctx, self._config)
        if obj.status.phase is None:
            obj.status.start_time = run.now
            return _settle(run, Move(Phase.VALIDATING))
        row = PHASES.get(obj.status.phase)
        if row is None:
            _unknown_phase(run)
            return None
        result = _settle(run, await _ask(run, row))
        _bound(obj.status)
        return result

    async def finalize(self, obj: KubernetesExecution, ctx: Context) -> Result | None:
        """Stop and remove the Jobs, in whatever phase; done when none is left."""
        if self._config.metrics is not None:
            self._config.metrics.observe(obj)
        row = PHASES.get(obj.status.phase or "")
        if row is not None and not row.terminal:
            run = Run(obj, ctx, self._config)
            _fail(run, row, Fail(Reason.CANCELLED, f"deleted while {obj.status.phase}"))
        waiting = await self._remove_jobs(ctx, obj.uid or "")
        if waiting is None and self._config.audited and obj.status.recorded_transitions < len(obj.status.transitions):
            # The audit controller writes this status when it is done; nothing of the story may be lost.
            return Result(requeue_after=self._config.limits.poll)
        return waiting

    async def finalize_raw(self, head: ObjectHead, ctx: Context) -> Result | None:
        """The same by metadata alone."""
        return await self._remove_jobs(ctx, head.uid)

    async def _remove_jobs(self, ctx: Context, uid: str) -> Result | None:
        jobs = await own_jobs(ctx.client, self._config.executor_namespace, uid)
        for job in jobs:
            await delete_job(ctx.client, job)
        if jobs:
            return Result(requeue_after=2 * SOON)
        await release_targets(ctx.client, self._config.executor_namespace, uid)
        return None


async def _ask(run: Run, row: PhaseRow) -> Verdict:
    """The handler's verdict, with the phase's deadline and unexpected errors turned into failures."""
    late = run.expired and row.expired is not None
    if late and not row.late and row.expired is not None:
        return row.expired(run)
    try:
        verdict = await row.handler(run)
    except TerminalError:
        raise
    except Exception as error:
        # Past the deadline nothing is retried; with a Job at work only the deadline gives up on its result.
        at_work = row.late and run.status.job_uid is not None
        if late and row.expired is not None:
            failure = row.expired(run)
            return Fail(failure.reason, f"{failure.message} (last error: {error})")
        if isinstance(error, TRANSIENT) or at_work or row.terminal:
            raise
        run.ctx.log.warning("the phase failed", phase=run.status.phase, error=str(error), exc_info=True)
        return _failure(error)
    if late and isinstance(verdict, Wait) and row.expired is not None:
        return row.expired(run)
    return verdict


def _failure(error: Exception) -> Fail:
    if isinstance(error, ApiError):
        return Fail(Reason.API_REFUSED, f"the API server refused: {error}")
    return Fail(Reason.INTERNAL_ERROR, f"{type(error).__name__}: {error}")


def _settle(run: Run, verdict: Verdict) -> Result | None:
    phase = run.status.phase
    row = PHASES.get(phase or "")
    if isinstance(verdict, Wait):
        return _requeue(run, row, verdict.after)
    target = Phase.FAILED if isinstance(verdict, Fail) else verdict.phase
    if row is not None and target not in row.next:
        raise TerminalError(f"phase {target} cannot follow {phase}")
    if isinstance(verdict, Fail):
        if row is not None:
            _fail(run, row, verdict)
    else:
        _enter(run, verdict)
    return Result(requeue_after=run.config.limits.poll)


def _requeue(run: Run, row: PhaseRow | None, after: timedelta | None) -> Result | None:
    if row is not None and row.terminal:
        return Result(requeue_after=after) if after is not None else None
    wait = after if after is not None else run.config.limits.poll
    if run.status.deadline is not None:
        wait = min(wait, max(run.status.deadline - run.now, timedelta()) + SOON)
    return Result(requeue_after=wait)


def _enter(run: Run, move: Move) -> None:
    status, row, word = run.status, PHASES[move.phase], _WORDS[move.phase]
    status.phase = move.phase.value
    status.deadline = run.now + row.limit(run) if row.limit else None
    message = cut(move.message)
    if move.phase == Phase.EXECUTING and status.approval is None:
        # True, for who waits for it: but nobody approved.
        status.set_condition("Approved", True, reason=NOT_REQUIRED, message="no approval was needed")
    elif condition := _CONDITIONS.get(move.phase):
        status.set_condition(condition, True, reason=word, message=message)
    status.set_condition("Ready", row.terminal, reason=word, message=message)
    if row.terminal:
        status.completion_time = run.now
    run.record(move.phase, message=message)
    run.event(word, message or f"{run.execution.spec.action}: {move.phase}")


def _fail(run: Run, row: PhaseRow, failure: Fail) -> None:
    status, message = run.status, cut(failure.message)
    status.phase, status.reason, status.message = Phase.FAILED.value, str(failure.reason), message
    status.deadline, status.completion_time = None, run.now
    status.set_condition(row.condition, False, reason=failure.reason, message=message)
    status.set_condition("Ready", False, reason=failure.reason, message=message)
    run.record(Phase.FAILED, reason=failure.reason, message=message)
    run.event(failure.reason, message, warning=True)


def _bound(status: KubernetesExecutionStatus) -> None:
    """Cut what repeats the words of users, servers and policies: a status that is too large cannot be written."""
    for condition in status.conditions:
        condition.message = cut(condition.message)
    policy = status.validation_results.policy_validation if status.validation_results else None
    if policy is not None:
        policy.violations = policy.violations[:MAX_TOLD]
        policy.approval_reasons = [cut(reason, TOLD_BYTES) for reason in policy.approval_reasons[:MAX_TOLD]]
        for violation in policy.violations:
            violation.message = cut(violation.message, TOLD_BYTES)


def _unknown_phase(run: Run) -> None:
    message = f"phase {cut(str(run.status.phase), 63)!r} is not known to this version; nothing is done"
    if not run.status.is_true(UNKNOWN_PHASE):
        run.status.set_condition(UNKNOWN_PHASE, True, reason=UNKNOWN_PHASE, message=message)
        run.event(UNKNOWN_PHASE, message, warning=True)

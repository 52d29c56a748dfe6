"""The attempts at a step: announced, created, followed to their end, judged; withdrawn where nothing has begun."""

from __future__ import annotations

from kubernaut.client import ApiError
from kubernaut.remediation.execution.reasons import Reason as ExecutionReason
from kubernaut.remediation.execution.redact import tail
from kubernaut.remediation.execution.types import KubernetesExecution, ObjectRef, Phase
from kubernaut.remediation.machine import CHILD_NAME_TAKEN, asks_the_same, child_name, cut, find_child
from kubernaut.remediation.machine.errors import TRANSIENT
from kubernaut.remediation.workflow.drafts import execution_for
from kubernaut.remediation.workflow.errors import error_type
from kubernaut.remediation.workflow.executions import (
    NOT_BEGUN,
    SUCCEEDED,
    acting_since,
    create_execution,
    delete_execution,
    find_execution,
    has_ended,
    told,
)
from kubernaut.remediation.workflow.reasons import STEP_RETRIED, Reason
from kubernaut.remediation.workflow.types import ErrorType, StepState, StepStatus
from kubernaut.remediation.workflow.work import Work

OUTPUT = 4096
FINAL = (
    ErrorType.VALIDATION_ERROR,
    ErrorType.PERMISSION_DENIED,
    ErrorType.POLICY_DENIED,
    ErrorType.APPROVAL_DENIED,
)
"""Kinds of failure that another attempt does not change."""
UNKNOWN_OUTCOME = (ExecutionReason.JOB_LOST, ExecutionReason.CANCELLED)
"""Reasons after which nothing is tried again, whatever the action: nobody knows what it has done."""
CUT_SHORT = (
    *UNKNOWN_OUTCOME,
    ExecutionReason.EXECUTION_TIMEOUT,
    ExecutionReason.API_REFUSED,
    ExecutionReason.INTERNAL_ERROR,
)
"""Reasons that say nothing of what the Job has done."""


def announce(work: Work, index: int, step: StepStatus) -> None:
    """Name the execution of the next attempt; a later reconcile creates it, once this is written."""
    step.attempt += 1
    step.state = StepState.RUNNING
    step.execution_ref = ObjectRef(name=child_name(work.workflow.name, index, step.attempt))
    step.start_time = step.start_time or work.now
    step.deadline = work.now + work.config.waiting
    step.next_attempt = step.reason = step.message = None


async def follow(work: Work, index: int, step: StepStatus) -> None:
    """One look at a step that runs. Raises ApiError, but not beyond the step's deadline."""
    reference = step.execution_ref
    try:
        if reference is None or reference.uid is None:
            await _create(work, index, step)
            return
        found = await find_execution(work, reference)
        if found is None:
            _vanished(work, step)
        elif has_ended(found):
            _judge(work, index, step, found)
        else:
            await _watch(work, index, step, found)
    except ApiError as error:
        if isinstance(error, TRANSIENT) or not work.overdue(step):
            raise
        _fail(work, step, Reason.STEP_TIMEOUT, f"its execution cannot be read: {error}", ErrorType.TIMEOUT, True)


async def _create(work: Work, index: int, step: StepStatus) -> None:
    taken = work.status.condition(CHILD_NAME_TAKEN)
    draft = execution_for(work.workflow, index, step.attempt, work.plan.timeouts[index])
    try:
        made = await create_execution(work, draft)
    except ApiError as error:
        if isinstance(error, TRANSIENT):
            raise
        _fail(work, step, Reason.EXECUTION_REFUSED, told(error), error_type(error), False)
        return
    if made is not None:
        step.execution_ref = ObjectRef(name=made.name, uid=made.uid)
        if taken is not None and draft.name not in (taken.message or ""):
            # Another step's, which goes on waiting.
            work.status.set_condition(CHILD_NAME_TAKEN, True, reason=taken.reason or "", message=taken.message or "")
    elif work.overdue(step):
        message = f"the name {draft.name} is taken by somebody else's execution"
        _fail(work, step, CHILD_NAME_TAKEN, message, ErrorType.RESOURCE_CONFLICT, False)
        work.status.remove_condition(CHILD_NAME_TAKEN)


async def _watch(work: Work, index: int, step: StepStatus, found: KubernetesExecution) -> None:
    """It is under way: from when its action is at work, its deadline is that of the action.

    One that outlives it is deleted, and is followed until it is gone: only then nothing of it runs any more.
    """
    if (begun := acting_since(found)) is not None:
        step.deadline = begun + work.config.acting(work.plan.timeouts[index])
    if not work.overdue(step) or found.metadata.deletion_timestamp is not None:
        return
    if found.status.phase not in NOT_BEGUN:
        step.reason = None
        await delete_execution(work.ctx.client, found)
    elif step.reason != Reason.STEP_TIMEOUT:
        # Noted first: once it is gone, this alone tells that it had not begun.
        step.reason = Reason.STEP_TIMEOUT
    else:
        await delete_execution(work.ctx.client, found, unchanged=True)


def _vanished(work: Work, step: StepStatus) -> None:
    name = step.execution_ref.name if step.execution_ref else ""
    if work.overdue(step):
        begun = step.reason != Reason.STEP_TIMEOUT
        told = "what it has changed is unknown" if begun else "its action had not begun"
        message = f"{name} did not end in time and was deleted; {told}"
        _fail(work, step, Reason.STEP_TIMEOUT, message, ErrorType.TIMEOUT, begun)
        return
    message = f"{name} is gone before its end was seen, so what it has changed is unknown"
    _fail(work, step, Reason.EXECUTION_VANISHED, message, ErrorType.UNKNOWN_ERROR, True)


def _judge(work: Work, index: int, step: StepStatus, found: KubernetesExecution) -> None:
    results = found.status.execution_results
    step.output = tail(results.log_tail, OUTPUT) if results and results.log_tail else None
    if found.status.phase in SUCCEEDED:
        step.state, step.completion_time, step.deadline = StepState.COMPLETED, work.now, None
        step.undoable = found.status.phase == Phase.ROLLBACK_READY
        step.message = cut(results.message) if results and results.message else None
        return
    reason, message = found.status.reason or "", found.status.message or "it does not say why"
    kind = failure_kind(found)
    _fail(work, step, reason, message, kind, is_uncertain(found))
    if may_retry(work, index, step, found, kind):
        step.state = StepState.PENDING
        step.next_attempt = work.now + work.config.limits.retry
        step.completion_time = step.deadline = None
        step.uncertain = False
        work.event(STEP_RETRIED, f"{work.title(index)}: attempt {step.attempt} failed: {message}", warning=True)


def failure_kind(execution: KubernetesExecution) -> ErrorType:
    """The kind of an execution's failure: by its reason, else by what its Job wrote."""
    status = execution.status
    results, checks = status.execution_results, status.validation_results
    dry_run = checks.dry_run_results if checks is not None else None
    texts = [results.log_tail, results.message] if results is not None else []
    if status.reason == ExecutionReason.DRY_RUN_FAILED:
        texts = [dry_run.log_tail, dry_run.message] if dry_run is not None else []
    kind = error_type(None, status.reason, *texts, status.message)
    if kind is ErrorType.UNKNOWN_ERROR and status.reason == ExecutionReason.DRY_RUN_FAILED:
        return ErrorType.VALIDATION_ERROR
    return kind


def is_uncertain(execution: KubernetesExecution) -> bool:
    """Whether nobody knows what a failed execution has done: a Job that was named may have been created, whether or not
    that was noted."""
    return execution.status.job_name is not None and execution.status.reason in CUT_SHORT


def may_retry(work: Work, index: int, step: StepStatus, found: KubernetesExecution, kind: ErrorType) -> bool:
    """Whether another attempt is allowed, can help, and does no harm: nothing was changed, or the action may be
    repeated."""
    spec, status = work.workflow.spec.steps[index], found.status
    if step.attempt > spec.retries or kind in FINAL or status.reason in UNKNOWN_OUTCOME:
        return False
    begun = any(each.phase == Phase.EXECUTING for each in status.transitions)
    if not begun or status.job_name is None:
        return True
    catalog = work.config.execution.catalog
    return spec.action in catalog and catalog.get(spec.action).idempotent


async def withdraw(work: Work, index: int, step: StepStatus) -> None:
    """One look at a step that runs while nothing more may begin: what has not begun is deleted, the rest ends."""
    reference = step.execution_ref
    if reference is None or reference.uid is None:
        draft = execution_for(work.workflow, index, step.attempt, work.plan.timeouts[index])
        # What it was created from is not known any more once the spec has changed.
        changed = work.spec_changed()
        found = await find_child(
            work, KubernetesExecution, draft.name, lambda child: changed or asks_the_same(child, draft)
        )
        if found is None:
            work.status.remove_condition(CHILD_NAME_TAKEN)
            _skip(work, step)
        else:
            step.execution_ref = ObjectRef(name=found.name, uid=found.uid)
        return
    found = await find_execution(work, reference)
    if found is None and step.reason == Reason.WITHDRAWN:
        _skip(work, step)
    elif found is None or found.status.phase not in NOT_BEGUN:
        await follow(work, index, step)
    elif step.reason != Reason.WITHDRAWN:
        step.reason = Reason.WITHDRAWN
    else:
        # As it was read: had it begun since, it must come to its end.
        await delete_execution(work.ctx.client, found, unchanged=True)


def _skip(work: Work, step: StepStatus) -> None:
    step.state, step.completion_time, step.deadline = StepState.SKIPPED, work.now, None
    step.reason, step.message = Reason.WITHDRAWN, "another step failed before this one had begun"


def _fail(work: Work, step: StepStatus, reason: str, message: str, kind: ErrorType, uncertain: bool) -> None:
    step.state, step.completion_time, step.deadline = StepState.FAILED, work.now, None
    step.reason, step.message, step.error_type = reason, cut(message), kind
    step.uncertain = uncertain

"""The attempts at a step: announced, created, followed to their end, judged; withdrawn where nothing has begun."""

from __future__ import annotations

from kubernaut.client import ApiError
from kubernaut.remediation.execution.reasons import Reason as ExecutionReason
from kubernaut.remediation.execution.redact import tail
from kubernaut.remediation.execution.types import KubernetesExecution, ObjectRef, Phase
from kubernaut.remediation.machine import CHILD_NAME_TAKEN, child_name, cut, find_child
from kubernaut.remediation.machine.errors import TRANSIENT
from kubernaut.remediation.workflow.drafts import execution_for
from kubernaut.remediation.workflow.errors import error_type
from kubernaut.remediation.workflow.executions import (
    NOT_BEGUN,
    SUCCEEDED,
    create_execution,
    delete_execution,
    find_execution,
    has_ended,
    told,
)
from kubernaut.remediation.workflow.reasons import Reason
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
CUT_SHORT = (*UNKNOWN_OUTCOME, ExecutionReason.EXECUTION_TIMEOUT)


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
        if isinstance(error, TRANSIENT) or not _overdue(work, step):
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
    elif _overdue(work, step):
        message = f"the name {draft.name} is taken by somebody else's execution"
        _fail(work, step, CHILD_NAME_TAKEN, message, ErrorType.RESOURCE_CONFLICT, False)
        work.status.remove_condition(CHILD_NAME_TAKEN)


async def _watch(work: Work, index: int, step: StepStatus, found: KubernetesExecution) -> None:
    """It is under way: from when its action is at work, its deadline is that of the action."""
    if found.status.phase == Phase.EXECUTING:
        begun = [each.time for each in found.status.transitions if each.phase == Phase.EXECUTING]
        step.deadline = (begun or [work.now])[-1] + work.config.acting(work.plan.timeouts[index])
    if not _overdue(work, step):
        return
    if found.metadata.deletion_timestamp is None:
        await delete_execution(work.ctx.client, found)
    if step.deadline is not None and work.now >= step.deadline + work.config.limits.grace:
        uncertain = found.status.phase not in NOT_BEGUN
        message = f"{found.name} did not end by {step.deadline:%Y-%m-%dT%H:%M:%SZ} (phase {found.status.phase})"
        _fail(work, step, Reason.STEP_TIMEOUT, message, ErrorType.TIMEOUT, uncertain)


def _overdue(work: Work, step: StepStatus) -> bool:
    return step.deadline is not None and work.now >= step.deadline


def _vanished(work: Work, step: StepStatus) -> None:
    name = step.execution_ref.name if step.execution_ref else ""
    if _overdue(work, step):
        message = f"{name} did not end in time and was deleted; what it has changed is unknown"
        _fail(work, step, Reason.STEP_TIMEOUT, message, ErrorType.TIMEOUT, True)
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
    uncertain = reason in CUT_SHORT and found.status.job_name is not None
    _fail(work, step, reason, message, kind, uncertain)
    if may_retry(work, index, step, found, kind):
        step.state = StepState.PENDING
        step.next_attempt = work.now + work.config.limits.retry
        step.completion_time = step.deadline = None
        step.uncertain = False
        work.event("StepRetried", f"{work.title(index)}: attempt {step.attempt} failed: {message}", warning=True)


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


def may_retry(work: Work, index: int, step: StepStatus, found: KubernetesExecution, kind: ErrorType) -> bool:
    """Whether another attempt is allowed, can help, and does no harm: nothing was changed, or the action may be
    repeated."""
    spec, status = work.workflow.spec.steps[index], found.status
    if step.attempt > spec.retries or kind in FINAL or status.reason in UNKNOWN_OUTCOME:
        return False
    begun = any(each.phase == Phase.EXECUTING for each in status.transitions)
    if not begun or (status.job_uid is None and status.reason != ExecutionReason.EXECUTION_TIMEOUT):
        return True
    catalog = work.config.execution.catalog
    return spec.action in catalog and catalog.get(spec.action).idempotent


async def withdraw(work: Work, index: int, step: StepStatus) -> None:
    """One look at a step that runs while nothing more may begin: what has not begun is deleted, the rest ends."""
    reference = step.execution_ref
    if reference is None or reference.uid is None:
        found = await find_child(work, KubernetesExecution, reference.name) if reference is not None else None
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

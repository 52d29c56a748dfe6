"""Phase `executing`: capture, announce, create the Job, watch it, store its result - one of these per reconcile."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from kubernaut.actions import job_name, resolve_target
from kubernaut.client import NotFound
from kubernaut.remediation.execution.capture import is_as_captured, persisted, same_capture
from kubernaut.remediation.execution.collect import collect_results
from kubernaut.remediation.execution.held import HELD, was_deleted
from kubernaut.remediation.execution.jobs import (
    accept_job,
    complete_job,
    create_job,
    delete_job,
    find_job,
    plan_job,
    read_invocation,
)
from kubernaut.remediation.execution.keeping import read_kept
from kubernaut.remediation.execution.outcome import Outcome, outcome
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Run
from kubernaut.remediation.execution.state import UNKNOWN, state_digest, written_after
from kubernaut.remediation.execution.types import ExecutionResults, Phase, RollbackStatus
from kubernaut.remediation.execution.undone import take_parameters
from kubernaut.remediation.machine.verdicts import SOON, Fail, Move, Verdict, Wait
from kubernaut.resources import AnyResource


def execution_limit(run: Run) -> timedelta:
    """The Job ends itself at timeout + scheduling; the grace is for the condition that says so to arrive."""
    limits, spec = run.config.limits, run.execution.spec
    timeout = run.config.catalog.get(spec.action).default_timeout if spec.timeout is None else spec.timeout
    return timeout + limits.scheduling + limits.grace


async def executing(run: Run) -> Verdict:
    """The next step of the execution. Nothing happens here that an earlier reconcile has not announced in status."""
    if run.status.job_uid is not None:
        return await _watch(run)
    if changed := run.spec_changed():
        return changed
    if run.status.rollback_information is None or run.status.job_name is None:
        return await _announce(run)
    return await _start(run)


async def _announce(run: Run) -> Verdict:
    """Capture the way back and name the Job; the Job itself waits until both have been read back."""
    if refusal := await take_parameters(run):
        return refusal
    order = run.order()
    invocation = await read_invocation(run, order)
    if isinstance(invocation, Fail):
        return invocation
    captured = await persisted(run, order, invocation)
    if not isinstance(captured, RollbackStatus):
        return captured
    run.status.rollback_information = captured
    run.status.job_name = job_name(order.action.name, run.uid)
    return Wait()


async def _start(run: Run) -> Verdict:
    name, announced = run.status.job_name or "", run.status.rollback_information
    job = await find_job(run, name)
    if job is None:
        if run.expired:
            return Wait()
        # A phase that somebody else has written was reached without the checks.
        if doubt := await run.doubt():
            return doubt
        if refusal := await take_parameters(run):
            return refusal
        order = run.order()
        invocation = await read_invocation(run, order)
        if isinstance(invocation, Fail):
            return invocation
        captured = await persisted(run, order, invocation)
        if not isinstance(captured, RollbackStatus):
            return captured
        if announced is None or captured.secret_ref != announced.secret_ref or not same_capture(captured, announced):
            # The target changed since: the way back must lead to what it is now, and be persisted again first.
            run.status.rollback_information = captured
            return Wait(SOON)
        plan = plan_job(run, order, invocation)
        if isinstance(plan, Fail):
            return plan
        created = await create_job(run, replace(plan, finalizers=(HELD,)))
        if isinstance(created, Wait):
            return created
        job = created
    if not accept_job(run, job):
        return Wait()
    if was_deleted(job):
        # Made before a crash, and deleted by somebody since: it may have acted, so there is no other one.
        run.status.job_uid = job.uid
        return Wait(SOON)
    if not await complete_job(run, job):
        return Wait(SOON)
    run.status.job_uid = job.uid
    # Created before a crash, and found only now: its result may be there already.
    return await _watch(run) if run.expired else Wait()


async def _watch(run: Run) -> Verdict:
    name = run.status.job_name or ""
    job = await find_job(run, name)
    if job is None or job.uid != run.status.job_uid:
        return await _lost(run, name)
    end = outcome(job)
    if end is None:
        if was_deleted(job):
            # Nobody will say any more how it ended; the target is looked at once its pods are gone.
            await delete_job(run.ctx.client, job)
        return Wait()
    run.status.execution_results = results = await collect_results(run, job, end)
    if end.success:
        if not _keeps_output(run):
            results.log_tail = None
        rollback = run.status.rollback_information
        if rollback and rollback.available:
            rollback.state_after = await _state_to_undo(run, rollback, results.end_time or run.now)
        return Move(Phase.ROLLBACK_READY if rollback and rollback.available else Phase.COMPLETED, results.message or "")
    return _failed(end, results)


async def _state_to_undo(run: Run, rollback: RollbackStatus, ended: datetime) -> str | None:
    """The state that the inverse will find if nobody changes its target, which need not be ours; None without one."""
    if rollback.action is None or rollback.target is None or rollback.action not in run.config.catalog:
        return None
    kinds = run.config.catalog.get(rollback.action).targets
    target = resolve_target(rollback.target.to_dict(), kinds, action=rollback.action)
    kind = next(each for each in kinds if (each.api_version, each.kind) == (target.api_version, target.kind))
    model = AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)
    try:
        live = await run.ctx.client.get(model, target.name, namespace=target.namespace)
    except NotFound:
        return None
    found = live.to_dict()
    # A manager that was away sees the end late: what was written meanwhile is not the action's.
    if written_after(found, ended):
        return UNKNOWN
    if rollback.secret_ref is None:
        return state_digest(found)
    kept = await read_kept(run, run.execution)
    return UNKNOWN if isinstance(kept, str) else state_digest(found, key=kept.key)


def _keeps_output(run: Run) -> bool:
    catalog, name = run.config.catalog, run.execution.spec.action
    return name in catalog and catalog.get(name).keeps_output


def _failed(end: Outcome, results: ExecutionResults) -> Fail:
    if end.reason == "DeadlineExceeded":
        return Fail(Reason.EXECUTION_TIMEOUT, f"the action did not end in time: {end.message or end.reason}")
    code = f"exit code {results.exit_code}" if results.exit_code is not None else end.reason or "no exit code"
    return Fail(Reason.ACTION_FAILED, f"the action failed ({code}): {results.message or end.message}")


async def _lost(run: Run, name: str) -> Fail:
    """The Job is gone unread: what happened is unknown, so say what the target looks like; never retried."""
    seen = await _inspect(run)
    message = f"Job {name} is gone before its result was read, so the outcome is unknown; {seen}"
    run.status.execution_results = ExecutionResults(success=False, job_name=name, end_time=run.now, message=message)
    return Fail(Reason.JOB_LOST, message)


async def _inspect(run: Run) -> str:
    if refusal := await take_parameters(run):
        return refusal.message
    order = run.order()
    invocation = await read_invocation(run, order)
    if isinstance(invocation, Fail):
        return invocation.message
    same = await is_as_captured(run, order, invocation)
    if same is None:
        return f"{order.target} exists"
    return f"{order.target} is {'as it was before' if same else 'changed since the Job started'}"


def execution_expired(run: Run) -> Fail:
    """The failure of a phase that outlived its deadline; the Job, if any, is deleted in the terminal phase."""
    if run.status.is_true(Reason.CHILD_NAME_TAKEN):
        if run.status.job_name is None:
            return Fail(Reason.CHILD_NAME_TAKEN, "the name of the Secret for the way back is taken by another's Secret")
        return Fail(Reason.CHILD_NAME_TAKEN, f"the name of Job {run.status.job_name} is taken by another's Job")
    message = f"no result by {run.status.deadline:%Y-%m-%dT%H:%M:%SZ}"
    if run.status.job_uid is not None:
        name = run.status.job_name or ""
        run.status.execution_results = ExecutionResults(success=False, job_name=name, end_time=run.now, message=message)
    return Fail(Reason.EXECUTION_TIMEOUT, message)

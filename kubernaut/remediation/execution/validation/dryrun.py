"""Check 5: the dry-run Job, when the policy requires it or the spec asks for it."""

from __future__ import annotations

from dataclasses import replace

from kubernaut.actions import LABEL_EXECUTION_ID, job_name
from kubernaut.remediation.execution.collect import collect_pod
from kubernaut.remediation.execution.jobs import (
    accept_job,
    complete_job,
    create_job,
    find_job,
    plan_job,
    read_invocation,
)
from kubernaut.remediation.execution.outcome import outcome
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.types import DryRunResults, Phase
from kubernaut.remediation.machine.verdicts import Fail, Wait
from kubernaut.resources.builtin.batch_v1 import Job


def dry_run_needed(run: Run, order: Order) -> tuple[bool, str]:
    """Whether, and why. The policy's demand beats `never`."""
    wish, policy = run.execution.spec.dry_run, run.results.policy_validation
    if policy is not None and policy.requires_dry_run:
        return True, "the policy requires it"
    if wish == "always":
        return True, "the spec asks for it"
    if wish == "auto" and order.action.risk == "high":
        return True, "the action's risk is high"
    return False, f"dryRun is {wish} and the policy does not require it"


async def check_dry_run(run: Run, order: Order) -> Fail | Wait | None:
    """Announce, create, watch and judge the dry-run Job, one step per reconcile. It has a deadline of its own."""
    results = run.results.dry_run_results
    if results is None:
        return await _announce(run, order)
    if not results.required or results.success:
        return None
    job = await find_job(run, results.job_name or "")
    if results.job_uid is None:
        return await _start(run, order, results, job)
    if job is None or job.uid != results.job_uid:
        results.success = False
        return Fail(Reason.DRY_RUN_FAILED, "the dry-run Job is gone before its result was read")
    return await _judge(run, job, results)


async def _announce(run: Run, order: Order) -> Wait | None:
    """Name the Job of this validation: one that is there already has tried the change on other objects than now's."""
    required, why = dry_run_needed(run, order)
    run.results.dry_run_results = results = DryRunResults(required=required, reason=why)
    if not required:
        return None
    attempt = max(1, sum(each.phase == Phase.VALIDATING for each in run.status.transitions))
    while await _is_used(run, job_name(order.action.name, run.uid, True, attempt)):
        attempt += 1
    results.job_name = job_name(order.action.name, run.uid, True, attempt)
    results.deadline = run.status.deadline = run.now + run.config.limits.dry_run
    return Wait()


async def _is_used(run: Run, name: str) -> bool:
    """Whether an earlier validation's Job has that name; a stranger's is waited for instead."""
    job = await find_job(run, name)
    return job is not None and job.metadata.labels.get(LABEL_EXECUTION_ID) == run.uid


def _attempt(name: str) -> int:
    return int(name.rpartition("-dry")[2].removeprefix("-") or 1)


async def _start(run: Run, order: Order, results: DryRunResults, job: Job | None) -> Fail | Wait:
    if job is None:
        invocation = await read_invocation(run, order)
        if isinstance(invocation, Fail):
            return invocation
        plan = plan_job(run, order, invocation, dry_run=True)
        if isinstance(plan, Fail):
            return plan
        created = await create_job(run, replace(plan, attempt=_attempt(results.job_name or "")))
        if isinstance(created, Wait):
            return created
        job = created
    if accept_job(run, job) and await complete_job(run, job):
        results.job_uid = job.uid
    return Wait()


async def _judge(run: Run, job: Job, results: DryRunResults) -> Fail | Wait | None:
    end = outcome(job)
    if end is None:
        return Wait()
    pod = await collect_pod(run, job)
    results.success, results.exit_code = end.success, pod.exit_code
    results.message, results.log_tail = pod.message or end.message or None, pod.log_tail
    if end.success:
        return None
    return Fail(Reason.DRY_RUN_FAILED, f"the server would refuse the change: {results.message or end.reason}")

"""Finds, creates, releases and deletes the Jobs of an execution; a stranger's Job is never taken for its own."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.actions import LABEL_EXECUTION_ID, JobPlan, build_job, service_account_name
from kubernaut.client import AlreadyExists, Client, Conflict, MergePatch, NotFound
from kubernaut.remediation.execution.outcome import outcome
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.verdicts import Wait
from kubernaut.resources.builtin.batch_v1 import Job

SOON = timedelta(seconds=1)


def plan_job(run: Run, order: Order, argv: list[str], *, dry_run: bool = False) -> JobPlan:
    """The Job that runs `argv` for this execution."""
    spec, execution = run.execution.spec, run.execution
    return JobPlan(
        execution_name=execution.name,
        execution_namespace=execution.namespace or "",
        execution_uid=run.uid,
        action=order.action.name,
        argv=argv,
        image=order.action.image,
        service_account=service_account_name(order.action.name),
        namespace=run.config.executor_namespace,
        timeout=run.config.limits.dry_run if dry_run else order.timeout,
        max_retries=0 if dry_run else spec.max_retries,
        idempotent=order.action.idempotent,
        dry_run=dry_run,
    )


async def find_job(run: Run, name: str) -> Job | None:
    """The Job of that name in the executor's namespace, from the server: a cache may not know it yet."""
    try:
        return await run.ctx.client.get(Job, name, namespace=run.config.executor_namespace)
    except NotFound:
        return None


def accept_job(run: Run, job: Job) -> bool:
    """True when the Job is this execution's; else the condition ChildNameTaken says whose name it is not."""
    if job.metadata.labels.get(LABEL_EXECUTION_ID) == run.uid:
        run.status.remove_condition(Reason.CHILD_NAME_TAKEN)
        return True
    if not run.status.is_true(Reason.CHILD_NAME_TAKEN):
        message = f"Job {job.namespace}/{job.name} belongs to somebody else; waiting until it is gone"
        run.status.set_condition(Reason.CHILD_NAME_TAKEN, True, reason="ForeignJob", message=message)
        run.event(Reason.CHILD_NAME_TAKEN, message, warning=True)
    return False


async def create_job(run: Run, plan: JobPlan) -> Job | Wait:
    """Create the Job; one that came first is looked at in the next reconcile."""
    try:
        job = await run.ctx.client.create(build_job(plan))
    except AlreadyExists:
        return Wait(SOON)
    run.event("JobCreated", f"created Job {job.namespace}/{job.name}")
    return job


async def own_jobs(client: Client, namespace: str, uid: str) -> list[Job]:
    """All Jobs labelled with this execution's uid."""
    return list(await client.list(Job, namespace=namespace, labels={LABEL_EXECUTION_ID: uid}))


async def delete_job(client: Client, job: Job) -> None:
    """Delete the Job and, in the foreground, its pods: it is gone when nothing of it runs any more."""
    if job.metadata.deletion_timestamp is not None:
        return
    try:
        await client.delete(Job, job.name, namespace=job.namespace, uid=job.uid, propagation="Foreground")
    except (NotFound, Conflict):
        # Gone, or another Job of that name: neither is ours to delete.
        return


async def release_job(run: Run, job: Job) -> bool:
    """Let go of a Job whose result is stored: True when nothing is left to do.

    A finished one gets its time to live; where the server drops that field, it is deleted after the same time. One
    that still runs has lost its purpose and is deleted.
    """
    client, ttl = run.ctx.client, run.config.limits.result_ttl
    if outcome(job) is None:
        await delete_job(client, job)
        return True
    if job.spec.ttl_seconds_after_finished is None:
        spec = {"ttlSecondsAfterFinished": int(ttl.total_seconds())}
        patch = MergePatch({"metadata": {"uid": job.uid}, "spec": spec})
        try:
            job = await client.patch(Job, job.name, patch, namespace=job.namespace)
        except (NotFound, Conflict):
            return True
    if job.spec.ttl_seconds_after_finished is not None:
        return True
    if run.now < (run.status.completion_time or run.now) + ttl:
        return False
    await delete_job(client, job)
    return True

"""Finds, creates, releases and deletes the Jobs of an execution; a stranger's Job is never taken for its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubernaut.actions import (
    LABEL_EXECUTION_ID,
    Invocation,
    JobPlan,
    Need,
    ParameterError,
    Parameters,
    TargetError,
    build_job,
    build_secret,
    secret_name,
    service_account_name,
)
from kubernaut.client import AlreadyExists, Client, MergePatch, NotFound
from kubernaut.reconcile import Permission
from kubernaut.remediation.execution.config import ExecutionConfig
from kubernaut.remediation.execution.held import finalizers_without, is_held, let_go
from kubernaut.remediation.execution.outcome import outcome
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.machine.verdicts import SOON, Fail, Wait
from kubernaut.resources import AnyResource
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Secret


def job_permissions(config: ExecutionConfig) -> list[Permission]:
    """What the executing part may ask for beside the Jobs themselves: their files, and what actions need to know."""
    executor = config.executor_namespace
    kinds = {kind.group_resource: kind for action in config.catalog for kind in action.reads}
    return [
        Permission(["create", "get"], Secret, namespace=executor, why="the files of an action, gone with its Job"),
        *(Permission(["get", "list"], kinds[name], why="what an action must know") for name in sorted(kinds)),
    ]


async def read_invocation(run: Run, order: Order) -> Invocation[Parameters] | Fail:
    """The request against the objects as they are now: the target, and what else the action needs. Raises ApiError."""
    live = await run.read_target(order)
    if isinstance(live, Fail):
        return live
    bare = Invocation(order.target, order.parameters, live, now=run.now)
    try:
        needs = order.action.needs(bare)
    except ParameterError as error:
        return misfit(error)
    return replace(bare, related=[found for need in needs for found in await _read(run.ctx.client, need)])


async def _read(client: Client, need: Need) -> list[dict[str, Any]]:
    kind = need.kind
    model = AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)
    if need.name is None:
        found = await client.list(model, namespace=need.namespace, labels=need.labels or None)
        return [each.to_dict() for each in found]
    try:
        return [(await client.get(model, need.name, namespace=need.namespace)).to_dict()]
    except NotFound:
        return []


def plan_job(run: Run, order: Order, invocation: Invocation[Parameters], *, dry_run: bool = False) -> JobPlan | Fail:
    """The Job that carries out, or tries, this invocation; a failure when the action does not fit the object."""
    spec, execution, action = run.execution.spec, run.execution, order.action
    timeout = run.config.limits.dry_run if dry_run else order.timeout
    invocation = replace(invocation, timeout=timeout)
    try:
        argv = action.dry_run_command(invocation) if dry_run else action.command(invocation)
        files, avoided = action.files(invocation, dry_run=dry_run), action.avoid_node(invocation)
    except ParameterError as error:
        return misfit(error)
    return JobPlan(
        execution_name=execution.name,
        execution_namespace=execution.namespace or "",
        execution_uid=run.uid,
        action=action.name,
        argv=argv,
        image=action.image,
        service_account=service_account_name(action.name),
        namespace=run.config.executor_namespace,
        timeout=timeout,
        max_retries=0 if dry_run else spec.max_retries,
        idempotent=action.idempotent,
        dry_run=dry_run,
        avoid_node=avoided,
        files=files,
    )


def misfit(error: ParameterError) -> Fail:
    """The failure of a request that is well-formed but does not fit the object it is about."""
    return Fail(Reason.TARGET_INVALID if isinstance(error, TargetError) else Reason.PARAMETERS_INVALID, str(error))


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
    """Create the Job and the Secret with its files; one that came first is looked at in the next reconcile."""
    client = run.ctx.client
    try:
        job = await client.create(build_job(plan))
    except AlreadyExists:
        return Wait(SOON)
    secret = build_secret(plan, job)
    if secret is not None:
        try:
            await client.create(secret)
        except AlreadyExists:
            # Of an earlier Job of that name, with which it goes; the pod has not started with it: see `complete_job`.
            await abandon_job(client, job)
            return Wait(SOON)
    run.event("JobCreated", f"created Job {job.namespace}/{job.name}")
    return job


async def complete_job(run: Run, job: Job) -> bool:
    """True when nothing that the Job's pod waits for is missing.

    A crash between Job and Secret leaves a Job whose pod cannot start: it is deleted, for another to be created from
    the objects as they are then.
    """
    name = secret_name(job)
    if name is None:
        return True
    try:
        secret = await run.ctx.client.get(Secret, name, namespace=job.namespace)
    except NotFound:
        secret = None
    if secret is not None and any(owner.uid == job.uid for owner in secret.metadata.owner_references):
        return True
    await abandon_job(run.ctx.client, job)
    return False


async def own_jobs(client: Client, namespace: str, uid: str) -> list[Job]:
    """All Jobs labelled with this execution's uid."""
    return list(await client.list(Job, namespace=namespace, labels={LABEL_EXECUTION_ID: uid}))


async def delete_job(client: Client, job: Job) -> None:
    """Delete the Job and, in the foreground, its pods: it is gone when nothing of it runs any more.

    One that somebody else deleted and that is still held is deleted again, for that may have left the pods until later.
    Raises Conflict where another Job has its name by now: who asks must look again.
    """
    if job.metadata.deletion_timestamp is not None and not is_held(job):
        return
    try:
        await client.delete(Job, job.name, namespace=job.namespace, uid=job.uid, propagation="Foreground")
    except NotFound:
        return
    await let_go(client, job)


async def abandon_job(client: Client, job: Job) -> None:
    """Delete a Job whose pod never ran, for another to be made: it must not look like one that somebody deleted."""
    await let_go(client, job)
    await delete_job(client, job)


async def release_job(run: Run, job: Job) -> bool:
    """Let go of a Job whose result is stored: True when nothing is left to do.

    A finished one gets its time to live; where the server drops that field, it is deleted after the same time. One
    that still runs has lost its purpose and is deleted. A Conflict is raised, never taken for the end of the Job, which
    would stay for ever without its time to live.
    """
    client, ttl = run.ctx.client, run.config.limits.result_ttl
    if outcome(job) is None:
        await delete_job(client, job)
        return True
    if job.spec.ttl_seconds_after_finished is not None:
        await let_go(client, job)
        return True
    metadata: dict[str, Any] = {"uid": job.uid}
    if is_held(job):
        metadata |= {"resourceVersion": job.metadata.resource_version, "finalizers": finalizers_without(job)}
    spec = {"ttlSecondsAfterFinished": int(ttl.total_seconds())}
    try:
        patch = MergePatch({"metadata": metadata, "spec": spec})
        job = await client.patch(Job, job.name, patch, namespace=job.namespace)
    except NotFound:
        return True
    if job.spec.ttl_seconds_after_finished is not None:
        return True
    if run.now < (run.status.completion_time or run.now) + ttl:
        return False
    await delete_job(client, job)
    return True

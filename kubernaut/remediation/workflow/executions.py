"""Finds, creates and withdraws the executions of a workflow; one that is not its own is never taken for one."""

from __future__ import annotations

from datetime import datetime

from kubernaut.client import ApiError, Client, Forbidden, NotFound
from kubernaut.remediation.execution.reasons import RELEASED
from kubernaut.remediation.execution.types import TERMINAL, KubernetesExecution, ObjectRef, Phase
from kubernaut.remediation.machine import ensure_child
from kubernaut.remediation.workflow.drafts import LABEL_WORKFLOW_ID
from kubernaut.remediation.workflow.reasons import OWNER_REFERENCE_FAILED
from kubernaut.remediation.workflow.work import Work

SUCCEEDED = (Phase.ROLLBACK_READY, Phase.COMPLETED)
NOT_BEGUN = (None, Phase.VALIDATING, Phase.VALIDATED)


async def find_execution(work: Work, reference: ObjectRef) -> KubernetesExecution | None:
    """The execution of that name and uid as the server has it; None where it is gone. Raises ApiError.

    One that has lost its owner is still known by its uid; that is told.
    """
    try:
        found = await work.ctx.client.get(KubernetesExecution, reference.name, namespace=work.workflow.namespace)
    except NotFound:
        return None
    if found.uid != reference.uid:
        return None
    controller = found.metadata.controller_reference()
    if controller is None or controller.uid != work.uid:
        message = f"{found.name} was created by this workflow and is not controlled by it any more"
        work.event(OWNER_REFERENCE_FAILED, message, warning=True)
    return found


async def create_execution(work: Work, draft: KubernetesExecution) -> KubernetesExecution | None:
    """The execution, created where it is missing; None as `ensure_child` gives it. Raises ApiError."""
    try:
        return await ensure_child(work, draft)
    except Forbidden as error:
        if "ownerReference" in error.message or "blockOwnerDeletion" in error.message:
            work.event(OWNER_REFERENCE_FAILED, f"{draft.name}: {error.message}", warning=True)
        raise


def has_ended(execution: KubernetesExecution) -> bool:
    """Whether it has succeeded, or failed and nothing of it runs any more."""
    status = execution.status
    if status.phase in SUCCEEDED:
        return True
    return status.phase in TERMINAL and status.condition(RELEASED) is not None


def acting_since(execution: KubernetesExecution) -> datetime | None:
    """Since when its action is at work; None where it is not."""
    begun = [each.time for each in execution.status.transitions if each.phase == Phase.EXECUTING]
    return begun[-1] if begun and execution.status.phase == Phase.EXECUTING else None


async def delete_execution(client: Client, execution: KubernetesExecution, *, unchanged: bool = False) -> None:
    """Delete it; it is gone once nothing of it runs any more. `unchanged`: only as it was read. Raises ApiError,
    Conflict."""
    if execution.metadata.deletion_timestamp is not None:
        return
    version = execution.metadata.resource_version if unchanged else None
    try:
        await client.delete(
            KubernetesExecution,
            execution.name,
            namespace=execution.namespace,
            uid=execution.uid,
            resource_version=version,
        )
    except NotFound:
        return


async def own_executions(client: Client, namespace: str | None, uid: str) -> list[KubernetesExecution]:
    """All executions of the workflow `uid`, ended or not, as the server has them. Raises ApiError."""
    found = await client.list(KubernetesExecution, namespace=namespace, labels={LABEL_WORKFLOW_ID: uid})
    return [each for each in found if _is_controlled(each, uid)]


def _is_controlled(execution: KubernetesExecution, uid: str) -> bool:
    controller = execution.metadata.controller_reference()
    return controller is not None and controller.uid == uid


def told(error: ApiError) -> str:
    """What a refusal says to people."""
    return f"the API server refused the execution: {error}"

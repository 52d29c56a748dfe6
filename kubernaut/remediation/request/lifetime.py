"""Deletes requests some time after they ended, with everything that was done for them."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.client import NotFound
from kubernaut.reconcile import Permission
from kubernaut.remediation.execution.reasons import RECORDED
from kubernaut.remediation.execution.types import TERMINAL, KubernetesExecution
from kubernaut.remediation.machine.verdicts import Verdict, Wait
from kubernaut.remediation.request.config import RequestConfig
from kubernaut.remediation.request.step import RequestStep
from kubernaut.remediation.request.types import RemediationRequest
from kubernaut.remediation.workflow.drafts import LABEL_WORKFLOW_ID


def lifetime_permissions(config: RequestConfig) -> list[Permission]:
    """What `end_of_life` calls."""
    if config.ttl_after_end is None:
        return []
    why = "deletes requests some time after they ended"
    return [
        Permission(["delete"], RemediationRequest, why=why),
        Permission(["list"], KubernetesExecution, why="sees whether anybody needs the executions of a request"),
    ]


async def end_of_life(step: RequestStep) -> Verdict:
    """Delete a request that has ended once its time is over; its children go first, as in every deletion.

    It stays while it counts for what begins (`limits.memory`), while the audit log has not all of its executions, and
    while another execution that has not ended undoes one of them; one that a controller owns is its owner's. Raises
    ApiError, Conflict where it was written meanwhile.
    """
    ttl, ended, metadata = step.config.ttl_after_end, step.status.completion_time, step.obj.metadata
    if ttl is None or ended is None or metadata.controller_reference() is not None:
        return Wait()
    left = max(ttl, step.config.limits.memory) - (step.now - ended)
    if left > timedelta():
        return Wait(left)
    if await _needed(step):
        return Wait(step.config.limits.poll)
    try:
        # Of this version: what was written since may be a reason to keep it.
        await step.ctx.client.delete(
            RemediationRequest,
            step.obj.name,
            namespace=step.obj.namespace,
            uid=step.uid,
            resource_version=metadata.resource_version,
        )
    except NotFound:
        return Wait()
    step.ctx.log.info("deleted: it ended long ago", phase=step.status.overall_phase, ended=ended.isoformat())
    return Wait()


async def _needed(step: RequestStep) -> bool:
    """Whether somebody needs the executions of this request, as the server has them."""
    workflows = {ref.uid for ref in step.status.workflow_execution_refs}
    if not workflows:
        return False
    every = list(await step.ctx.client.list(KubernetesExecution, namespace=step.obj.namespace))
    ours = [each for each in every if each.metadata.labels.get(LABEL_WORKFLOW_ID) in workflows]
    if step.config.audited and not all(each.status.is_true(RECORDED) for each in ours):
        return True
    known = {(each.name, uid) for each in ours for uid in (None, each.uid)}
    return any(
        (undone.name, undone.uid) in known and other not in ours and other.status.phase not in TERMINAL
        for other in every
        if (undone := other.spec.rollback_of) is not None
    )

"""The check of an execution that undoes another: it must be what that one recorded, of a target nobody has changed."""

from __future__ import annotations

from kubernaut.client import NotFound
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.state import state_digest
from kubernaut.remediation.execution.types import KubernetesExecution, Phase, RollbackStatus
from kubernaut.remediation.machine.verdicts import Fail


async def check_rollback(run: Run, order: Order) -> Fail | None:
    """Passes for executions that undo nothing. With `rollbackOf.force` a target that changed since is no reason."""
    reference = run.execution.spec.rollback_of
    if reference is None:
        return None
    namespace = run.execution.namespace
    if reference.namespace not in (None, namespace):
        # Whoever may create executions here need not know anything of those elsewhere.
        return Fail(Reason.ROLLBACK_INVALID, f"spec.rollbackOf.namespace: must be {namespace}, the execution's own")
    try:
        original = await run.ctx.client.get(KubernetesExecution, reference.name, namespace=namespace)
    except NotFound:
        return Fail(Reason.ROLLBACK_INVALID, f"spec.rollbackOf: execution {namespace}/{reference.name} does not exist")
    back = original.status.rollback_information
    if (refusal := _refusal(run, order, original, back)) is not None or back is None:
        return Fail(Reason.ROLLBACK_INVALID, f"spec.rollbackOf: {refusal}")
    if reference.force or back.state_after is None:
        return None
    live = await run.read_target(order)
    if isinstance(live, Fail):
        return live
    if state_digest(live) == back.state_after:
        return None
    return Fail(
        Reason.TARGET_CHANGED,
        f"{order.target} was changed since {reference.name}: look at it, and force the rollback if it is still right",
    )


def _refusal(run: Run, order: Order, original: KubernetesExecution, back: RollbackStatus | None) -> str | None:
    reference, spec = run.execution.spec.rollback_of, run.execution.spec
    if reference is not None and reference.uid is not None and reference.uid != original.uid:
        return f"{original.name} is another execution than the one that is meant (uid {original.uid})"
    if original.status.phase != Phase.ROLLBACK_READY or back is None or not back.available:
        return f"{original.name} has nothing to roll back (phase {original.status.phase or 'none'})"
    wanted = back.target
    same = (
        back.action == spec.action
        and (back.parameters or {}) == spec.parameters
        and wanted is not None
        and wanted.api_version in (None, order.target.api_version)
        and (wanted.kind, wanted.namespace, wanted.name)
        == (order.target.kind, order.target.namespace, order.target.name)
    )
    return None if same else f"this is not what {original.name} recorded: use `kubernaut rollback {original.name}`"

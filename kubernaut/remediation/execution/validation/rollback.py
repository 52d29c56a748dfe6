"""The check of an execution that undoes another: it must be what that one recorded, of a target nobody has changed."""

from __future__ import annotations

from kubernaut.remediation.execution.keeping import read_kept
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.state import state_digest
from kubernaut.remediation.execution.types import KubernetesExecution
from kubernaut.remediation.execution.undone import find_undone
from kubernaut.remediation.machine import Fail


async def check_rollback(run: Run, order: Order) -> Fail | None:
    """Passes for executions that undo nothing. With `rollbackOf.force` a target that changed since is no reason."""
    reference = run.execution.spec.rollback_of
    if reference is None:
        return None
    original = await find_undone(run, reference, order.target)
    if isinstance(original, Fail):
        return original
    back = original.status.rollback_information
    if reference.force or back is None or back.state_after is None:
        return None
    key = await _key(run, original)
    if isinstance(key, Fail):
        return key
    live = await run.read_target(order)
    if isinstance(live, Fail):
        return live
    if state_digest(live, key=key) == back.state_after:
        return None
    return Fail(
        Reason.TARGET_CHANGED,
        f"{order.target} was changed since {reference.name}: look at it, and force the rollback if it is still right",
    )


async def _key(run: Run, original: KubernetesExecution) -> bytes | Fail:
    back = original.status.rollback_information
    if back is None or back.secret_ref is None:
        return b""
    kept = await read_kept(run, original)
    return Fail(Reason.ROLLBACK_INVALID, f"spec.rollbackOf: {kept}") if isinstance(kept, str) else kept.key

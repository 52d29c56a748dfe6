"""Check 3: the target exists; its uid is recorded, so that a later object of its name is not taken for it."""

from __future__ import annotations

from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.types import ResolvedTarget
from kubernaut.remediation.execution.verdicts import Fail


async def check_target(run: Run, order: Order) -> Fail | None:
    """Fails when there is no such object, or on a second validation when it is another one."""
    live = await run.read_target(order)
    run.results.resource_exists = not isinstance(live, Fail)
    if isinstance(live, Fail):
        return live
    target = order.target
    run.status.target = ResolvedTarget(
        api_version=target.api_version,
        kind=target.kind,
        namespace=target.namespace,
        name=target.name,
        uid=live["metadata"]["uid"],
    )
    return None

"""Check 3: the target exists, and is the right one; its uid tells it from a later object of its name."""

from __future__ import annotations

from kubernaut.actions import ParameterError
from kubernaut.remediation.execution.jobs import misfit
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.types import ResolvedTarget
from kubernaut.remediation.execution.validation.sight import Sight
from kubernaut.remediation.machine.verdicts import Fail


async def check_target(run: Run, order: Order, sight: Sight | None = None) -> Fail | None:
    """Fails when there is no such object, when it is another one than before, or when the action is about another."""
    invocation = await (sight or Sight(run, order)).invocation()
    if isinstance(invocation, Fail):
        run.results.resource_exists = invocation.reason not in (Reason.TARGET_NOT_FOUND, Reason.TARGET_REPLACED)
        return invocation
    run.results.resource_exists = True
    target = order.target
    run.status.target = ResolvedTarget(
        api_version=target.api_version,
        kind=target.kind,
        namespace=target.namespace,
        name=target.name,
        uid=invocation.live["metadata"]["uid"],
    )
    try:
        order.action.creates(invocation)
    except ParameterError as error:
        return misfit(error)
    return None

"""Check 1: the action exists, its parameters and target fit it, and the timeout makes sense."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.actions import ParameterError, TargetError, UnknownAction
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.machine.verdicts import Fail
from kubernaut.resources import format_duration


async def check_parameters(run: Run, order: Order) -> Fail | None:
    """The order is typed already; what is left is its timeout."""
    limit = run.config.limits.execution
    ok = timedelta() < order.timeout <= limit
    run.results.parameter_validation = ok
    if ok:
        return None
    bounds = f"must be longer than 0s and at most {format_duration(limit)}"
    return Fail(Reason.TIMEOUT_INVALID, f"timeout: {bounds}, got {format_duration(order.timeout)}")


def order_failure(error: UnknownAction | ParameterError) -> Fail:
    """The failure for a spec that cannot be typed; the message names the field."""
    if isinstance(error, UnknownAction):
        return Fail(Reason.UNKNOWN_ACTION, str(error))
    if isinstance(error, TargetError):
        return Fail(Reason.TARGET_INVALID, str(error))
    return Fail(Reason.PARAMETERS_INVALID, str(error))

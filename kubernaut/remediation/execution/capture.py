"""Captures what undoes the action, from the live object, so that it is persisted before the Job exists."""

from __future__ import annotations

from kubernaut.actions import CaptureFailed, Invocation, ParameterError, Parameters
from kubernaut.remediation.execution.jobs import misfit
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.types import ExecutionTarget, RollbackStatus
from kubernaut.remediation.machine.verdicts import Fail


def capture(run: Run, order: Order, invocation: Invocation[Parameters]) -> RollbackStatus | Fail:
    """The way back, that there is none to record, or why it cannot be recorded."""
    limit = run.config.limits.rollback_bytes
    try:
        found = order.action.capture(invocation)
        if found is None:
            message = f"{order.action.name} leaves nothing to roll back here"
            return RollbackStatus(available=False, captured_at=run.now, message=message)
        if not found.fits_status or len(str(found.to_dict()).encode()) > limit:
            raise CaptureFailed(f"it holds Secret data or more than {limit} bytes, which a status must not hold")
        return RollbackStatus(
            available=True,
            action=found.action,
            target=ExecutionTarget.from_dict(found.target.to_dict()),
            parameters=dict(found.parameters),
            target_uid=found.target_uid or None,
            captured_at=run.now,
        )
    except ParameterError as error:
        return misfit(error)
    except Exception as error:
        # Whatever an action's own code raises here: without a way back that was promised, nothing is changed.
        detail = str(error) if isinstance(error, CaptureFailed) else f"{type(error).__name__}: {error}"
        return Fail(Reason.ROLLBACK_CAPTURE_FAILED, f"no rollback information for {order.target}: {detail}")


def same_capture(one: RollbackStatus, other: RollbackStatus) -> bool:
    """True when both lead back to the same state, whenever they were captured."""
    ignored = {"captured_at"}
    return one.model_dump(exclude=ignored) == other.model_dump(exclude=ignored)

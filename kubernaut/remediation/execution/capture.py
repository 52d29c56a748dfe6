"""Captures what undoes the action, from the live object, so that it is persisted before the Job exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubernaut.actions import CaptureFailed, Invocation, ParameterError, Parameters, RollbackInformation
from kubernaut.remediation.execution.jobs import misfit
from kubernaut.remediation.execution.keeping import keep, read_kept
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.redact import redact
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.types import ExecutionTarget, RollbackStatus
from kubernaut.remediation.machine import Fail, Wait


@dataclass(frozen=True, slots=True)
class Captured:
    """What the status is to say, and what a Secret is to hold because no status may."""

    status: RollbackStatus
    withheld: RollbackInformation | None = None


def capture(run: Run, order: Order, invocation: Invocation[Parameters]) -> Captured | Fail:
    """The way back, that there is none to record, or why it cannot be recorded."""
    try:
        found = order.action.capture(invocation)
        if found is None:
            message = f"{order.action.name} leaves nothing to roll back here"
            return Captured(RollbackStatus(available=False, captured_at=run.now, message=message))
        status = RollbackStatus(
            available=True,
            action=found.action,
            target=ExecutionTarget.from_dict(found.target.to_dict()),
            target_uid=found.target_uid or None,
            captured_at=run.now,
        )
        if _fits_status(found, run.config.limits.rollback_bytes):
            status.parameters = dict(found.parameters)
            return Captured(status)
        return Captured(status, withheld=found)
    except ParameterError as error:
        return misfit(error)
    except Exception as error:
        # Whatever an action's own code raises here: without a way back that was promised, nothing is changed.
        detail = str(error) if isinstance(error, CaptureFailed) else f"{type(error).__name__}: {error}"
        return Fail(Reason.ROLLBACK_CAPTURE_FAILED, f"no rollback information for {order.target}: {detail}")


async def persisted(run: Run, order: Order, invocation: Invocation[Parameters]) -> RollbackStatus | Fail | Wait:
    """The captured way back as the status is to tell it; what it must not tell is in a Secret by then.

    Raises ApiError.
    """
    captured = capture(run, order, invocation)
    if isinstance(captured, Fail):
        return captured
    if captured.withheld is None:
        return captured.status
    # Where only a name looks like a secret's, the status would have told it to whoever reads the execution.
    private = captured.withheld.sensitive and bool(captured.withheld.parameters)
    return await keep(run, order, captured.withheld, captured.status, private=private)


async def is_as_captured(run: Run, order: Order, invocation: Invocation[Parameters]) -> bool | None:
    """Whether the target is what it was when the way back was captured; None where that cannot be told.

    Raises ApiError.
    """
    before, now = run.status.rollback_information, capture(run, order, invocation)
    if before is None or isinstance(now, Fail) or not (before.available or now.status.available):
        return None
    same: bool = same_capture(before, now.status)
    if before.secret_ref is None or now.withheld is None:
        return same and before.secret_ref is None and now.withheld is None
    kept = await read_kept(run, run.execution)
    return None if isinstance(kept, str) else same and kept.parameters == dict(now.withheld.parameters)


def same_capture(one: RollbackStatus, other: RollbackStatus) -> bool:
    """True when both lead back to the same state, as far as the status tells it, whenever they were captured."""
    ignored = {"captured_at", "secret_ref"}
    return one.model_dump(exclude=ignored) == other.model_dump(exclude=ignored)


def _fits_status(found: RollbackInformation, limit: int) -> bool:
    if not found.fits_status or len(str(found.to_dict()).encode()) > limit:
        return False
    return not _tells_secrets(found.parameters)


def _tells_secrets(parameters: Mapping[str, Any]) -> bool:
    """Whether something in it looks like a credential: a password in a container's environment, for one."""
    return any(isinstance(value, str) and redact(value) != value for value in parameters.values())

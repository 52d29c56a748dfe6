"""Phases `pending` and `blocked`: whether something may begin, and what is waited for where it may not."""

from __future__ import annotations

from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.execution.webhooks.vouching import MISSING, unbelieved
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.machine.verdicts import SOON, Fail, Move, Verdict, Wait
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request.children import MAX_TEXT, gone
from kubernaut.remediation.request.gates import blocking, hindrance, suspension
from kubernaut.remediation.request.history import counterpart, earlier
from kubernaut.remediation.request.reasons import Done, Reason
from kubernaut.remediation.request.step import NONE, RequestStep
from kubernaut.remediation.request.types import RESOLVED_AT, Blocked, Phase, Timeouts


async def pending(step: RequestStep) -> Verdict:
    """Before anything begins. Raises ApiError."""
    if wrong := _wrong_timeout(step.spec.timeouts):
        return Fail(Reason.TIMEOUT_INVALID, f"spec.timeouts.{wrong} is not positive")
    if (doubt := await _doubt(step)) is not None:
        return doubt
    return pointless(step) or held_up(step) or Move(Phase.PROCESSING)


async def blocked(step: RequestStep) -> Verdict:
    """Waits until nothing is in the way; then begins anew: what was found out may hold no more. Raises ApiError."""
    if (done := pointless(step)) is not None:
        return done
    found, known = hindrance(step), step.status.blocked
    if found is not None:
        if known is None or (found.reason, found.message, found.until) != (known.reason, known.message, known.until):
            _tell(step, found)
        return _look_again(step, found)
    resume = known.resume if known is not None else Phase.PENDING
    return Move(resume) if await _forgotten(step) else Wait(SOON)


def pointless(step: RequestStep) -> Move | None:
    """The end of a request that has done nothing, and need not any more: its signal is gone."""
    if not step.untouched:
        return None
    if step.resolved:
        told = cut(step.obj.metadata.annotations[RESOLVED_AT], MAX_TEXT)
        return Move(Phase.COMPLETED, f"the signal was resolved at {told}", Done.SIGNAL_RESOLVED)
    other = counterpart(step, earlier(step))
    if other is None:
        return None
    message = f"{other.namespace}/{other.name}, about the same signal, was completed: {other.status.reason}"
    return Move(Phase.COMPLETED, message, Done.DUPLICATE)


def held_up(step: RequestStep) -> Move | None:
    """Into phase `blocked` where something is in the way."""
    found = hindrance(step)
    return None if found is None else blocking(step, found)


def suspended(step: RequestStep) -> Move | None:
    """Into phase `blocked` where a person has said that nothing new may begin."""
    found = suspension(step)
    return None if found is None else blocking(step, found)


def _tell(step: RequestStep, found: Blocked) -> None:
    """Another thing is in the way now."""
    status = step.status
    status.blocked, status.reason, status.message = found, found.reason, found.message
    for condition in ("Blocked", "Ready"):
        status.set_condition(condition, condition == "Blocked", reason=found.reason, message=found.message)


def _look_again(step: RequestStep, found: Blocked) -> Wait:
    if found.until is None:
        return Wait()
    return Wait(min(max(found.until - step.now, NONE) + SOON, step.config.limits.poll))


async def _forgotten(step: RequestStep) -> bool:
    """Delete this attempt's facts and analysis; whether they are gone."""
    if step.status.remediation_processing_ref is None:
        return True
    analysis = await gone(step, AIAnalysis, step.found_name)
    return await gone(step, RemediationProcessing, step.found_name) and analysis


async def _doubt(step: RequestStep) -> Fail | None:
    """A failure when anybody may have written who asked; None where that does not matter."""
    if step.config.allow_unstamped:
        return None
    requester = step.spec.requested_by
    if requester is None:
        return Fail(Reason.REQUESTER_UNKNOWN, MISSING)
    why = await step.config.vouching.vouches(step.ctx.client, step.obj.metadata.creation_timestamp)
    if why is None:
        return None
    return Fail(Reason.REQUESTER_UNKNOWN, unbelieved(requester.username, why))


def _wrong_timeout(timeouts: Timeouts) -> str | None:
    for name in Timeouts.model_fields:
        given = getattr(timeouts, name)
        if given is not None and given <= NONE:
            return name
    return None

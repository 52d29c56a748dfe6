"""What ends a request from outside: a person who cancels it, or the time that all of it may take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubernaut.client import ApiError
from kubernaut.reconcile import RequeueError
from kubernaut.remediation.machine.errors import TRANSIENT
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.machine.verdicts import SOON, Fail, Move, Verdict, Wait
from kubernaut.remediation.request.children import MAX_TEXT, stopped
from kubernaut.remediation.request.reasons import Reason
from kubernaut.remediation.request.step import RequestStep
from kubernaut.remediation.request.types import ManualReview, Phase
from kubernaut.resources import format_time

Handler = Callable[[RequestStep], Awaitable[Verdict]]


def guarded(handler: Handler) -> Handler:
    """The handler of a phase, asked only while the request may go on; else what is at work is stopped first."""

    async def ask(step: RequestStep) -> Verdict:
        over = _over(step)
        if over is None:
            return await handler(step)
        # The target is another's only when nothing acts on it any more: until then the phase stays.
        return over if await insist(stopped(step)) else Wait(2 * SOON)

    return ask


async def insist(stopping: Awaitable[bool]) -> bool:
    """Raise what is refused as an error that passes: however late it is, what acts has to be stopped first."""
    try:
        return await stopping
    except ApiError as error:
        if isinstance(error, TRANSIENT):
            raise
        raise RequeueError(f"what is at work cannot be stopped: {error}") from error


def _over(step: RequestStep) -> Fail | None:
    phase = step.status.overall_phase
    if step.spec.cancel:
        return Fail(Reason.CANCELLED, f"spec.cancel was set while {phase}")
    # A person takes the time that it takes.
    if phase == Phase.MANUAL_REVIEW or step.now < step.overall_deadline():
        return None
    blocked = f" ({step.status.blocked.message})" if step.status.blocked is not None else ""
    message = f"not done by {format_time(step.overall_deadline())}: it was still {phase}{blocked}"
    return Fail(Reason.GLOBAL_TIMEOUT, message)


def review(step: RequestStep, reason: str, message: str, look_at: list[str]) -> Move:
    """Hand it to a person: why, and what they should look at."""
    where = [f"{step.spec.target.kind} {_where(step)}", *look_at]
    step.status.manual_review = ManualReview(
        reason=reason,
        message=cut(message, MAX_TEXT),
        look_at=[cut(each, MAX_TEXT) for each in where[:16]],
        since=step.now,
    )
    return Move(Phase.MANUAL_REVIEW, message, reason)


def _where(step: RequestStep) -> str:
    target = step.spec.target
    return f"{target.namespace}/{target.name}" if target.namespace else target.name

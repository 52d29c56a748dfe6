"""What stands between a request and acting: suspension, the same signal, a busy target, recent outcomes, the limit."""

from __future__ import annotations

from collections.abc import Iterable

from kubernaut.client import NotFound
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.machine.verdicts import SOON, Move, Verdict, Wait
from kubernaut.remediation.request.history import backing_off, cooling, earlier
from kubernaut.remediation.request.keys import PHASE, SIGNAL, TARGET, older, signal_key, target_key
from kubernaut.remediation.request.reasons import Block
from kubernaut.remediation.request.step import RequestStep
from kubernaut.remediation.request.types import Blocked, Phase, RemediationRequest
from kubernaut.resources import format_time

HOLDING = (Phase.EXECUTING, Phase.VERIFYING)
"""In these a request has its target to itself."""
ACTING = (*HOLDING, Phase.RECOVERING)
"""In these a request that has not begun leaves the target to another."""
_TEXT = 1024


def hindrance(step: RequestStep) -> Blocked | None:
    """Why this request may not begin, or not go on to act; None where nothing is in the way.

    Answers from the cache: what it lets through is looked at again, live, by `competition`.
    """
    return suspension(step) or _duplicate(step) or _busy(step) or _recent(step) or _full(step)


def blocking(step: RequestStep, found: Blocked) -> Move:
    """Into phase `blocked`, from which the same attempt begins anew."""
    step.status.blocked = found
    return Move(Phase.BLOCKED, found.message, found.reason)


async def competition(step: RequestStep) -> Verdict | None:
    """Which of those that have announced to act on this target goes on: None says that it is this one.

    Phase `executing` is the announcement. It was written, and read back, before this is called: of two requests at
    least one therefore sees the other. One that has its workflow goes before one that has not; of two without, the
    older: the younger gives way, and the older waits until it has done so. The Lease on the target is the last word.
    Raises ApiError.
    """
    if (suspended := suspension(step)) is not None:
        return blocking(step, suspended)
    others = await _live(step, _others(step, TARGET, target_key(step.spec.target)))
    rivals = [other for other in others if other.status.overall_phase in HOLDING]
    ahead = [other for other in rivals if _begun(other) or older(other, step.obj)]
    if ahead:
        return blocking(step, _busy_with(ahead[0], _resume(step)))
    if rivals:
        return Wait(SOON)
    executing = _others(step, PHASE, Phase.EXECUTING)
    limit = step.config.limits.max_executing
    if len([other for other in executing if _begun(other) or older(other, step.obj)]) >= limit:
        return blocking(step, _too_many(step))
    return Wait(SOON) if len(executing) >= limit else None


def suspension(step: RequestStep) -> Blocked | None:
    """Whether a person has said that nothing new may begin."""
    if not step.spec.suspend:
        return None
    return Blocked(reason=Block.SUSPENDED, message="spec.suspend is set", resume=_resume(step))


def _duplicate(step: RequestStep) -> Blocked | None:
    if step.attempt:
        return None
    first = [other for other in _others(step, SIGNAL, signal_key(step.obj)) if older(other, step.obj)]
    if not first:
        return None
    message = f"{_name(first[0])} is about the same signal: this one waits until that one has ended"
    return Blocked(reason=Block.DUPLICATE, message=message)


def _busy(step: RequestStep) -> Blocked | None:
    # Two that recover on one target would each wait for the other.
    phases = HOLDING if step.attempt else ACTING
    for other in _others(step, TARGET, target_key(step.spec.target)):
        if other.status.overall_phase in phases:
            return _busy_with(other, _resume(step))
    return None


def _busy_with(other: RemediationRequest, resume: str) -> Blocked:
    message = f"{_name(other)} is {other.status.overall_phase} on the same target"
    return Blocked(reason=Block.TARGET_BUSY, message=message, resume=resume)


def _recent(step: RequestStep) -> Blocked | None:
    """A request that recovers has its own failures to go by."""
    if step.attempt:
        return None
    requests = earlier(step)
    if (cool := cooling(step, requests)) is not None:
        last, until = cool
        message = f"{_name(last)} remediated the same target; nothing begins before {format_time(until)}"
        return Blocked(reason=Block.RECENTLY_REMEDIATED, message=message, until=until)
    if (off := backing_off(step, requests)) is not None:
        count, until = off
        message = f"{count} failed in a row on this target or signal; nothing begins before {format_time(until)}"
        return Blocked(reason=Block.CONSECUTIVE_FAILURES, message=message, until=until)
    return None


def _full(step: RequestStep) -> Blocked | None:
    executing = len(_others(step, PHASE, Phase.EXECUTING))
    return _too_many(step) if executing >= step.config.limits.max_executing else None


def _too_many(step: RequestStep) -> Blocked:
    message = f"{step.config.limits.max_executing} requests are executing, which is the limit"
    return Blocked(reason=Block.TOO_MANY_EXECUTING, message=message, resume=_resume(step))


def _resume(step: RequestStep) -> str:
    return (Phase.RECOVERING if step.attempt else Phase.PENDING).value


def _others(step: RequestStep, index: str, value: str) -> list[RemediationRequest]:
    found = step.ctx.cache.list(RemediationRequest, index=(index, value))
    return [other for other in found if step.minds(other)]


async def _live(step: RequestStep, cached: Iterable[RemediationRequest]) -> list[RemediationRequest]:
    """The same as the server has them."""
    found = []
    for each in cached:
        try:
            live = await step.ctx.client.get(RemediationRequest, each.name, namespace=each.namespace)
        except NotFound:
            continue
        if live.uid == each.uid:
            found.append(live)
    return found


def _begun(request: RemediationRequest) -> bool:
    """Whether its present attempt has its workflow, which goes on acting until the phase is left."""
    status = request.status
    if status.overall_phase == Phase.VERIFYING:
        return True
    return any(ref.attempt_number == status.recovery_attempts for ref in status.workflow_execution_refs)


def _name(request: RemediationRequest) -> str:
    return cut(f"{request.namespace}/{request.name}", _TEXT // 2)

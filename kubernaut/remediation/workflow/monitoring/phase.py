"""Phase `monitoring`: the target must be healthy, and stay so, before the workflow is called completed."""

from __future__ import annotations

from kubernaut.remediation.execution.redact import redact
from kubernaut.remediation.machine import Move, Verdict, Wait, cut
from kubernaut.remediation.workflow.errors import is_quota
from kubernaut.remediation.workflow.failing import end
from kubernaut.remediation.workflow.failure import Failure
from kubernaut.remediation.workflow.reading import kind_of, read
from kubernaut.remediation.workflow.reasons import Reason
from kubernaut.remediation.workflow.seams import Health
from kubernaut.remediation.workflow.types import ErrorType, Phase, StepState
from kubernaut.remediation.workflow.work import Work
from kubernaut.resources import format_duration

TAKEN_AWAY = ("delete-resource", "restart-pod")
"""Actions after which their target is not there any more."""
_TEXT = 1024


async def monitoring(work: Work) -> Verdict:
    """Look every few seconds; a break in its health begins the stable window anew."""
    try:
        health = await _look(work)
    except Exception as error:
        if not work.expired:
            raise
        health = Health(False, f"it cannot be read: {type(error).__name__}: {error}")
    if health is None:
        return Move(Phase.COMPLETED, "there is nothing to monitor")
    work.status.health = cut(redact(health.message), _TEXT)
    if not health.healthy:
        work.status.healthy_since = None
        return await _unhealthy(work, health)
    # Not later than now: a clock that is set back begins the window anew, and does not stretch it.
    since = work.status.healthy_since = min(work.status.healthy_since or work.now, work.now)
    stable = work.config.limits.stable
    if work.now - since >= stable:
        return Move(Phase.COMPLETED, f"{work.status.health}, for {format_duration(stable)}")
    return await _unhealthy(work, health) if work.expired else Wait(work.config.limits.look)


async def _look(work: Work) -> Health | None:
    """How it is; None where nothing tells. Raises ApiError."""
    monitored = work.status.monitored
    kind = kind_of(work.config, monitored) if monitored is not None else None
    if monitored is None or kind is None:
        return None
    live = await read(work.ctx.client, kind, monitored.namespace, monitored.name)
    going = live is None or bool(live["metadata"].get("deletionTimestamp"))
    if going and _was_taken_away(work):
        return None
    if live is None or going:
        return Health(False, "it does not exist any more" if live is None else "it is being deleted")
    return await work.config.monitor.look(work.ctx.client, kind, live)


def _was_taken_away(work: Work) -> bool:
    """Whether a step was to make it go."""
    monitored = work.status.monitored
    return monitored is not None and any(
        spec.action in TAKEN_AWAY
        and (spec.target.kind, spec.target.namespace or None, spec.target.name)
        == (monitored.kind, monitored.namespace, monitored.name)
        for _, spec, _ in work.each(StepState.COMPLETED)
    )


async def _unhealthy(work: Work, health: Health) -> Verdict:
    """Wait until the deadline, then fail; what was done is undone where a step that did it says so."""
    if not (work.expired or health.final):
        return Wait(work.config.limits.look)
    done = [index for index, _, _ in work.each(StepState.COMPLETED)]
    steps, monitored = work.workflow.spec.steps, work.status.monitored
    name = f"{monitored.kind} {monitored.name}" if monitored is not None else "the target"
    kind = ErrorType.RESOURCE_QUOTA_EXCEEDED if is_quota(health.message) else ErrorType.TIMEOUT
    message = f"{name} is not healthy: {work.status.health}"
    rollback = any(steps[index].on_failure == "rollback" for index in done)
    return await end(work, Failure(Reason.NOT_HEALTHY, message, kind, done[-1] if done else None, rollback))

"""Phase `validating`: all steps are checked; then the targets of all of them are taken, in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from kubernaut.remediation.execution.lock import hold_for_workflow, root_of
from kubernaut.remediation.execution.reasons import Reason as ExecutionReason
from kubernaut.remediation.execution.types import ResolvedTarget
from kubernaut.remediation.execution.validation.policy import AVAILABLE
from kubernaut.remediation.machine import Move, Verdict, Wait
from kubernaut.remediation.workflow.errors import failure_for
from kubernaut.remediation.workflow.failing import end
from kubernaut.remediation.workflow.failure import Failure
from kubernaut.remediation.workflow.reading import kind_of, read
from kubernaut.remediation.workflow.reasons import NOT_MONITORED, Reason
from kubernaut.remediation.workflow.seams import Prepared
from kubernaut.remediation.workflow.sight import may_see, stranger
from kubernaut.remediation.workflow.types import ErrorType, Phase
from kubernaut.remediation.workflow.work import Work


async def validating(work: Work) -> Verdict:
    """Check, then take the targets. Who had to wait for one checks again: others have been at work since."""
    if work.status.is_true(Reason.TARGET_BUSY):
        return await _turn(work)
    if (failure := await distrust(work)) is not None:
        return await end(work, failure)
    found = await work.config.checks.validate(work)
    if isinstance(found, Failure):
        return await end(work, found)
    if isinstance(found, Wait):
        return found
    work.status.remove_condition(AVAILABLE)
    for step, prepared in zip(work.status.steps, found, strict=True):
        step.lease = prepared.lease
    if (failure := await _choose_monitored(work, found)) is not None:
        return await end(work, failure)
    busy = await _take(work)
    if busy is None:
        return Move(Phase.EXECUTING, "every check passed")
    if work.status.is_true(Reason.TARGET_BUSY):
        work.status.deadline = work.now + work.config.limits.turn
    return busy


async def distrust(work: Work) -> Failure | None:
    """A failure when the spec is not what was planned, or when nobody knows who asked for it. Raises ApiError."""
    if work.spec_changed():
        message = "the spec is not the one that was planned"
        return Failure(Reason.SPEC_CHANGED, message, ErrorType.VALIDATION_ERROR)
    why = await stranger(work)
    return None if why is None else Failure(Reason.REQUESTER_UNKNOWN, why, ErrorType.PERMISSION_DENIED)


async def _turn(work: Work) -> Verdict:
    busy = await _take(work)
    if busy is not None:
        return busy
    work.status.deadline = work.now + work.config.limits.validation
    return Wait()


async def _take(work: Work) -> Wait | None:
    names = {step.lease: None for step in work.status.steps if step.lease}
    return await hold_for_workflow(work, names, work.config.execution.executor_namespace)


async def _choose_monitored(work: Work, found: Sequence[Prepared]) -> Failure | None:
    """Note what is looked at afterwards: what the spec names, else what the first step's target belongs to.

    What the requester may not read is refused where the spec names it, and else not looked at.
    """
    target, root = work.workflow.spec.target, found[0].root
    if target is not None:
        kind = kind_of(work.config, target)
        if kind is None:
            work.status.monitored = None
            return None
        if kind.namespaced and not target.namespace:
            message = f"spec.target.namespace: is required: a {kind.kind} lives in a namespace"
            return Failure(ExecutionReason.TARGET_INVALID, message, ErrorType.VALIDATION_ERROR)
        if not await may_see(work, kind, target.namespace, target.name):
            # Whether it exists is not told either.
            message = f"spec.target: the requester may not get {kind.kind} {target.name}"
            return Failure(ExecutionReason.REQUESTER_FORBIDDEN, message, ErrorType.PERMISSION_DENIED)
        live = await read(work.ctx.client, kind, target.namespace, target.name)
        if live is None:
            message = f"spec.target: {kind.kind} {target.name} does not exist"
            return Failure(Reason.TARGET_NOT_FOUND, message, ErrorType.RESOURCE_NOT_FOUND)
        root = await root_of(work.ctx.client, live)
    monitored = _resolved(root)
    known = kind_of(work.config, monitored)
    if known is not None and not await may_see(work, known, monitored.namespace, monitored.name):
        message = f"{monitored.kind} {monitored.name} is not looked at afterwards: the requester may not get it"
        work.event(NOT_MONITORED, message, warning=True)
        work.status.monitored = None
        return None
    work.status.monitored = monitored
    return None


def _resolved(live: Mapping[str, Any]) -> ResolvedTarget:
    metadata = live["metadata"]
    return ResolvedTarget(
        api_version=live["apiVersion"],
        kind=live["kind"],
        namespace=metadata.get("namespace"),
        name=metadata["name"],
        uid=metadata["uid"],
    )


def validation_limit(work: Work) -> timedelta:
    """Of the checks; longer while others work on a target."""
    limits = work.config.limits
    return limits.turn if work.status.is_true(Reason.TARGET_BUSY) else limits.validation


def validation_expired(work: Work) -> Failure:
    """The failure of a validation that outlived its deadline: what it waited for last."""
    deadline = f"{work.status.deadline:%Y-%m-%dT%H:%M:%SZ}"
    if work.status.is_true(Reason.TARGET_BUSY):
        busy = work.status.condition(Reason.TARGET_BUSY)
        return failure_for(Reason.TARGET_BUSY, f"not its turn by {deadline}: {busy.message if busy else ''}")
    if waiting := work.status.condition(AVAILABLE):
        return failure_for(Reason.POLICY_UNAVAILABLE, f"no policy decision by {deadline}: {waiting.message}")
    return failure_for(Reason.VALIDATION_TIMEOUT, f"the checks did not end by {deadline}")

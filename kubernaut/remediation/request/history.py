"""What became of earlier requests: about the same target or signal, and of all in the last hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from kubernaut.remediation.request.keys import ENDED, attempted, days, ended_at, hours, signal_key, target_key
from kubernaut.remediation.request.reasons import Done
from kubernaut.remediation.request.step import RequestStep
from kubernaut.remediation.request.types import Phase, RemediationRequest

HOUR = timedelta(hours=1)
MAX_DOUBLINGS = 32
"""More would only be a larger number than any cap."""


def earlier(step: RequestStep) -> Sequence[RemediationRequest]:
    """The requests about this target, or with this fingerprint, that ended not too long ago; the latest first."""
    keys = (target_key(step.spec.target), step.spec.signal.fingerprint)
    values = [f"{key}@{day}" for key in keys for day in days(step.now, step.config.limits.memory)]
    found: dict[str, RemediationRequest] = {}
    for value in values:
        for request in step.ctx.cache.list(RemediationRequest, index=(ENDED, value)):
            if step.minds(request):
                found[request.uid or ""] = request
    return sorted(found.values(), key=lambda request: (_end(request), request.uid or ""), reverse=True)


def counterpart(step: RequestStep, requests: Iterable[RemediationRequest]) -> RemediationRequest | None:
    """A completed request with the same signal that ended after this one was made: this one told nothing new."""
    made = step.obj.metadata.creation_timestamp
    for request in requests:
        if request.status.overall_phase == Phase.COMPLETED and signal_key(request) == signal_key(step.obj):
            return request if made is None or _end(request) >= made else None
    return None


def cooling(step: RequestStep, requests: Iterable[RemediationRequest]) -> tuple[RemediationRequest, datetime] | None:
    """The last success on this target, while it is recent, and until when it is."""
    target = target_key(step.spec.target)
    for request in requests:
        if request.status.reason == Done.REMEDIATED and target_key(request.spec.target) == target:
            until = _end(request) + step.config.limits.cooldown
            return (request, until) if until > step.now else None
    return None


def failures_in_a_row(requests: Iterable[RemediationRequest]) -> list[RemediationRequest]:
    """The requests that failed, or that a person has to look at, since the last success; the latest first."""
    failed: list[RemediationRequest] = []
    for request in requests:
        if not attempted(request):
            continue
        if request.status.reason == Done.REMEDIATED:
            break
        failed.append(request)
    return failed


def backing_off(step: RequestStep, requests: Iterable[RemediationRequest]) -> tuple[int, datetime] | None:
    """How many failures in a row there were, and until when nothing is done because of them; None once that is over."""
    failed = failures_in_a_row(requests)
    if not failed:
        return None
    limits = step.config.limits
    wait = min(limits.backoff * 2 ** min(len(failed) - 1, MAX_DOUBLINGS), limits.backoff_cap)
    until = _end(failed[0]) + wait
    return (len(failed), until) if until > step.now else None


def failed_rate(step: RequestStep) -> tuple[int, int]:
    """Of the requests that did something and ended within the last hour: how many failed, and how many there are."""
    since = step.now - HOUR
    ended = [
        request
        for hour in hours(step.now)
        for request in step.ctx.cache.list(RemediationRequest, index=(ENDED, hour))
        if step.minds(request) and attempted(request) and _end(request) > since
    ]
    return sum(request.status.reason != Done.REMEDIATED for request in ended), len(ended)


def _end(request: RemediationRequest) -> datetime:
    when = ended_at(request)
    assert when is not None, "found by its end"
    return when

"""From a signal to its request: made once, however often, and by however many, the signal is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from pydantic import ValidationError

from kubernaut.client import AlreadyExists, Client, ClientError, Conflict, MergePatch, NotFound
from kubernaut.remediation.execution.redact import redact
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.gateway.config import GatewayConfig, Route
from kubernaut.remediation.gateway.names import fingerprint_label, request_name
from kubernaut.remediation.gateway.results import RETRY_AFTER, Outcome, Result, result_of
from kubernaut.remediation.gateway.targets import NAME, climbed, named
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.request.types import RESOLVED_AT, Phase, RemediationRequest, RemediationRequestSpec
from kubernaut.remediation.signals import FINGERPRINT_LABEL, Signal
from kubernaut.resources import AnyResource, ObjectMeta, format_time

# Read as plain data: a request that somebody has spoiled must not keep others from being made.
REQUEST = AnyResource.of(RemediationRequest.resource_type.api_version, "RemediationRequest")
ENDED = (Phase.COMPLETED, Phase.FAILED)
VALUE_BYTES = 1024
"""What a Signal takes of a label or annotation."""
TRIES = 3
"""Of an annotation that somebody else's write comes before."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A signal as a source tells it.

    `labels` are what routes and targets look at; `ended`: when it ceased, None while it lasts. `target`: where the
    source knows it better than labels can say. `news`: a request that ended since the signal started has answered it.
    """

    signal: Signal
    labels: Mapping[str, str]
    ended: datetime | None = None
    target: ExecutionTarget | None = None
    news: bool = False


class Intake:
    """Turns notices into requests, as the configuration says. Keeps nothing: the API server knows what there is."""

    def __init__(self, config: GatewayConfig) -> None:
        self.config = config

    async def take(self, client: Client, notice: Notice) -> Result:
        """Do what a notice asks for. Raises no error of the API server's: the result says what went wrong."""
        route = self.route(notice.labels)
        if route is None:
            return Result(Outcome.UNMATCHED, "no route takes it")
        if not route.take:
            return Result(Outcome.IGNORED, "its route leaves it alone", route=route.name)
        found = self._target(notice, route)
        if isinstance(found, Result):
            return found
        target, climbs = found
        namespace = route.namespace or target.namespace or self.config.cluster_namespace
        known = (namespace, request_name(notice.signal))
        try:
            if notice.ended is not None:
                return await self._cease(client, notice.signal, notice.ended, known, route)
            return await self._begin(client, notice, target, climbs, known, route)
        except ClientError as error:
            return result_of(error, known, route.name)
        except (msgspec.DecodeError, ValidationError) as error:  # something between us and the server has answered
            told = f"the API server's answer cannot be read: {error}"
            return Result(Outcome.FAILED, told, known, route.name, retry_after=RETRY_AFTER)

    def route(self, labels: Mapping[str, str]) -> Route | None:
        """The first route that fits."""
        fits = (route for route in self.config.routes if all(each.matches(labels) for each in route.match))
        return next(fits, None)

    def severity(self, given: str, route: Route | None) -> str:
        """What a source's severity is called here."""
        if route is not None and route.severity is not None:
            return route.severity
        return self.config.severities.get(given, given) or "warning"

    def _target(self, notice: Notice, route: Route) -> tuple[ExecutionTarget, bool] | Result:
        """What a notice is about, and whether what made that is meant; a result where there is nothing to act upon."""
        if notice.target is not None:
            target, climbs = notice.target, False
        else:
            found = named(notice.labels, route.targets or self.config.targets, self.config)
            if isinstance(found, str):
                return Result(Outcome.NO_TARGET, found, route=route.name)
            target, climbs = found.target, found.climbs
        about = target.name if target.kind == "Namespace" else target.namespace
        if about in self.config.untouched_namespaces:
            return Result(Outcome.UNMATCHED, f"what is in {about} is left alone", route=route.name)
        return target, climbs

    async def _begin(
        self,
        client: Client,
        notice: Notice,
        target: ExecutionTarget,
        climbs: bool,
        known: tuple[str, str],
        route: Route,
    ) -> Result:
        namespace, name = known
        there = await _read(client, namespace, name)
        if there is not None:
            return _already(there, notice.signal, known, route)
        answered = _answering(await _same(client, namespace, notice.signal), notice)
        if answered == name:  # another replica was faster
            return Result(Outcome.DUPLICATE, "", known, route.name)
        if answered is not None:
            told = "a request for this signal is under way, or has ended since"
            return Result(Outcome.ONGOING, told, (namespace, answered), route.name)
        if climbs:
            owner = await climbed(client, target)
            if owner is None:
                told = f"the {target.kind} {target.namespace}/{target.name} is not there, nor what made it"
                return Result(Outcome.NO_TARGET, told, route=route.name)
            target = owner
        try:
            await client.create(self._request(notice.signal, target, known, route))
        except AlreadyExists:
            there = await _read(client, namespace, name)
            if there is None:
                raise
            return _already(there, notice.signal, known, route)
        return Result(Outcome.CREATED, "", known, route.name)

    def _request(
        self, signal: Signal, target: ExecutionTarget, known: tuple[str, str], route: Route
    ) -> RemediationRequest:
        naming = {*(rule.label for rule in route.targets or self.config.targets), *self.config.namespace_labels}
        labels = {
            name: text if name in naming and NAME.fullmatch(text) else _redacted(text)
            for name, text in signal.labels.items()
        }
        annotations = {name: _redacted(text) for name, text in signal.annotations.items()}
        severity = self.severity(signal.severity, route)
        spec = RemediationRequestSpec(
            signal=signal.model_copy(update={"severity": severity, "labels": labels, "annotations": annotations}),
            target=target,
            max_recovery_attempts=route.max_recovery_attempts,
            suspend=route.suspend,
        )
        marks = {FINGERPRINT_LABEL: fingerprint_label(signal.fingerprint)}
        return RemediationRequest(metadata=ObjectMeta(namespace=known[0], name=known[1], labels=marks), spec=spec)

    async def _cease(
        self, client: Client, signal: Signal, ended: datetime, known: tuple[str, str], route: Route
    ) -> Result:
        """Tell the requests of a signal that it has ceased: that of this firing, and what is under way since before."""
        namespace, name = known
        told: str | None = None
        for request in await _same(client, namespace, signal):
            under_way = _phase(request) not in ENDED and _started(request) <= format_time(ended)
            if request.name == name or under_way:
                await _annotate(client, request, ended)
                told = request.name if told is None or request.name == name else told
        if told is None:
            return Result(Outcome.UNKNOWN, "there is no request for it", route=route.name)
        return Result(Outcome.RESOLVED, "", (namespace, told), route.name)


def _redacted(text: str) -> str:
    """What a source says may say too much: whoever may read requests reads it."""
    return cut(redact(text), VALUE_BYTES)


async def _read(client: Client, namespace: str, name: str) -> AnyResource | None:
    try:
        return await client.get(REQUEST, name, namespace=namespace)
    except NotFound as error:
        if error.details.get("name") == name:
            return None
        raise  # no object is named where the kind is not served


async def _same(client: Client, namespace: str, signal: Signal) -> list[AnyResource]:
    """The requests of a signal, whichever firing they are for."""
    selector = {FINGERPRINT_LABEL: fingerprint_label(signal.fingerprint)}
    found = await client.list(REQUEST, namespace=namespace, labels=selector)
    return [each for each in found if _signal(each).get("fingerprint") == signal.fingerprint]


def _already(there: AnyResource, signal: Signal, known: tuple[str, str], route: Route) -> Result:
    if _signal(there).get("fingerprint") == signal.fingerprint:
        return Result(Outcome.DUPLICATE, "", known, route.name)
    told = "there is a request of that name for another signal, which somebody else has made"
    return Result(Outcome.REFUSED, told, known, route.name)


def _answering(requests: Iterable[AnyResource], notice: Notice) -> str | None:
    """The name of a request that answers a notice already.

    One whose signal has ceased does not: its orchestrator may be about to close it, and this firing with it.
    """
    since = format_time(notice.signal.starts_at) if notice.signal.starts_at is not None else ""
    for request in requests:
        if _phase(request) not in ENDED:
            if RESOLVED_AT not in (request.metadata.annotations or {}):
                return request.name
        elif notice.news and since and _completed(request) >= since:
            return request.name
    return None


async def _annotate(client: Client, request: AnyResource, ended: datetime) -> None:
    """Write when its signal ceased, unless that is known; the first word counts."""
    for tries_left in reversed(range(TRIES)):
        if RESOLVED_AT in (request.metadata.annotations or {}):
            return
        # With its version: of two replicas one writes, and the other then sees that.
        version = {"uid": request.uid, "resourceVersion": request.metadata.resource_version}
        patch = MergePatch({"metadata": {**version, "annotations": {RESOLVED_AT: format_time(ended)}}})
        try:
            await client.patch(REQUEST, request.name, patch, namespace=request.namespace)
            return
        except NotFound:
            return
        except Conflict:
            if not tries_left:
                raise
        again = await _read(client, request.namespace or "", request.name)
        if again is None:
            return
        request = again


def _signal(request: AnyResource) -> dict[str, Any]:
    signal = request.spec.get("signal")
    return signal if isinstance(signal, dict) else {}


def _started(request: AnyResource) -> str:
    """When the request's firing began; times in the API are texts that sort."""
    return str(_signal(request).get("startsAt") or "")


def _phase(request: AnyResource) -> str:
    return str(request.status.get("overallPhase") or "")


def _completed(request: AnyResource) -> str:
    return str(request.status.get("completionTime") or "")

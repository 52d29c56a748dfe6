"""Kubernetes Events as signals: a controller that looks at warnings, and takes what its rules name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from hashlib import blake2b

from kubernaut.client import Client
from kubernaut.reconcile import Context, Controller, Permission, Reconciler, Result
from kubernaut.reconcile.log import logger
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.gateway.config import CLIMBED, CLUSTER_SCOPED, WELL_KNOWN, EventRule, GatewayConfig
from kubernaut.remediation.gateway.intake import VALUE_BYTES, Intake, Notice
from kubernaut.remediation.gateway.metrics import GatewayMetrics
from kubernaut.remediation.gateway.results import SILENT, Outcome
from kubernaut.remediation.gateway.targets import NAME, POD, REPLICA_SET, climbed
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.request.types import RemediationRequest
from kubernaut.remediation.signals import Signal
from kubernaut.resources import Resource
from kubernaut.resources.builtin.core_v1.shared import ObjectReference
from kubernaut.resources.builtin.events_v1 import Event

SOURCE = "kubernetes-events"
OURS = "kubernaut"
"""What the names of controllers that report for kubernaut begin with."""
WARNINGS = "type=Warning"
_CLUSTER_SCOPED_EVENTS = ("default", "kube-system")
"""Where the API server lets Events be that are about what has no namespace."""
_VERSION = re.compile(r"([a-z0-9][-a-z0-9.]{0,252}/)?v[0-9][a-z0-9]{0,31}")

_log = logger("kubernaut.gateway")


def events(intake: Intake, metrics: GatewayMetrics) -> Controller:
    """The controller of Events; of several replicas the leader's works."""
    return Controller(
        Event,
        EventReconciler(intake, metrics),
        name="gateway-events",
        fields=WARNINGS,
        permissions=gateway_permissions(intake.config),
    )


def gateway_permissions(config: GatewayConfig) -> list[Permission]:
    """What the intake of signals asks of the API server, from whichever source they come."""
    kind: type[Resource] = RemediationRequest
    verbs, why = ["get", "list", "create", "patch"], "makes requests, each once, and notes that their signal has ceased"
    fixed = [route.namespace for route in config.routes if route.take]
    namespaces: Iterable[str | None] = [None] if None in fixed else dict.fromkeys(fixed)
    return [
        *(Permission(verbs, kind, namespace=namespace, why=why) for namespace in namespaces),
        *(Permission(["get"], kind, why="finds what made the pod that a signal names") for kind in (POD, REPLICA_SET)),
    ]


class EventReconciler(Reconciler[Event]):
    """One Event as it stands: whether it was seen once or has changed a hundred times makes one request."""

    def __init__(self, intake: Intake, metrics: GatewayMetrics) -> None:
        self._intake = intake
        self._metrics = metrics

    async def reconcile(self, obj: Event, ctx: Context) -> Result | None:
        """Take it if a rule names it and it is no history."""
        source, seen = self._intake.config.events, _seen(obj)
        found = next(_taken(source.rules, obj), None)
        if found is None or seen is None or is_own(obj) or ctx.clock.now() - seen > source.max_age:
            return None
        rule, target = found
        if target.namespace in self._intake.config.untouched_namespaces:
            return None
        notice = await _notice(ctx.client, obj, target, rule, seen)
        if notice is None:
            return None
        result = await self._intake.take(ctx.client, notice)
        self._metrics.took(SOURCE, result)
        told = {"told_by": f"{obj.namespace}/{obj.name}", "reason": rule.reason, "outcome": result.outcome.value}
        if result.request is not None:
            told["request"] = "/".join(result.request)
        if result.outcome is Outcome.CREATED:
            _log.info("a request was made", **told)
        elif result.outcome not in SILENT:
            _log.warning("an event led to nothing", message=result.message, **told)
        return Result(requeue_after=timedelta(seconds=result.retry_after)) if result.retry_after else None


def is_own(event: Event) -> bool:
    """Whether kubernaut itself reports it, or it is about an object of kubernaut's kinds."""
    group = ((event.regarding.api_version if event.regarding else None) or "").rpartition("/")[0]
    return _reporter(event).startswith(OURS) or group.endswith(f"{OURS}.io")


def _reporter(event: Event) -> str:
    """Who says that it reports it; older components fill in the deprecated field alone."""
    source = event.deprecated_source.component if event.deprecated_source is not None else None
    return event.reporting_controller or source or ""


def _taken(rules: Iterable[EventRule], event: Event) -> Iterator[tuple[EventRule, ExecutionTarget]]:
    """The rules that take it, each with what it is about by that rule."""
    for rule in rules:
        target = _target(event, rule) if _fits(rule, event) else None
        if target is not None:
            yield rule, target


def _fits(rule: EventRule, event: Event) -> bool:
    if event.type != "Warning" or event.reason != rule.reason or event.regarding is None:
        return False
    if rule.reporters and _reporter(event) not in rule.reporters:
        return False
    return _count(event) >= rule.count and (not rule.kinds or event.regarding.kind in rule.kinds)


def _count(event: Event) -> int:
    return event.series.count if event.series is not None else event.deprecated_count or 1


def _seen(event: Event) -> datetime | None:
    """When it was last seen; whoever writes Events fills in what they like."""
    in_series = event.series.last_observed_time if event.series is not None else None
    made = event.metadata.creation_timestamp
    return in_series or event.deprecated_last_timestamp or event.event_time or made


def _target(event: Event, rule: EventRule) -> ExecutionTarget | None:
    """What it is about; None for kinds that nobody has named, and for what its writer may have nothing to say about.

    Who may create Events in a namespace speaks for that namespace alone. The rules of the API server (ValidateEvent in
    kubernetes/pkg/apis/core/validation/events.go) are checked again here: not every server has them.
    """
    regarding = event.regarding
    kind, name = (regarding.kind, regarding.name) if regarding is not None else (None, None)
    if regarding is None or not kind or not name or len(kind) > 63 or not NAME.fullmatch(name):
        return None
    version = regarding.api_version or WELL_KNOWN.get(kind)
    known = version is not None and WELL_KNOWN.get(kind) == version
    if version is None or not _VERSION.fullmatch(version) or not (known or kind in rule.kinds):
        return None
    namespace = regarding.namespace or None
    # Of other people's kinds the scope is not known: what has no namespace is taken for cluster-scoped.
    if known and (kind in CLUSTER_SCOPED) != (namespace is None):
        return None
    if namespace is None and not (rule.reporters and event.namespace in _CLUSTER_SCOPED_EVENTS):
        return None
    if namespace is not None and namespace != event.namespace:
        return None
    return ExecutionTarget(api_version=version, kind=kind, namespace=namespace, name=name)


async def _notice(
    client: Client, event: Event, target: ExecutionTarget, rule: EventRule, seen: datetime
) -> Notice | None:
    """The signal; None where what it is about is gone. Raises ClientError."""
    climbs = target.kind in CLIMBED and target.api_version == WELL_KNOWN[target.kind]
    about = await climbed(client, target) if climbs else target
    if about is None:
        return None
    labels = {
        "alertname": rule.reason,
        "reason": rule.reason,
        "kind": about.kind,
        "name": about.name,
        "namespace": about.namespace or "",
        "reporting_controller": cut(_reporter(event), 253),
        "severity": rule.severity,
    }
    annotations = {"note": cut(event.note or "", VALUE_BYTES), "regarding": f"{target.kind}/{target.name}"}
    signal = Signal(
        name=rule.reason,
        fingerprint=_fingerprint(rule, about, event.regarding if about == target else None),
        severity=rule.severity,
        labels={name: value for name, value in labels.items() if value},
        annotations=annotations,
        starts_at=seen,
        source=SOURCE,
    )
    return Notice(signal, labels, target=about, news=True)


def _fingerprint(rule: EventRule, about: ExecutionTarget, regarding: ObjectReference | None) -> str:
    """One for all pods that have the same owner, whichever of them come and go; otherwise the object's own uid."""
    uid = (regarding.uid if regarding is not None else None) or ""
    identity = (rule.reason, about.kind, about.namespace or "", about.name, uid)
    return blake2b("\n".join(identity).encode(errors="replace"), digest_size=8).hexdigest()

"""What is counted of requests: how they ended, how long each phase took, recoveries, and what blocked them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.registry import Collector

from kubernaut.remediation.machine.status import Transition
from kubernaut.remediation.request.reasons import RECOVERY_INITIATED
from kubernaut.remediation.request.types import TERMINAL, Phase, RemediationRequest

BUCKETS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600)
"""Seconds: from a check that is done at once to a person's review."""
REMEMBERED = 10_000


class RequestMetrics(Collector):
    """Counts transitions as they are read back, so that a reconcile which is repeated counts nothing twice.

    What happened before `since` was counted by another process. A collector: register it where metrics are shown.
    """

    def __init__(self, *, since: datetime) -> None:
        self._since = since
        self._registry = registry = CollectorRegistry()
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._ended = Counter(
            "kubernaut_remediations",
            "Remediation requests that ended, by final phase and reason.",
            ["outcome", "reason"],
            registry=registry,
        )
        self._phases = Histogram(
            "kubernaut_remediations_phase_duration_seconds",
            "How long remediation requests stayed in a phase.",
            ["phase"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._recoveries = Counter(
            "kubernaut_remediations_recoveries",
            "Recoveries that began after a failed workflow.",
            registry=registry,
        )
        self._blocked = Counter(
            "kubernaut_remediations_blocked",
            "How often something was in the way of a remediation request, by what it was.",
            ["reason"],
            registry=registry,
        )
        self._reviews = Counter(
            "kubernaut_remediations_manual_reviews",
            "Remediation requests handed to a person, by reason.",
            ["reason"],
            registry=registry,
        )

    def collect(self) -> Iterable[Metric]:
        """What was counted; without when each series began, which would be a series more for every one of them."""
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family

    def observe(self, request: RemediationRequest) -> None:
        """Count what is new of a request as it was read."""
        uid, transitions = request.uid or "", request.status.transitions
        known = self._seen.get(uid, 0)
        if len(transitions) <= known:
            return
        self._seen[uid] = len(transitions)
        self._seen.move_to_end(uid)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        for index in range(known, len(transitions)):
            # Times in the API are whole seconds.
            if transitions[index].time >= self._since - timedelta(seconds=1):
                self._count(transitions[index - 1] if index else None, transitions[index])

    def _count(self, before: Transition | None, entered: Transition) -> None:
        reason = entered.reason or ""
        if before is not None:
            self._phases.labels(before.phase).observe((entered.time - before.time).total_seconds())
        if entered.phase in TERMINAL:
            self._ended.labels(entered.phase, reason).inc()
        elif entered.phase == Phase.BLOCKED:
            self._blocked.labels(reason).inc()
        elif entered.phase == Phase.MANUAL_REVIEW:
            self._reviews.labels(reason).inc()
        elif reason == RECOVERY_INITIATED:
            self._recoveries.inc()

"""What is counted of the gateway: alerts by what came of them, requests, how long answers took, what waits."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

from kubernaut.remediation.gateway.results import Outcome, Result

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Seconds: from a duplicate to an answer that runs into its limit."""


class GatewayMetrics(Collector):
    """A collector: register it where metrics are shown. Nothing that a client sends becomes a label of a series."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._alerts = Counter(
            "kubernaut_gateway_alerts",
            "Signals that were taken in, by their source and what came of them.",
            ["source", "outcome"],
            registry=registry,
        )
        self._created = Counter(
            "kubernaut_gateway_requests_created",
            "RemediationRequests that were made, by the source of their signal and the route that took it.",
            ["source", "route"],
            registry=registry,
        )
        self._truncated = Counter(
            "kubernaut_gateway_truncated_alerts",
            "Alerts that Alertmanager left out, as its receiver's max_alerts wants it.",
            registry=registry,
        )
        self._answers = Histogram(
            "kubernaut_gateway_request_duration_seconds",
            "How long requests took until they were answered, by the answer's code.",
            ["code"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge("kubernaut_gateway_requests_in_flight", "Requests being worked on.", registry=registry)
        self.waiting = Gauge("kubernaut_gateway_requests_waiting", "Requests that wait for a place.", registry=registry)

    def collect(self) -> Iterable[Metric]:
        """What was counted; without when each series began, which would be a series more for every one of them."""
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family

    def took(self, source: str, result: Result) -> None:
        """Count one signal."""
        self._alerts.labels(source, result.outcome.value).inc()
        if result.outcome is Outcome.CREATED:
            self._created.labels(source, result.route).inc()

    def truncated(self, count: int) -> None:
        """Count alerts that never came."""
        self._truncated.inc(count)

    def answered(self, code: int, seconds: float) -> None:
        """Count one answer."""
        self._answers.labels(str(code)).observe(seconds)

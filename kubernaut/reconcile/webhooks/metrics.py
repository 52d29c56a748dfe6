"""Metrics of webhooks under controller-runtime's names (pkg/webhook/internal/metrics)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from kubernaut.reconcile.metrics.series import Histogram, counter, exponential, gauge, histogram

__all__ = ["WebhookMetrics"]

BUCKETS = exponential(10e-9, 10, 12)


class WebhookMetrics(Collector):
    """Requests, their latency in seconds and those in flight, by path. Registers itself; ``close`` takes it out."""

    def __init__(self, registry: CollectorRegistry, paths: Sequence[str]) -> None:
        self._registry = registry
        self._latency = {path: Histogram(BUCKETS) for path in paths}
        self._in_flight = dict.fromkeys(paths, 0)
        # The likely codes are there from the start, so that rates have something to begin at.
        self._requests = {(path, code): 0 for path in paths for code in (200, 500)}
        registry.register(self)

    def close(self) -> None:
        """Take the metrics out of the registry."""
        self._registry.unregister(self)

    def started(self, path: str) -> None:
        """A request came in."""
        self._in_flight[path] += 1

    def ended(self, path: str, code: int, seconds: float) -> None:
        """A request was answered, with an HTTP status; 0: it was not."""
        self._in_flight[path] -= 1
        self._requests[path, code] = self._requests.get((path, code), 0) + 1
        self._latency[path].observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """The families, for a scrape."""
        requests = counter(
            "controller_runtime_webhook_requests", "Admission requests by HTTP status code.", ("webhook", "code")
        )
        for (path, code), count in list(self._requests.items()):
            requests.add_metric((path, str(code)), count)
        flying = gauge(
            "controller_runtime_webhook_requests_in_flight", "Admission requests being served.", ("webhook",)
        )
        for path, number in self._in_flight.items():
            flying.add_metric((path,), number)
        latency = histogram(
            "controller_runtime_webhook_latency_seconds", "Latency of admission requests.", ("webhook",)
        )
        for path, series in self._latency.items():
            latency.add_metric((path,), series.buckets(), series.sum)
        yield from (requests, flying, latency)

"""How far the audit log is behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kubernaut.timing import current_clock

BEHIND = "kubernaut_audit_pending"
LAG = "kubernaut_audit_lag_seconds"


class AuditLag(Collector):
    """The executions, each as `namespace/name`, of which something is not recorded yet, and since when."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}

    def behind(self, execution: str, since: datetime) -> None:
        """The store was not told what happened at that time."""
        self._since[execution] = since

    def caught_up(self, execution: str) -> None:
        """The store was told everything, or there is nothing to tell."""
        self._since.pop(execution, None)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The families without values."""
        yield GaugeMetricFamily(BEHIND, "Executions of which the audit log does not have everything.")
        yield GaugeMetricFamily(LAG, "How long the oldest transition has waited for the audit log.")

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families as they stand now."""
        behind, lag = self.describe()
        now = current_clock().now()
        behind.add_metric([], len(self._since))
        lag.add_metric([], max(((now - since).total_seconds() for since in self._since.values()), default=0.0))
        yield behind
        yield lag

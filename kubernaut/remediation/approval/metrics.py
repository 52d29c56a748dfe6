"""How many approvals are waited for, and for how long the oldest has been."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kubernaut.remediation.approval.types import ApprovalRequest
from kubernaut.timing import current_clock

WAITING = "kubernaut_approvals_waiting"
OLDEST = "kubernaut_approvals_waiting_oldest_seconds"


class ApprovalMetrics(Collector):
    """Looks at the requests when it is asked, so that one which was deleted is not counted for ever.

    `requests` gives them as the cache has them; where it raises LookupError or RuntimeError (no cache, not running)
    nothing is told.
    """

    def __init__(self, requests: Callable[[], Iterable[ApprovalRequest]]) -> None:
        self._requests = requests

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The families without values."""
        yield GaugeMetricFamily(WAITING, "ApprovalRequests that nobody has decided.")
        yield GaugeMetricFamily(OLDEST, "How long the oldest of them has waited.")

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families as they stand now."""
        try:
            requests = list(self._requests())
        except (LookupError, RuntimeError):
            return
        now = current_clock().now()
        pending = [request for request in requests if request.status.phase in (None, "pending")]
        ages = [(now - made).total_seconds() for each in pending if (made := each.metadata.creation_timestamp)]
        waiting, oldest = self.describe()
        waiting.add_metric([], len(pending))
        oldest.add_metric([], max(ages, default=0.0))
        yield waiting
        yield oldest

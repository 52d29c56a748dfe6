"""Plain counters and histograms that cost a fraction of a microsecond to record and are rendered when scraped."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

__all__ = ["Counted", "Histogram", "counter", "exponential", "gauge", "histogram"]


def exponential(start: float, factor: float, count: int) -> tuple[float, ...]:
    """`count` bucket bounds, each the one before times `factor` (client_golang's ExponentialBuckets)."""
    return tuple(accumulate([factor] * (count - 1), float.__mul__, initial=start))


class Histogram:
    """One histogram series. Record from one thread; another may read it meanwhile and sees a state at most one short.

    `bounds` are the upper bounds of the buckets, ascending; the last bucket, without a bound, is implied.
    """

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count `value` in the first bucket whose bound it does not exceed."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    @property
    def count(self) -> int:
        """How many values were recorded."""
        return sum(self._counts)

    @property
    def sum(self) -> float:
        """The sum of the values recorded."""
        return self._sum

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, how many values did not exceed it), the last one for all values."""
        labels = (*(repr(float(bound)) for bound in self._bounds), "+Inf")
        return list(zip(labels, accumulate(self._counts), strict=True))


class Counted:
    """A running total kept by somebody else, which may be replaced by a new one that starts at zero.

    A manager that runs again has new queues and recorders: their counts go on where the earlier ones stopped.
    """

    __slots__ = ("_before", "_source")

    def __init__(self) -> None:
        self._before = 0
        self._source: Callable[[], int] | None = None

    def follow(self, source: Callable[[], int]) -> None:
        """Count on with `source`, which is at zero or has not been followed yet."""
        self.freeze()
        self._source = source

    def freeze(self) -> None:
        """Keep the total as it is and let go of the source."""
        self._before = self.total()
        self._source = None

    def total(self) -> int:
        """The count of all sources followed so far."""
        return self._before + (self._source() if self._source is not None else 0)


# The families of prometheus_client that a collector makes by hand carry no `_created` series, which its own counters
# and histograms add unless a switch of the whole process is thrown.


def counter(name: str, documentation: str, labels: Sequence[str] = ()) -> CounterMetricFamily:
    """An empty family of counters; its samples end in `_total`."""
    return CounterMetricFamily(name, documentation, labels=labels)


def gauge(name: str, documentation: str, labels: Sequence[str] = ()) -> GaugeMetricFamily:
    """An empty family of gauges."""
    return GaugeMetricFamily(name, documentation, labels=labels)


def histogram(name: str, documentation: str, labels: Sequence[str] = ()) -> HistogramMetricFamily:
    """An empty family of histograms; give it `buckets()` and `sum`."""
    return HistogramMetricFamily(name, documentation, labels=labels)

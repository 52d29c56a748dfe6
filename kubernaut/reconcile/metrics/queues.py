"""The queues' figures, read when scraped, under client-go's and controller-runtime's names (pkg/internal/metrics)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from prometheus_client.core import Metric

from kubernaut.reconcile.metrics.controllers import ControllerMetrics
from kubernaut.reconcile.metrics.series import Counted, counter, gauge, histogram

__all__ = ["PRIORITY_LIMIT", "QueueFigures", "QueueReader", "queue_families"]

PRIORITY_LIMIT = 25
"""Priorities that get a series of their own; keys of any further priority share one."""
OTHER_PRIORITIES = "exceeded_cardinality_limit"


class QueueFigures(Protocol):
    """What is read of a queue."""

    @property
    def adds(self) -> int:
        """Keys added, ever."""
        ...

    @property
    def retries(self) -> int:
        """Keys added with a delay, ever."""
        ...

    def depth(self) -> Mapping[int, int]:
        """Keys ready to be taken, by priority."""
        ...

    def unfinished(self, now: float) -> tuple[float, float]:
        """Seconds of work in process at loop time `now`: the sum, and the longest."""
        ...


class QueueReader:
    """Reads one queue after the other under one name."""

    def __init__(self) -> None:
        self.adds = Counted()
        self.retries = Counted()
        self._queue: QueueFigures | None = None
        self._now: Callable[[], float] = float
        # A priority once seen keeps its series, at 0 when no key has it: a gauge that vanishes would look stuck.
        self._priorities: dict[int, None] = {0: None}

    def follow(self, queue: QueueFigures, now: Callable[[], float]) -> Callable[[], None]:
        """Read `queue`, which keeps the time `now`, from here on; call what is returned when it is at its end."""
        self.adds.follow(lambda: queue.adds)
        self.retries.follow(lambda: queue.retries)
        self._queue, self._now = queue, now

        def end() -> None:
            if self._queue is queue:
                self.adds.freeze()
                self.retries.freeze()
                self._queue = None

        return end

    def depth(self) -> dict[str, int]:
        """Keys ready to be taken, by the label of their priority."""
        found = self._queue.depth() if self._queue is not None else {}
        depth = {str(priority): 0 for priority in self._priorities}
        for priority, count in found.items():
            if priority not in self._priorities and len(self._priorities) < PRIORITY_LIMIT:
                self._priorities[priority] = None
            label = str(priority) if priority in self._priorities else OTHER_PRIORITIES
            depth[label] = depth.get(label, 0) + count
        return depth

    def unfinished(self) -> tuple[float, float]:
        """Seconds of work in process: the sum, and the longest."""
        return self._queue.unfinished(self._now()) if self._queue is not None else (0.0, 0.0)


def queue_families(queues: Mapping[str, QueueReader], controllers: Mapping[str, ControllerMetrics]) -> Iterator[Metric]:
    """The families `workqueue_*`; the queue's name is the controller's, as in controller-runtime."""
    names = ("name", "controller")
    depth = gauge("workqueue_depth", "Current depth of workqueue by workqueue and priority", (*names, "priority"))
    adds = counter("workqueue_adds_total", "Total number of adds handled by workqueue", names)
    waits = histogram("workqueue_queue_duration_seconds", "Seconds that a key is ready before it is taken", names)
    works = histogram("workqueue_work_duration_seconds", "Seconds that processing a key takes", names)
    unfinished = gauge(
        "workqueue_unfinished_work_seconds", "Seconds of work in process, not yet in work_duration", names
    )
    longest = gauge("workqueue_longest_running_processor_seconds", "Seconds of the longest work in process", names)
    retries = counter("workqueue_retries_total", "Total number of keys added with a delay", names)
    for name, queue in queues.items():
        labels = (name, name)
        for priority, count in queue.depth().items():
            depth.add_metric((*labels, priority), count)
        adds.add_metric(labels, queue.adds.total())
        retries.add_metric(labels, queue.retries.total())
        total, most = queue.unfinished()
        unfinished.add_metric(labels, total)
        longest.add_metric(labels, most)
    for name, figures in controllers.items():
        waits.add_metric((name, name), figures.queue_seconds.buckets(), figures.queue_seconds.sum)
        works.add_metric((name, name), figures.work_seconds.buckets(), figures.work_seconds.sum)
    yield from (depth, adds, waits, works, unfinished, longest, retries)

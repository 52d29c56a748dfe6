"""The controllers' own figures, under controller-runtime's names (pkg/internal/controller/metrics)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import Metric

from kubernaut.reconcile.metrics.series import Histogram, counter, exponential, gauge, histogram

__all__ = ["RESULTS", "ControllerMetrics", "controller_families"]

RESULTS = ("success", "error", "requeue", "requeue_after")
"""What a reconcile comes to: done; failed; has a stale view and is to run again; is done and wants to run later."""

RECONCILE_SECONDS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    *(1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0, 25.0, 30.0),
    *(40.0, 50.0, 60.0),
)
QUEUE_SECONDS = exponential(10e-9, 10, 12)


class ControllerMetrics:
    """One controller's figures. Every call is a few additions: nothing is looked up by label.

    `queue_time(seconds)` and `work_time(seconds)` are for the queue: how long a key was ready before a worker took it,
    and how long the worker had it.
    """

    __slots__ = (
        "_reconcile_time",
        "_work_time",
        "active",
        "max_concurrent",
        "name",
        "panics",
        "queue_seconds",
        "queue_time",
        "reconcile_seconds",
        "results",
        "terminals",
        "timeouts",
        "work_seconds",
        "work_time",
    )

    def __init__(self, name: str, max_concurrent: int) -> None:
        self.name = name
        self.max_concurrent = max_concurrent
        self.active = 0
        self.results: dict[str, int] = dict.fromkeys(RESULTS, 0)
        self.panics = 0
        self.terminals = 0
        self.timeouts = 0
        self.reconcile_seconds = Histogram(RECONCILE_SECONDS)
        self.queue_seconds = Histogram(QUEUE_SECONDS)
        self.work_seconds = Histogram(QUEUE_SECONDS)
        self._reconcile_time = self.reconcile_seconds.observe
        self.queue_time = self.queue_seconds.observe
        self.work_time = self.work_seconds.observe

    def started(self) -> None:
        """A worker took up a key."""
        self.active += 1

    def ended(self) -> None:
        """The worker is finished with the key."""
        self.active -= 1

    def observe(self, result: str, seconds: float) -> None:
        """A reconcile came to `result`, one of RESULTS, after `seconds`; "error" counts as an error as well.

        Raises KeyError for another result.
        """
        self.results[result] += 1
        self._reconcile_time(seconds)

    def panic(self) -> None:
        """The reconciler broke the protocol itself.

        An exception is what an error is in Go: ordinary, retried, and counted by its result. Counted here is what
        only a defect brings about: an exception that is no `Exception`, a cancellation that nobody asked for let out
        of the reconciler, an answer that is no `Result`. Call `observe("error", ...)` too, as controller-runtime does
        for a panic that it recovers.
        """
        self.panics += 1

    def terminal(self) -> None:
        """The reconcile failed and is not retried; call `observe("error", ...)` too."""
        self.terminals += 1

    def timeout(self) -> None:
        """The controller's own time-out cut the reconcile off; call `observe("error", ...)` too."""
        self.timeouts += 1


def controller_families(controllers: Mapping[str, ControllerMetrics]) -> Iterator[Metric]:
    """The families `controller_runtime_*`, with every label value there from the start, at 0."""
    prefix = "controller_runtime_"
    results = counter(
        f"{prefix}reconcile_total", "Total number of reconciliations per controller", ("controller", "result")
    )
    errors = counter(f"{prefix}reconcile_errors_total", "Total number of failed reconciliations", ("controller",))
    terminals = counter(
        f"{prefix}terminal_reconcile_errors_total", "Total number of failures that are not retried", ("controller",)
    )
    panics = counter(
        f"{prefix}reconcile_panics_total", "Total number of reconciliations that broke the protocol", ("controller",)
    )
    timeouts = counter(
        f"{prefix}reconcile_timeouts_total",
        "Total number of reconciliations cut off by their time-out",
        ("controller",),
    )
    seconds = histogram(f"{prefix}reconcile_time_seconds", "Length of time per reconciliation", ("controller",))
    limits = gauge(f"{prefix}max_concurrent_reconciles", "Most reconciliations at once per controller", ("controller",))
    active = gauge(f"{prefix}active_workers", "Number of workers at work per controller", ("controller",))
    for name, figures in controllers.items():
        for result, count in figures.results.items():
            results.add_metric((name, result), count)
        errors.add_metric((name,), figures.results["error"])
        terminals.add_metric((name,), figures.terminals)
        panics.add_metric((name,), figures.panics)
        timeouts.add_metric((name,), figures.timeouts)
        seconds.add_metric((name,), figures.reconcile_seconds.buckets(), figures.reconcile_seconds.sum)
        limits.add_metric((name,), figures.max_concurrent)
        active.add_metric((name,), figures.active)
    yield from (results, errors, terminals, panics, timeouts, seconds, limits, active)

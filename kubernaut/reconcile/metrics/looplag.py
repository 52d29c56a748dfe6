"""How late the event loop runs its timers: what blocks it delays lease renewals, watches and reconciles alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import anyio
from prometheus_client.core import Metric

from kubernaut.reconcile.metrics.series import Histogram, gauge, histogram
from kubernaut.timing import virtual_time

__all__ = ["LAG_INTERVAL", "LoopLag"]

LAG_INTERVAL = 0.5
"""Seconds between two measurements."""
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)


class LoopLag:
    """Measures while `run` runs. `last` and `worst` are in seconds."""

    def __init__(self) -> None:
        self.last = 0.0
        self.worst = 0.0
        self.seconds = Histogram(LAG_SECONDS)

    async def run(self) -> None:
        """Measure until cancelled. Virtual time waits for the loop, so there is no lag: no timer is set then."""
        if virtual_time() is not None:
            await asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_INTERVAL
            await anyio.sleep_until(due)
            self.record(loop.time() - due)

    def record(self, seconds: float) -> None:
        """Note that a timer ran `seconds` late."""
        self.last = max(0.0, seconds)
        self.worst = max(self.worst, self.last)
        self.seconds.observe(self.last)

    def families(self) -> Iterator[Metric]:
        """The families `kubernaut_event_loop_*`."""
        seconds = histogram("kubernaut_event_loop_lag_seconds", "Seconds by which the event loop ran its timers late")
        seconds.add_metric((), self.seconds.buckets(), self.seconds.sum)
        worst = gauge("kubernaut_event_loop_lag_worst_seconds", "The longest lag of the event loop since the start")
        worst.add_metric((), self.worst)
        yield from (seconds, worst)

"""The event loop's lag: measured on an ordinary loop, without a timer in virtual time."""

import asyncio
import time

import pytest

from kubernaut.reconcile.metrics import RuntimeMetrics
from kubernaut.reconcile.metrics import looplag as module
from tests.reconcile.metrics.helpers import scraped


async def test_a_loop_that_is_blocked_lags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAG_INTERVAL", 0.001)
    metrics = RuntimeMetrics()
    task = asyncio.create_task(metrics.measure_loop_lag())
    await asyncio.sleep(0)
    time.sleep(0.03)  # noqa: ASYNC251 - the block that is to be measured
    while not metrics.loop_lag.seconds.count:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert metrics.loop_lag.worst >= 0.025
    found = scraped(metrics)
    assert found["kubernaut_event_loop_lag_worst_seconds"][()] == pytest.approx(metrics.loop_lag.worst)
    assert found["kubernaut_event_loop_lag_seconds_sum"][()] >= 0.025


def test_the_last_and_the_worst_are_kept() -> None:
    lag = RuntimeMetrics().loop_lag
    for seconds in (0.5, 2.0, -0.0001):  # timers may run early by the clock's resolution
        lag.record(seconds)
    assert (lag.last, lag.worst, lag.seconds.count) == (0.0, 2.0, 3)


@pytest.mark.virtual_time
async def test_in_virtual_time_no_timer_is_set() -> None:
    metrics = RuntimeMetrics()
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(metrics.measure_loop_lag())
    for _ in range(10):
        await asyncio.sleep(0)
    assert (loop.time(), task.done(), metrics.loop_lag.seconds.count) == (0, False, 0)
    assert loop._scheduled == []  # type: ignore[attr-defined]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

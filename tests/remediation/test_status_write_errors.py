"""A status that the server does not take leaves an execution standing still: that is counted, for operators to see."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from kubernaut.client import Forbidden, ServiceUnavailable
from kubernaut.reconcile import RequeueError
from kubernaut.remediation.execution.metrics import ExecutionMetrics

NAME = "kubernaut_execution_status_write_errors_total"


@pytest.fixture
def counted(world: Any) -> Any:
    world.metrics = ExecutionMetrics(since=world.time)
    world.configure(metrics=world.metrics)
    world.create()
    return world


def lines(world: Any) -> list[str]:
    registry = CollectorRegistry()
    registry.register(world.metrics)
    return [line for line in generate_latest(registry).decode().splitlines() if line.startswith(NAME)]


def refusing(world: Any, code: int) -> None:
    world.faults.append(lambda request: (code, "no") if request.path.endswith("/status") else None)


async def test_what_the_server_refuses_is_counted_by_its_reason(counted: Any) -> None:
    refusing(counted, 403)
    for _ in range(2):
        with pytest.raises(Forbidden):
            await counted.step()
    counted.faults.clear()
    refusing(counted, 503)
    with pytest.raises(ServiceUnavailable):
        await counted.step()
    assert lines(counted) == [f'{NAME}{{reason="Forbidden"}} 2.0', f'{NAME}{{reason="ServiceUnavailable"}} 1.0']


async def test_what_others_wrote_at_the_same_time_is_no_error(counted: Any) -> None:
    refusing(counted, 409)
    with pytest.raises(RequeueError):
        await counted.step()
    assert lines(counted) == []


async def test_an_ordinary_execution_counts_nothing(counted: Any) -> None:
    await counted.run_to_job()
    counted.finish()
    await counted.settle()
    assert counted.status["phase"] == "rollback_ready" and lines(counted) == []


async def test_nothing_is_counted_without_metrics(world: Any) -> None:
    world.create()
    refusing(world, 403)
    with pytest.raises(Forbidden):
        await world.step()

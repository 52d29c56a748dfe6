"""The controllers' figures, as in controller-runtime's pkg/internal/controller/controller_test.go."""

import pytest
from prometheus_client import generate_latest

from kubernaut.reconcile.metrics import RESULTS, RuntimeMetrics
from tests.reconcile.metrics.helpers import scraped

COUNTERS = ("errors", "panics", "timeouts")


def test_all_values_are_there_from_the_start() -> None:
    metrics = RuntimeMetrics()
    metrics.controller("widget", 3)
    found = scraped(metrics)
    assert found["controller_runtime_reconcile_total"] == {("widget", result): 0 for result in RESULTS}
    for name in COUNTERS:
        assert found[f"controller_runtime_reconcile_{name}_total"] == {("widget",): 0}
    assert found["controller_runtime_terminal_reconcile_errors_total"] == {("widget",): 0}
    assert found["controller_runtime_max_concurrent_reconciles"] == {("widget",): 3}
    assert found["controller_runtime_active_workers"] == {("widget",): 0}
    assert found["controller_runtime_reconcile_time_seconds_count"] == {("widget",): 0}


@pytest.mark.parametrize("result", ["success", "error", "requeue", "requeue_after"])
def test_each_result_is_counted(result: str) -> None:
    metrics = RuntimeMetrics()
    metrics.controller("widget", 1).observe(result, 0.01)
    metrics.controller("other", 1)
    counted = scraped(metrics)["controller_runtime_reconcile_total"]
    assert {key for key, value in counted.items() if value} == {("widget", result)}


def test_an_error_is_counted_as_an_error_too() -> None:
    metrics = RuntimeMetrics()
    figures = metrics.controller("widget", 1)
    for result in ("success", "requeue", "requeue_after", "error", "error"):
        figures.observe(result, 0.01)
    assert scraped(metrics)["controller_runtime_reconcile_errors_total"] == {("widget",): 2}


def test_a_result_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError):
        RuntimeMetrics().controller("widget", 1).observe("retry", 0.01)


def test_terminal_errors_panics_and_timeouts_are_counted() -> None:
    metrics = RuntimeMetrics()
    figures = metrics.controller("widget", 1)
    figures.terminal()
    for _ in range(2):
        figures.panic()
    for _ in range(3):
        figures.timeout()
    found = scraped(metrics)
    assert found["controller_runtime_terminal_reconcile_errors_total"] == {("widget",): 1}
    assert found["controller_runtime_reconcile_panics_total"] == {("widget",): 2}
    assert found["controller_runtime_reconcile_timeouts_total"] == {("widget",): 3}


def test_active_workers_come_and_go() -> None:
    metrics = RuntimeMetrics()
    figures = metrics.controller("widget", 2)
    figures.started()
    figures.started()
    assert scraped(metrics)["controller_runtime_active_workers"] == {("widget",): 2}
    figures.ended()
    assert scraped(metrics)["controller_runtime_active_workers"] == {("widget",): 1}


def test_the_time_of_a_reconcile_falls_into_its_bucket() -> None:
    metrics = RuntimeMetrics()
    figures = metrics.controller("widget", 1)
    for seconds in (0.004, 0.005, 0.0051, 61.0):
        figures.observe("success", seconds)
    found = scraped(metrics)
    buckets = found["controller_runtime_reconcile_time_seconds_bucket"]
    assert [buckets["widget", bound] for bound in ("0.005", "0.01", "60.0", "+Inf")] == [2, 3, 3, 4]
    assert found["controller_runtime_reconcile_time_seconds_count"] == {("widget",): 4}
    assert found["controller_runtime_reconcile_time_seconds_sum"]["widget",] == pytest.approx(61.0141)


def test_the_buckets_of_the_reconcile_time_are_controller_runtimes() -> None:
    metrics = RuntimeMetrics()
    metrics.controller("widget", 1)
    bounds = [float(bound) for _, bound in scraped(metrics)["controller_runtime_reconcile_time_seconds_bucket"]]
    assert bounds == [
        *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25),
        *(1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60, float("inf")),
    ]


def test_counts_go_on_when_a_manager_runs_again() -> None:
    metrics = RuntimeMetrics()
    first = metrics.controller("widget", 1)
    first.observe("success", 0.1)
    first.started()  # cut off in the middle
    second = metrics.controller("widget", 4)
    second.observe("success", 0.1)
    found = scraped(metrics)
    assert found["controller_runtime_reconcile_total"]["widget", "success"] == 2
    assert found["controller_runtime_active_workers"] == {("widget",): 0}
    assert found["controller_runtime_max_concurrent_reconciles"] == {("widget",): 4}


def test_the_types_are_controller_runtimes() -> None:
    metrics = RuntimeMetrics()
    metrics.controller("widget", 1)
    text = generate_latest(metrics.registry).decode()
    for name, kind in {
        "controller_runtime_reconcile_total": "counter",
        "controller_runtime_reconcile_errors_total": "counter",
        "controller_runtime_terminal_reconcile_errors_total": "counter",
        "controller_runtime_reconcile_panics_total": "counter",
        "controller_runtime_reconcile_timeouts_total": "counter",
        "controller_runtime_reconcile_time_seconds": "histogram",
        "controller_runtime_max_concurrent_reconciles": "gauge",
        "controller_runtime_active_workers": "gauge",
        "workqueue_depth": "gauge",
        "workqueue_adds_total": "counter",
        "workqueue_queue_duration_seconds": "histogram",
        "workqueue_work_duration_seconds": "histogram",
        "workqueue_unfinished_work_seconds": "gauge",
        "workqueue_longest_running_processor_seconds": "gauge",
        "workqueue_retries_total": "counter",
        "rest_client_requests_total": "counter",
        "rest_client_request_duration_seconds": "histogram",
        "leader_election_master_status": "gauge",
        "certwatcher_read_certificate_total": "counter",
        "certwatcher_read_certificate_errors_total": "counter",
    }.items():
        assert f"# TYPE {name} {kind}\n" in text

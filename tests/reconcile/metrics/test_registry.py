"""All of a manager's metrics in one registry: their names, who owns it, and what else is in it."""

import re

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Counter, generate_latest

from kubernaut.reconcile.metrics import RuntimeMetrics
from tests.reconcile.metrics.helpers import scraped


@pytest.fixture
def metrics() -> RuntimeMetrics:
    metrics = RuntimeMetrics()
    metrics.controller("widget", 1).observe("success", 0.1)
    metrics.leader("widgets", True)
    return metrics


def test_no_series_say_when_they_were_created(metrics: RuntimeMetrics) -> None:
    assert "_created" not in generate_latest(metrics.registry).decode()


def test_a_switch_of_the_process_is_not_thrown(metrics: RuntimeMetrics) -> None:
    registry = CollectorRegistry()
    Counter("of_the_host", "a counter beside ours", registry=registry)
    assert "of_the_host_created" in generate_latest(registry).decode()


def test_without_a_registry_it_has_one_of_its_own_with_the_process(metrics: RuntimeMetrics) -> None:
    assert metrics.registry is not REGISTRY
    assert RuntimeMetrics().registry is not metrics.registry
    assert set(scraped(metrics)) >= {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"}


def test_a_given_registry_gets_the_runtimes_metrics_and_no_more() -> None:
    registry = CollectorRegistry()
    metrics = RuntimeMetrics(registry)
    metrics.controller("widget", 1)
    assert "controller_runtime_reconcile_total" in scraped(metrics)
    assert "process_cpu_seconds_total" not in scraped(metrics)


def test_two_managers_on_one_registry_are_refused_with_the_way_out() -> None:
    registry = CollectorRegistry()
    first = RuntimeMetrics(registry)
    with pytest.raises(ValueError, match=r"such as certwatcher_.* give each manager a registry of its own"):
        RuntimeMetrics(registry)
    first.close()
    first.close()
    RuntimeMetrics(registry)


def test_a_metric_of_the_hosts_with_one_of_our_names_is_refused() -> None:
    registry = CollectorRegistry()
    Counter("workqueue_adds", "not ours", registry=registry)
    with pytest.raises(ValueError, match="workqueue_adds"):
        RuntimeMetrics(registry)


def test_what_is_described_is_what_is_collected(metrics: RuntimeMetrics) -> None:
    described = [(family.name, family.type) for family in metrics.describe()]
    assert described == [(family.name, family.type) for family in metrics.collect()]
    assert len(described) == len(set(described))


def test_every_name_is_upstreams_or_begins_with_ours(metrics: RuntimeMetrics) -> None:
    prefixes = "controller_runtime_|workqueue_|rest_client_|leader_election_|certwatcher_|kubernaut_"
    assert all(re.match(prefixes, family.name) for family in metrics.collect())


def test_leadership_is_shown_by_lease(metrics: RuntimeMetrics) -> None:
    metrics.leader("standby", False)
    assert scraped(metrics)["leader_election_master_status"] == {("widgets",): 1, ("standby",): 0}
    metrics.leader("widgets", False)
    assert scraped(metrics)["leader_election_master_status"]["widgets",] == 0


def test_dropped_events_are_read_from_one_recorder_after_the_other(metrics: RuntimeMetrics) -> None:
    dropped = [3]
    end = metrics.events_dropped(lambda: dropped[0])
    assert scraped(metrics)["kubernaut_events_dropped_total"] == {(): 3}
    end()
    dropped[0] = 9
    metrics.events_dropped(lambda: 2)
    assert scraped(metrics)["kubernaut_events_dropped_total"] == {(): 5}


def test_reads_of_certificates_are_counted_for_all_servers(metrics: RuntimeMetrics) -> None:
    class Files:
        reads = 4
        errors = 1

    files = Files()
    end = metrics.track_certificates(files)
    metrics.track_certificates(Files())
    found = scraped(metrics)
    assert found["certwatcher_read_certificate_total"] == {(): 8}
    assert found["certwatcher_read_certificate_errors_total"] == {(): 2}
    end()
    files.reads = 100  # nobody looks at it any more
    assert scraped(metrics)["certwatcher_read_certificate_total"] == {(): 8}


def test_picking_a_name_leaves_the_others_out(metrics: RuntimeMetrics) -> None:
    picked = metrics.registry.restricted_registry(["controller_runtime_reconcile_total"])
    text = generate_latest(picked).decode()
    assert 'controller_runtime_reconcile_total{controller="widget",result="success"} 1.0' in text
    assert "workqueue" not in text

"""What /metrics tells of requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from kubernaut.remediation.machine import Transition
from kubernaut.remediation.request import RemediationRequest, RequestMetrics
from tests.remediation.request.world import TARGET, signal

START = datetime(2024, 1, 1, tzinfo=UTC)


def request(*entered: tuple[str, str | None, int], uid: str = "u1") -> RemediationRequest:
    spec = {"signal": signal(), "target": TARGET}
    made = RemediationRequest.from_dict({"metadata": {"name": "r", "namespace": "shop", "uid": uid}, "spec": spec})
    made.status.transitions = [
        Transition(phase=phase, reason=reason, time=START + timedelta(seconds=at)) for phase, reason, at in entered
    ]
    return made


def shown(metrics: RequestMetrics, name: str, **labels: Any) -> float | None:
    registry = CollectorRegistry()
    registry.register(metrics)
    return registry.get_sample_value(name, labels)


STORY = (
    ("pending", None, 0),
    ("blocked", "TargetBusy", 1),
    ("pending", None, 11),
    ("processing", None, 12),
    ("analyzing", None, 20),
    ("executing", None, 25),
    ("recovering", "RecoveryInitiated", 85),
    ("manual_review", "AnalysisInconclusive", 90),
    ("completed", "ResolvedByPerson", 1000),
)


def test_what_happened_is_counted_once() -> None:
    metrics = RequestMetrics(since=START)
    for length in range(len(STORY) + 1):
        metrics.observe(request(*STORY[:length]))
        metrics.observe(request(*STORY[:length]))
    ended = shown(metrics, "kubernaut_remediations_total", outcome="completed", reason="ResolvedByPerson")
    assert ended == 1
    assert shown(metrics, "kubernaut_remediations_blocked_total", reason="TargetBusy") == 1
    assert shown(metrics, "kubernaut_remediations_recoveries_total") == 1
    assert shown(metrics, "kubernaut_remediations_manual_reviews_total", reason="AnalysisInconclusive") == 1
    assert shown(metrics, "kubernaut_remediations_phase_duration_seconds_sum", phase="executing") == 60
    assert shown(metrics, "kubernaut_remediations_phase_duration_seconds_count", phase="pending") == 2


def test_what_happened_before_this_process_was_counted_by_another() -> None:
    metrics = RequestMetrics(since=START + timedelta(seconds=50))
    metrics.observe(request(*STORY))
    assert shown(metrics, "kubernaut_remediations_blocked_total", reason="TargetBusy") is None
    assert shown(metrics, "kubernaut_remediations_recoveries_total") == 1

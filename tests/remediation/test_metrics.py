"""What is counted, once each, whatever is repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kubernaut.remediation.approval import ApprovalRequest
from kubernaut.remediation.approval.metrics import ApprovalMetrics
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.execution.auditing.lag import AuditLag
from kubernaut.remediation.execution.metrics import ExecutionMetrics
from kubernaut.testing import run_virtual
from kubernaut.timing import current_clock

START = datetime(2024, 1, 1, tzinfo=UTC)
POLICY = {"allowed": True, "requiredApproval": True, "evaluator": "rego"}


def execution(*phases: tuple[str, float], uid: str = "u1", reason: str | None = None) -> KubernetesExecution:
    transitions: list[dict[str, Any]] = [
        {"phase": phase, "time": (START + timedelta(seconds=after)).isoformat()} for phase, after in phases
    ]
    if reason:
        transitions[-1]["reason"] = reason
    spec = {"action": "scale-deployment", "target": {"kind": "Deployment", "name": "web", "namespace": "shop"}}
    status = {"transitions": transitions, "validationResults": {"policyValidation": POLICY}}
    return KubernetesExecution.from_dict(
        {"metadata": {"name": uid, "namespace": "shop", "uid": uid}, "spec": spec, "status": status}
    )


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


PHASES = [("validating", 0.0), ("validated", 2.0), ("executing", 62.0), ("rollback_ready", 70.0)]


def test_an_execution_is_counted_once_however_often_it_is_seen(registry: CollectorRegistry) -> None:
    metrics = ExecutionMetrics(since=START)
    registry.register(metrics)
    for seen in (1, 1, 3, 4, 4):
        metrics.observe(execution(*PHASES[:seen]))
    labels = {"action": "scale-deployment"}
    ended = {**labels, "outcome": "rollback_ready", "reason": ""}
    assert registry.get_sample_value("kubernaut_executions_total", ended) == 1
    for phase, seconds in (("validating", 2), ("validated", 60), ("executing", 8)):
        name = "kubernaut_execution_phase_duration_seconds"
        assert registry.get_sample_value(f"{name}_sum", {**labels, "phase": phase}) == seconds
        assert registry.get_sample_value(f"{name}_count", {**labels, "phase": phase}) == 1
    decided = {**labels, "decision": "approval", "evaluator": "rego"}
    assert registry.get_sample_value("kubernaut_policy_decisions_total", decided) == 1


def test_failures_carry_their_reason(registry: CollectorRegistry) -> None:
    metrics = ExecutionMetrics(since=START)
    registry.register(metrics)
    metrics.observe(execution(("validating", 0), ("failed", 1), reason="PolicyDenied"))
    ended = {"action": "scale-deployment", "outcome": "failed", "reason": "PolicyDenied"}
    assert registry.get_sample_value("kubernaut_executions_total", ended) == 1
    decided = {"action": "scale-deployment", "decision": "denied", "evaluator": "rego"}
    assert registry.get_sample_value("kubernaut_policy_decisions_total", decided) == 1


def test_what_another_process_saw_is_not_counted_again(registry: CollectorRegistry) -> None:
    metrics = ExecutionMetrics(since=START + timedelta(seconds=65))
    registry.register(metrics)
    metrics.observe(execution(*PHASES))
    ended = {"action": "scale-deployment", "outcome": "rollback_ready", "reason": ""}
    assert registry.get_sample_value("kubernaut_executions_total", ended) == 1
    assert (
        registry.get_sample_value(
            "kubernaut_execution_phase_duration_seconds_count", {"action": "scale-deployment", "phase": "validating"}
        )
        is None
    )


def test_actions_that_nobody_knows_are_counted_as_one(registry: CollectorRegistry) -> None:
    metrics = ExecutionMetrics(since=START, actions={"restart-pod"})
    registry.register(metrics)
    metrics.observe(execution(("validating", 0), ("failed", 1), reason="UnknownAction"))
    ended = {"action": "unknown", "outcome": "failed", "reason": "UnknownAction"}
    assert registry.get_sample_value("kubernaut_executions_total", ended) == 1


def test_the_approvals_that_wait_and_the_age_of_the_oldest(registry: CollectorRegistry) -> None:
    async def main() -> None:
        now = current_clock().now()

        def request(phase: str | None, age: float) -> ApprovalRequest:
            metadata = {"name": "x", "creationTimestamp": (now - timedelta(seconds=age)).isoformat()}
            subject = {"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u"}
            spec = {"subject": subject, "digest": "d", "requiredBy": now.isoformat()}
            return ApprovalRequest.from_dict({"metadata": metadata, "spec": spec, "status": {"phase": phase}})

        requests = [request("pending", 30), request(None, 90), request("approved", 999)]
        registry.register(ApprovalMetrics(lambda: requests))
        assert registry.get_sample_value("kubernaut_approvals_waiting") == 2
        assert registry.get_sample_value("kubernaut_approvals_waiting_oldest_seconds") == pytest.approx(90, abs=1)
        requests.clear()
        assert registry.get_sample_value("kubernaut_approvals_waiting") == 0

    run_virtual(main)


def test_nothing_is_told_of_approvals_where_there_is_no_cache(registry: CollectorRegistry) -> None:
    def not_running() -> list[ApprovalRequest]:
        raise RuntimeError("the manager is not running")

    registry.register(ApprovalMetrics(not_running))
    assert registry.get_sample_value("kubernaut_approvals_waiting") is None


def test_the_audit_log_s_lag(registry: CollectorRegistry) -> None:
    async def main() -> None:
        lag = AuditLag()
        registry.register(lag)
        assert registry.get_sample_value("kubernaut_audit_lag_seconds") == 0
        lag.behind("u1", current_clock().now() - timedelta(seconds=40))
        lag.behind("u2", current_clock().now() - timedelta(seconds=10))
        assert registry.get_sample_value("kubernaut_audit_pending") == 2
        assert registry.get_sample_value("kubernaut_audit_lag_seconds") == pytest.approx(40, abs=1)
        lag.caught_up("u1")
        assert registry.get_sample_value("kubernaut_audit_lag_seconds") == pytest.approx(10, abs=1)

    run_virtual(main)

"""A real API server takes the CRD, a workflow, and the longest status that we write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio

from kubernaut.remediation.execution.types import ObjectRef, ResolvedTarget
from kubernaut.remediation.workflow import WorkflowExecution, crds
from kubernaut.remediation.workflow.types import ExecutionSnapshot, Plan, RollbackResult, SnapshotStep, StepStatus
from tests.envtest import api_server, needs_envtest
from tests.remediation.workflow.shop import restart, workflow

pytestmark = needs_envtest
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NOW = datetime(2024, 1, 1, tzinfo=UTC)
STEPS = 16


def longest() -> WorkflowExecution:
    """Every field of the status, each as long as it may be."""
    made = workflow(*(restart(f"s{number}", timeout="1m") for number in range(STEPS)))
    status = made.status
    status.phase, status.error_type, status.failure_reason = "failed", "timeout", "x" * 4096
    status.plan = Plan(waves=[[0], [1]], after=[[], [0]], timeouts=[timedelta(minutes=1)] * 2)
    status.failed_step, status.failed_action, status.health = 0, "restart-deployment", "x" * 1024
    status.healthy_since = NOW
    status.monitored = ResolvedTarget(api_version="apps/v1", kind="Deployment", namespace="shop", name="web", uid="u")
    for number in range(STEPS):
        step = StepStatus(name=f"s{number}", state="failed", attempt=6, message="x" * 4096, output="x" * 4096)
        step.execution_ref = step.rollback_ref = ObjectRef(name="x" * 253, uid="x" * 36)
        step.start_time = step.completion_time = step.deadline = step.next_attempt = NOW
        step.lease, step.reason, step.error_type = "x" * 253, "x" * 128, "timeout"
        status.steps.append(step)
    done = [
        SnapshotStep(
            step_index=number,
            action="x" * 63,
            status="failed",
            duration=timedelta(1),
            output="x" * 1024,
            error="x" * 1024,
        )
        for number in range(STEPS)
    ]
    state = {f"Deployment/{number}": "x" * 512 for number in range(8)}
    status.execution_snapshot = ExecutionSnapshot(
        completed_steps=done, current_step=0, cluster_state=state, resource_snapshot="x" * 16384, timestamp=NOW
    )
    left = {f"s{number}": "x" * 512 for number in range(STEPS)}
    status.rollback = RollbackResult(success=False, rolled_back=["s1"], not_rolled_back=left, completion_time=NOW)
    return made


async def test_the_server_keeps_all_that_a_status_may_hold(tmp_path: Path) -> None:
    async with api_server(tmp_path) as client:
        answer = await client.post(CRDS, json=crds(validations=False)[0])
        assert answer.status_code == 201, answer.text
        made, model = longest(), WorkflowExecution.resource_type
        body = made.to_dict()
        body["metadata"]["namespace"] = "default"
        stored: Any = None
        for _ in range(50):
            stored = await client.post(model.path("default"), json={**body, "status": {}})
            if stored.status_code != 404:
                break
            await anyio.sleep(0.1)
        assert stored.status_code == 201, stored.text
        document = {**stored.json(), "status": body["status"]}
        written = await client.put(model.path("default", "heal", "status"), json=document)
        assert written.status_code == 200, written.text
        assert written.json()["status"] == body["status"]
        assert WorkflowExecution.from_dict(written.json()).status == made.status
        assert len(written.content) < 512 * 1024

"""Phase rolling_back: the inverse of each step, the last first; and what cannot be undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.policy import PolicyDecision, PolicyInput, PythonEvaluator, Violation
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.workflow.drafts import inverse_for
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.events_v1 import Event
from kubernaut.testing import Fault
from tests.remediation.workflow.shop import (
    API,
    EXECUTOR,
    carry_out,
    config,
    execution,
    execution_config,
    failing,
    leases,
    names,
    phases,
    replicas,
    restart,
    running,
    scale,
    scripted,
    status,
    workflow,
)

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1, declared=True)]
ASKER = {"username": "alice", "groups": ["system:masters"]}


async def test_what_was_done_is_undone_in_reverse_order(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-2-1": failing("Error from server (Conflict): no\n")})
        steps = (
            scale("web", 3),
            scale("api", 2, API, dependsOn=["web"]),
            restart("bad", dependsOn=["api"]),
        )
        done = await carry_out(cluster, *steps, requestedBy=ASKER, requireApproval=None)
        assert phases(done) == ["planning", "validating", "executing", "rolling_back", "failed"]
        # How it failed stays what is told; undoing has a result of its own.
        assert (done.error_type, done.reason, done.failed_step) == ("resource_conflict", "StepFailed", 2)
        assert (done.failed_action, done.completed_steps, done.total_steps) == ("restart-deployment", 2, 3)
        assert done.rollback and done.rollback.success and done.rollback.completion_time
        assert done.rollback.rolled_back == ["api", "web"] and done.rollback.not_rolled_back == {}
        assert [step.state for step in done.steps] == ["rolled_back", "rolled_back", "failed"]
        assert done.is_true("RolledBack") and done.completion_time
        assert (await replicas(cluster), await replicas(cluster, "api")) == (1, 1)
        assert await leases(cluster) == []
        undone = await execution(cluster, "heal-0-1-rollback")
        assert undone.spec.rollback_of and undone.spec.rollback_of.name == "heal-0-1"
        assert undone.spec.requested_by and undone.spec.requested_by.username == "alice"
        owner = undone.metadata.controller_reference()
        assert owner and owner.name == "heal"
        later, earlier = (
            undone.status.start_time,
            (await execution(cluster, "heal-1-1-rollback")).status.completion_time,
        )
        assert later and earlier and earlier <= later

        snapshot = done.execution_snapshot
        assert snapshot and [(each.step_index, each.status) for each in snapshot.completed_steps] == [
            (0, "completed"),
            (1, "completed"),
            (2, "failed"),
        ]
        assert snapshot.current_step == 2 and snapshot.timestamp and snapshot.completed_steps[0].duration
        assert snapshot.completed_steps[2].error and "Conflict" in snapshot.completed_steps[2].error
        assert snapshot.completed_steps[0].output and "scaled" in snapshot.completed_steps[0].output
        assert set(snapshot.cluster_state) == {"Deployment/web", "Deployment/api"}
        told = {each.reason for each in await cluster.client.list(Event, namespace="shop") if _is_about(each, "heal")}
        assert told >= {"Planning", "Validating", "Executing", "StepFailed", "WorkflowFailed", "RolledBack"}
        assert '"replicas":3' in snapshot.resource_snapshot, "as it was when the workflow failed"


def _is_about(event: Event, name: str) -> bool:
    return event.regarding is not None and event.regarding.name == name


async def test_where_nothing_can_be_undone_it_just_fails(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-1-1": failing()})
        done = await carry_out(cluster, restart("first"), scale("bad", 3))
        assert phases(done)[-2:] == ["executing", "failed"]
        assert done.rollback is None and done.condition("RolledBack") is None


async def test_what_somebody_has_changed_since_is_left_and_told_and_the_rest_is_undone(cluster: FakeCluster) -> None:
    async with running(cluster):
        slow = PodScript(run_time=timedelta(seconds=20), exit_code=1, log="no\n")
        scripted(cluster, {"heal-2-1": slow})
        steps = (scale("web", 3), scale("api", 2, API), restart("bad", dependsOn=["web", "api"]))
        await cluster.client.create(workflow(*steps))
        await cluster.advance(seconds=20)
        await cluster.client.patch(Deployment, "api", MergePatch({"spec": {"replicas": 7}}), namespace="shop")
        await cluster.advance(minutes=2)
        done = await status(cluster)
        assert done.phase == "failed" and done.rollback and not done.rollback.success
        assert done.rollback.rolled_back == ["web"]
        assert done.rollback.not_rolled_back["api"].startswith("TargetChanged: ")
        rolled = done.condition("RolledBack")
        assert rolled and (rolled.status, rolled.reason) == ("False", "RollbackIncomplete")
        assert (await replicas(cluster), await replicas(cluster, "api")) == (1, 7)


async def test_a_step_of_which_nobody_knows_what_it_did_is_told_as_not_undone(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-1-1": PodScript(run_time=timedelta(hours=1), exit_code=0)})
        steps = (scale("web", 3), scale("api", 2, API, dependsOn=["web"], timeout="30s"))
        done = await carry_out(cluster, *steps, minutes=5)
        assert done.rollback and done.rollback.rolled_back == ["web"] and not done.rollback.success
        assert "what it has changed is unknown" in done.rollback.not_rolled_back["api"]


async def test_an_inverse_that_the_policy_denies_is_told(cluster: FakeCluster) -> None:
    def only_up(asked: PolicyInput) -> PolicyDecision:
        down = asked.action == "scale-deployment" and asked.parameters["replicas"] < 2
        return PolicyDecision(allowed=not down, violations=(Violation("up", "never fewer than two"),) if down else ())

    async with running(cluster, config(execution_config(evaluator=PythonEvaluator(only_up)))):
        scripted(cluster, {"heal-1-1": failing()})
        done = await carry_out(cluster, scale("web", 3), restart("bad", API, dependsOn=["web"]))
        assert done.phase == "failed" and done.rollback
        assert done.rollback.not_rolled_back["web"].startswith("PolicyDenied: ")


@pytest.mark.parametrize("which", ["original", "inverse"])
async def test_an_execution_that_is_gone_is_told_and_not_waited_for(cluster: FakeCluster, which: str) -> None:
    async with running(cluster):
        slow = PodScript(run_time=timedelta(seconds=20), exit_code=1)
        scripted(
            cluster, {"heal-1-1": slow, "heal-0-1-rollback": PodScript(run_time=timedelta(minutes=2), exit_code=0)}
        )
        steps = (scale("web", 3), restart("bad", API, dependsOn=["web"]))
        await cluster.client.create(workflow(*steps))
        await cluster.advance(seconds=20 if which == "original" else 60)
        name = "heal-0-1" if which == "original" else "heal-0-1-rollback"
        assert name in await names(cluster)
        await cluster.client.delete(KubernetesExecution, name, namespace="shop")
        await cluster.advance(minutes=2)
        done = await status(cluster)
        assert done.phase == "failed" and done.rollback and not done.rollback.success
        assert "gone" in done.rollback.not_rolled_back["web"] or "Cancelled" in done.rollback.not_rolled_back["web"]


async def test_a_rollback_that_somebody_else_began_is_not_taken_for_its_own(cluster: FakeCluster) -> None:
    async with running(cluster):
        slow = PodScript(run_time=timedelta(seconds=20), exit_code=1)
        scripted(cluster, {"heal-1-1": slow})
        await cluster.client.create(workflow(scale("web", 3), restart("bad", API, dependsOn=["web"])))
        await cluster.advance(seconds=15)
        spec: dict[str, Any] = {"action": "restart-deployment", "target": API}
        metadata = {"name": "heal-0-1-rollback", "namespace": "shop"}
        await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": spec}))
        await cluster.advance(minutes=2)
        done = await status(cluster)
        assert done.phase == "failed" and done.rollback
        assert done.rollback.not_rolled_back["web"] == "heal-0-1-rollback exists and is not of this workflow"
        assert not done.is_true("ChildNameTaken")


async def test_a_step_that_cannot_be_read_does_not_keep_the_workflow_for_ever(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-1-1": PodScript(run_time=timedelta(seconds=20), exit_code=1)})
        await cluster.client.create(workflow(scale("web", 3), scale("api", 2, API, dependsOn=["web"])))
        await cluster.advance(seconds=20)
        assert (await status(cluster)).steps[0].state == "completed"
        cluster.faults.add(Fault.status(403), verb="get", resource="kubernetesexecutions", name="heal-0-1")
        await cluster.advance(minutes=10)
        done = await status(cluster)
        assert done.phase == "failed" and done.rollback and not done.rollback.success
        assert done.rollback.not_rolled_back["web"].startswith("its rollback cannot be read: ")
        assert await leases(cluster) == []


def hold_jobs(cluster: FakeCluster) -> None:
    """Let nobody see what is left of a Job, so that no execution counts as released."""
    cluster.faults.add(Fault.status(500), verb="list", resource="jobs", namespace=EXECUTOR)


async def test_the_next_is_not_undone_before_the_one_that_took_too_long_is_gone(cluster: FakeCluster) -> None:
    async with running(cluster):
        endless = PodScript(run_time=timedelta(days=1), exit_code=0)
        scripted(cluster, {"heal-2-1": failing(), "heal-1-1-rollback": endless})
        steps = (scale("first", 3), scale("second", 4, dependsOn=["first"]), restart("bad", dependsOn=["second"]))
        await cluster.client.create(workflow(*steps))
        await cluster.advance(seconds=50)
        assert (await execution(cluster, "heal-1-1-rollback")).status.phase == "executing"
        hold_jobs(cluster)
        await cluster.advance(minutes=20)
        assert (await status(cluster)).phase == "rolling_back"
        assert "heal-0-1-rollback" not in await names(cluster)
        assert len(list(await leases(cluster))) == 1
        cluster.faults.clear()
        await cluster.advance(minutes=2)
        done = await status(cluster)
        assert done.phase == "failed" and done.rollback and "heal-0-1-rollback" in await names(cluster)
        assert "did not end in time" in done.rollback.not_rolled_back["second"]


async def test_a_step_that_took_too_long_fails_once_it_is_gone(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-0-1": PodScript(run_time=timedelta(days=1), exit_code=0)})
        await cluster.client.create(workflow(scale("more", 3, timeout="30s")))
        await cluster.advance(seconds=20)
        hold_jobs(cluster)
        await cluster.advance(minutes=20)
        waits = await status(cluster)
        assert (waits.phase, waits.steps[0].state) == ("executing", "running")
        cluster.faults.clear()
        await cluster.advance(minutes=2)
        done = await status(cluster)
        assert (done.phase, done.steps[0].state, done.steps[0].uncertain) == ("failed", "failed", True)


def done_once(approved: bool) -> KubernetesExecution:
    back = {"available": True, "action": "scale-deployment", "target": API, "parameters": {"replicas": 1}}
    state: dict[str, Any] = {"phase": "rollback_ready", "rollbackInformation": back}
    if approved:
        state["approval"] = {"digest": "d", "decidedBy": "bob"}
    spec = {"action": "scale-deployment", "target": API, "parameters": {"replicas": 2}}
    metadata = {"name": "heal-0-1", "namespace": "shop", "uid": "u1"}
    return KubernetesExecution.from_dict({"metadata": metadata, "spec": spec, "status": state})


@pytest.mark.parametrize("approved", [False, True])
def test_undoing_needs_the_approval_that_the_workflow_demands_unless_the_step_had_one(approved: bool) -> None:
    asked = workflow(scale("api", 2, API), requireApproval="a holiday")
    inverse = inverse_for(asked, done_once(approved))
    assert inverse.spec.require_approval == (None if approved else "a holiday")
    assert inverse_for(workflow(scale("api", 2, API)), done_once(approved)).spec.require_approval is None

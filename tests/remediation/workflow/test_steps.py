"""Workflows on the fake cluster in virtual time: steps become executions, in their order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.remediation.execution import Approved, KubernetesExecution
from kubernaut.remediation.execution import Limits as ExecutionLimits
from kubernaut.remediation.machine import Fail, Wait
from kubernaut.remediation.workflow import workflows
from tests.remediation.workflow.shop import (
    API,
    WIDER,
    carry_out,
    config,
    execution,
    execution_config,
    failing,
    leases,
    names,
    phases,
    prepare,
    replicas,
    restart,
    running,
    scale,
    scripted,
    status,
    workflow,
)

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1, declared=True)]


async def test_two_steps_run_as_executions_and_the_workflow_is_completed_once_the_target_is_healthy(
    cluster: FakeCluster,
) -> None:
    async with running(cluster):
        asker = {"username": "alice", "uid": "u1", "groups": ["system:masters"]}
        done = await carry_out(cluster, scale("more", 3), restart("anew", dependsOn=["more"]), requestedBy=asker)
        assert done.phase == "completed", done.to_dict()
        assert phases(done) == ["planning", "validating", "executing", "monitoring", "completed"]
        assert (done.completed_steps, done.total_steps) == (2, 2)
        assert [step.state for step in done.steps] == ["completed", "completed"]
        assert await names(cluster) == ["heal-0-1", "heal-1-1"]
        assert await replicas(cluster) == 3
        assert done.completion_time is not None and done.error_type is None
        assert await leases(cluster) == []
        conditions = {each.type: each.status for each in done.conditions}
        assert conditions == dict.fromkeys(
            ("Planned", "Validated", "Executed", "Healthy", "Ready", "TargetsReleased"), "True"
        )

        first = await execution(cluster, "heal-0-1")
        owner = first.metadata.controller_reference()
        made_by = first.spec.workflow_execution_ref
        assert owner and made_by and (owner.kind, owner.name) == ("WorkflowExecution", "heal")
        assert (made_by.name, made_by.uid) == ("heal", owner.uid)
        assert first.spec.requested_by and first.spec.requested_by.to_dict() == asker
        assert first.spec.timeout == timedelta(seconds=30), "the action's own, written down"
        assert done.steps[0].output and "scaled" in done.steps[0].output


def overlap(one: KubernetesExecution, other: KubernetesExecution) -> bool:
    """Whether both were there at once, unfinished."""
    spans = []
    for each in (one, other):
        assert each.status.start_time and each.status.completion_time
        spans.append((each.status.start_time, each.status.completion_time))
    return spans[0][0] < spans[1][1] and spans[1][0] < spans[0][1]


async def test_independent_steps_run_side_by_side(cluster: FakeCluster) -> None:
    async with running(cluster):
        done = await carry_out(cluster, scale("web", 3), scale("api", 2, API))
        assert done.phase == "completed" and done.plan and done.plan.waves == [[0, 1]]
        assert overlap(await execution(cluster, "heal-0-1"), await execution(cluster, "heal-1-1"))


async def test_steps_that_must_not_run_side_by_side_follow_each_other(cluster: FakeCluster) -> None:
    async with running(cluster):
        for name, second, options in (
            ("one-at-a-time", scale("api", 2, API), {"maxParallel": 1}),
            ("dependent", scale("api", 3, API, dependsOn=["web"]), {}),
            ("same-target", restart("again"), {}),
        ):
            done = await carry_out(cluster, restart("web"), second, name=name, minutes=1, **options)
            assert done.phase == "completed", done.to_dict()
            first, other = await execution(cluster, f"{name}-0-1"), await execution(cluster, f"{name}-1-1")
            assert first.status.completion_time and other.status.start_time
            assert first.status.completion_time <= other.status.start_time


async def test_a_pod_and_the_deployment_that_it_belongs_to_are_one_target(cluster: FakeCluster) -> None:
    async with running(cluster, config(execution_config(catalog=WIDER))):
        pods = [each for each in cluster.dump() if each["kind"] == "Pod" and each["metadata"]["namespace"] == "shop"]
        name = next(each["metadata"]["name"] for each in pods if each["metadata"]["name"].startswith("web-"))
        pod = {"name": "pod", "action": "restart-pod", "target": {"kind": "Pod", "namespace": "shop", "name": name}}
        done = await carry_out(cluster, pod, scale("more", 2))
        assert done.phase == "completed", done.to_dict()
        assert done.steps[0].lease == done.steps[1].lease is not None
        assert not overlap(await execution(cluster, "heal-0-1"), await execution(cluster, "heal-1-1"))
        assert done.monitored and (done.monitored.kind, done.monitored.name) == ("Deployment", "web")


async def test_stop_begins_nothing_more_and_undoes_nothing(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-1-1": failing()})
        steps = (
            scale("more", 3),
            scale("bad", 2, API, onFailure="stop", dependsOn=["more"]),
            restart("never", dependsOn=["bad"]),
        )
        done = await carry_out(cluster, *steps)
        assert (done.phase, done.failed_step, done.failed_action) == ("failed", 1, "scale-deployment")
        assert [step.state for step in done.steps] == ["completed", "failed", "skipped"]
        assert done.rollback is None and done.condition("RolledBack") is None
        assert await replicas(cluster) == 3
        assert await names(cluster) == ["heal-0-1", "heal-1-1"]


async def test_continue_passes_over_a_failed_step_and_those_that_depend_on_it_go_on(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-0-1": failing()})
        bad = scale("bad", 3, onFailure="continue")
        done = await carry_out(cluster, bad, scale("next", 2, API, dependsOn=["bad"]))
        assert done.phase == "completed", done.to_dict()
        assert (done.completed_steps, done.total_steps) == (1, 2)
        assert "1 of 2 steps failed and were passed over" in (done.transitions[-2].message or "")
        assert done.failed_step is None and done.steps[0].state == "failed" and done.steps[0].reason == "ActionFailed"


async def test_what_waits_for_an_approval_is_withdrawn_when_another_step_fails(cluster: FakeCluster) -> None:
    class Never:
        watches: tuple[Any, ...] = ()
        permissions: tuple[Any, ...] = ()

        async def ask(self, execution: Any, ctx: Any) -> Any:
            if execution.name == "heal-0-1":
                return Approved(execution.status.spec_digest, "bob", ctx.clock.now())
            return Wait()

    settings = config(execution_config(approvals=Never()))
    async with running(cluster, settings):
        scripted(cluster, {"heal-0-1": failing()})
        steps = (scale("bad", 3), scale("waits", 2, API))
        done = await carry_out(cluster, *steps, requireApproval="the proposal is a guess", minutes=3)
        assert done.phase == "failed"
        assert [step.state for step in done.steps] == ["failed", "skipped"]
        assert done.steps[1].reason == "Withdrawn"
        assert await names(cluster) == ["heal-0-1"]
        assert await replicas(cluster, "api") == 1
        assert (await execution(cluster, "heal-0-1")).spec.require_approval == "the proposal is a guess"


# Another attempt.


async def test_an_idempotent_action_that_failed_is_tried_again_as_often_as_the_step_says(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {name: failing() for name in ("heal-0-1", "twice-0-1", "twice-0-2", "scale-0-1")})
        done = await carry_out(cluster, restart("anew", retries=2))
        assert done.phase == "completed" and done.steps[0].attempt == 2, done.to_dict()
        first, second = await execution(cluster, "heal-0-1"), await execution(cluster, "heal-0-2")
        assert first.status.completion_time and second.status.start_time
        assert second.status.start_time - first.status.completion_time >= timedelta(seconds=9)

        done = await carry_out(cluster, restart("anew", retries=1), name="twice", minutes=1)
        assert done.phase == "failed"

        # Nobody knows what a command has changed that ended in an error.
        done = await carry_out(cluster, scale("more", 3, retries=3), name="scale", minutes=1)
        assert done.phase == "failed"
        assert await names(cluster) == ["heal-0-1", "heal-0-2", "scale-0-1", "twice-0-1", "twice-0-2"]


async def test_what_was_refused_before_its_job_began_is_tried_again(cluster: FakeCluster) -> None:
    """Nothing was changed then, whatever the action is."""
    seen: list[str] = []

    class Moody:
        watches: tuple[Any, ...] = ()
        permissions: tuple[Any, ...] = ()

        async def ask(self, execution: Any, ctx: Any) -> Any:
            seen.append(execution.name)
            if execution.name.endswith("-1"):
                return Fail("DryRunTimeout", "no answer in time")
            return Approved(execution.status.spec_digest, "bob", ctx.clock.now())

    async with running(cluster, config(execution_config(approvals=Moody()))):
        done = await carry_out(cluster, scale("more", 3, retries=1), requireApproval="to be sure")
        assert done.phase == "completed", done.to_dict()
        assert sorted(set(seen)) == ["heal-0-1", "heal-0-2"]
        assert await replicas(cluster) == 3


# Limits.


async def test_a_step_that_hangs_ends_with_its_execution_s_own_deadline(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-0-1": PodScript(run_time=timedelta(hours=3), exit_code=0)})
        done = await carry_out(cluster, scale("more", 3, timeout="1m"), minutes=5)
        assert (done.phase, done.error_type) == ("failed", "timeout")
        assert done.steps[0].reason == "ExecutionTimeout" and done.steps[0].uncertain


async def test_a_step_whose_execution_nobody_carries_out_fails_after_its_own_deadline(cluster: FakeCluster) -> None:
    await prepare(cluster)
    settings = config(execution_config(limits=ExecutionLimits(approval=timedelta(minutes=1))))
    async with cluster.running(workflows(settings)):
        await cluster.client.create(workflow(scale("more", 3)))
        await cluster.advance(minutes=8)
        assert (await status(cluster)).phase == "executing"
        await cluster.advance(minutes=2)
        done = await status(cluster)
        assert (done.phase, done.error_type, done.steps[0].reason) == ("failed", "timeout", "StepTimeout")


async def test_a_name_that_somebody_else_has_is_waited_for_and_never_adopted(cluster: FakeCluster) -> None:
    async with running(cluster):
        spec = {"action": "restart-deployment", "target": API}
        metadata = {"name": "heal-0-1", "namespace": "shop"}
        await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": spec}))
        waits = await carry_out(cluster, scale("more", 3), minutes=2)
        assert waits.phase == "executing" and waits.is_true("ChildNameTaken")
        assert await replicas(cluster) == 1
        await cluster.client.delete(KubernetesExecution, "heal-0-1", namespace="shop")
        await cluster.advance(minutes=2)
        assert (await status(cluster)).phase == "completed" and await replicas(cluster) == 3

"""One workflow at a time on a target: the second waits visibly, and goes on later."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.workflow import Limits, WorkflowExecution
from kubernaut.resources import format_time
from tests.remediation.workflow.shop import (
    API,
    WEB,
    carry_out,
    config,
    execution,
    leases,
    replicas,
    restart,
    running,
    scale,
    scripted,
    status,
    workflow,
)

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1, declared=True)]
SLOW = PodScript(run_time=timedelta(seconds=40), exit_code=0)


async def test_the_second_workflow_waits_visibly_and_goes_on_when_the_first_has_ended(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"first-0-1": SLOW})
        first = await cluster.client.create(workflow(restart("anew"), name="first"))
        await cluster.advance(seconds=10)
        (lease,) = await leases(cluster)
        assert lease.spec.holder_identity == first.uid
        await cluster.client.create(workflow(scale("more", 3), name="second"))
        await cluster.advance(seconds=10)
        waits = await status(cluster, "second")
        busy = waits.condition("TargetBusy")
        assert waits.phase == "validating" and busy and busy.status == "True"
        assert "WorkflowExecution shop/first works on the target" in (busy.message or "")
        assert waits.deadline and waits.start_time and waits.deadline - waits.start_time > timedelta(minutes=59)

        # Not between two phases of the first either: it is still being monitored.
        await cluster.advance(seconds=30)
        assert (await status(cluster, "first")).phase == "monitoring"
        assert (await status(cluster, "second")).phase == "validating"
        await cluster.advance(minutes=2)
        done = await status(cluster, "second")
        busy = done.condition("TargetBusy")
        assert done.phase == "completed" and busy and busy.status == "False"
        assert await replicas(cluster) == 3 and await leases(cluster) == []


async def test_two_workflows_with_two_targets_in_opposite_order_both_end(cluster: FakeCluster) -> None:
    async with running(cluster):
        one = (scale("a", 2, WEB), scale("b", 2, API, dependsOn=["a"]))
        other = (scale("a", 3, API), scale("b", 3, WEB, dependsOn=["a"]))
        await cluster.client.create(workflow(*one, name="one"))
        await cluster.client.create(workflow(*other, name="other"))
        await cluster.advance(minutes=3)
        found = [await status(cluster, name) for name in ("one", "other")]
        assert [each.phase for each in found] == ["completed", "completed"]
        spans = sorted((each.transitions[2].time, each.completion_time) for each in found if each.completion_time)
        assert spans[0][1] and spans[0][1] <= spans[1][0], "one after the other"


async def test_a_turn_that_does_not_come_in_time_is_a_conflict(cluster: FakeCluster) -> None:
    settings = config(limits=Limits(stable=timedelta(seconds=10), turn=timedelta(seconds=20)))
    async with running(cluster, settings):
        scripted(cluster, {"first-0-1": SLOW})
        await cluster.client.create(workflow(restart("anew"), name="first"))
        await cluster.advance(seconds=5)
        done = await carry_out(cluster, scale("more", 3), name="second", minutes=0.5)
        assert (done.phase, done.reason, done.error_type) == ("failed", "TargetBusy", "resource_conflict")
        assert done.execution_snapshot and set(done.execution_snapshot.cluster_state) == {"Deployment/web"}
        assert '"replicas":1' in done.execution_snapshot.resource_snapshot
        assert await replicas(cluster) == 1


async def test_a_clock_that_is_set_back_cuts_no_turn_short(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"first-0-1": SLOW})
        await cluster.client.create(workflow(restart("anew"), name="first"))
        await cluster.advance(seconds=5)
        waiting = await carry_out(cluster, scale("more", 3), name="second", minutes=0.1)
        assert waiting.phase == "validating" and waiting.is_true("TargetBusy") and waiting.start_time
        told = [each.to_dict() for each in waiting.transitions]
        told[-1]["time"] = format_time(waiting.transitions[-1].time + timedelta(hours=1))
        patch = MergePatch({"status": {"transitions": told}})
        await cluster.client.patch(WorkflowExecution, "second", patch, namespace="shop", subresource="status")
        await cluster.advance(seconds=20)
        after = await status(cluster, "second")
        assert after.deadline and after.deadline - waiting.start_time > timedelta(minutes=59)


async def test_an_execution_of_nobody_s_waits_for_the_workflow_too(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-0-1": SLOW})
        await cluster.client.create(workflow(restart("anew")))
        await cluster.advance(seconds=10)
        spec = {"action": "scale-deployment", "target": WEB, "parameters": {"replicas": 4}}
        metadata = {"name": "fix", "namespace": "shop"}
        await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": spec}))
        await cluster.advance(seconds=10)
        waiting = (await execution(cluster, "fix")).status
        assert waiting.phase == "validated" and waiting.is_true("TargetBusy")
        await cluster.advance(minutes=2)
        assert (await execution(cluster, "fix")).status.phase == "rollback_ready"
        assert await leases(cluster) == []


async def test_a_workflow_that_is_deleted_while_it_waits_leaves_nothing(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"first-0-1": SLOW})
        await cluster.client.create(workflow(restart("anew"), name="first"))
        await cluster.advance(seconds=5)
        await cluster.client.create(workflow(scale("b", 3), scale("a", 2, API), name="second"))
        await cluster.advance(seconds=10)
        await cluster.client.delete(WorkflowExecution, "second", namespace="shop")
        await cluster.advance(minutes=2)
        assert [each.name for each in await cluster.client.list(WorkflowExecution, namespace="shop")] == ["first"]
        assert await leases(cluster) == []

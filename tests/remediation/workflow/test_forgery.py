"""Executions that say they are a workflow's and are not: never taken for a step, never let in to its targets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.workflow import WorkflowExecution
from kubernaut.resources import set_controller_reference
from kubernaut.resources.builtin.batch_v1 import Job
from tests.remediation.workflow.shop import (
    API,
    EXECUTOR,
    WEB,
    execution,
    failing,
    replicas,
    restart,
    running,
    scale,
    scripted,
    status,
    workflow,
)

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1, declared=True)]
SLOW = PodScript(run_time=timedelta(seconds=25), exit_code=0)


def forged(name: str, owner: WorkflowExecution, action: str, **parameters: Any) -> KubernetesExecution:
    reference = {"name": owner.name, "uid": owner.uid}
    spec = {"action": action, "target": WEB, "parameters": parameters, "workflowExecutionRef": reference}
    made = KubernetesExecution.from_dict({"metadata": {"name": name, "namespace": "shop"}, "spec": spec})
    set_controller_reference(made, owner, block=False)
    return made


async def test_an_execution_that_asks_for_something_else_is_not_taken_for_the_step(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"first-0-1": SLOW})
        await cluster.client.create(workflow(restart("anew"), name="first"))
        await cluster.advance(seconds=5)
        heal = await cluster.client.create(workflow(scale("more", 3)))
        await cluster.client.create(forged("heal-0-1", heal, "restart-deployment"))
        await cluster.advance(minutes=3)
        waits = await status(cluster)
        assert waits.phase == "executing" and waits.is_true("ChildNameTaken")
        assert waits.steps[0].execution_ref and waits.steps[0].execution_ref.uid is None
        await cluster.client.delete(KubernetesExecution, "heal-0-1", namespace="shop")
        await cluster.advance(minutes=2)
        assert (await status(cluster)).phase == "completed" and await replicas(cluster) == 3


async def test_nor_is_it_when_the_workflow_withdraws_its_steps(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"first-0-1": SLOW, "heal-1-1": SLOW, "heal-0-1": failing()})
        await cluster.client.create(workflow(restart("anew"), name="first"))
        await cluster.advance(seconds=5)
        heal = await cluster.client.create(workflow(restart("bad", API), scale("more", 3)))
        await cluster.client.create(forged("heal-1-1", heal, "restart-deployment"))
        await cluster.advance(minutes=3)
        done = await status(cluster)
        assert done.phase == "failed" and [each.state for each in done.steps] == ["failed", "skipped"]


async def test_an_execution_that_is_no_step_is_not_let_in_to_the_target(cluster: FakeCluster) -> None:
    async with running(cluster):
        scripted(cluster, {"heal-0-1": SLOW})
        heal = await cluster.client.create(workflow(restart("anew")))
        await cluster.advance(seconds=10)
        await cluster.client.create(forged("mine", heal, "scale-deployment", replicas=3))
        await cluster.advance(seconds=10)
        assert (await execution(cluster, "heal-0-1")).status.phase == "executing"
        mine = (await execution(cluster, "mine")).status
        assert mine.phase == "validated" and mine.is_true("TargetBusy")
        assert len(list(await cluster.client.list(Job, namespace=EXECUTOR))) == 1

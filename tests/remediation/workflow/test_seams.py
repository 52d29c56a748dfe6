"""Another planner and another validator; and what the CRD refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from kubernaut.client import Invalid
from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Permission
from kubernaut.remediation.machine import Wait
from kubernaut.remediation.workflow import ErrorType, PlanError, Prepared, WorkflowExecution, crds
from kubernaut.remediation.workflow.failure import Failure
from kubernaut.remediation.workflow.types import Plan, WorkflowExecutionSpec
from kubernaut.remediation.workflow.work import Work
from kubernaut.resources.builtin.core_v1 import Node
from tests.remediation.workflow.shop import carry_out, config, names, restart, running, scale, status, workflow

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1, declared=True)]


class OneAfterTheOther:
    """Ignores what depends on what; refuses more than two."""

    def plan(self, spec: WorkflowExecutionSpec) -> Plan:
        if len(spec.steps) > 2:
            raise PlanError("steps", "two are enough")
        return Plan(waves=[[1], [0]], after=[[1], []])


class Moody:
    """Has its own opinion, for which it looks at a node."""

    permissions = (Permission(["get"], Node, why="its mood depends on it"),)

    def __init__(self) -> None:
        self.answer: Any = Wait()

    async def validate(self, work: Work) -> Sequence[Prepared] | Failure | Wait:
        node = await work.ctx.client.get(Node, "node-1")
        if isinstance(self.answer, list):
            return [Prepared(None, node.to_dict()) for _ in work.workflow.spec.steps]
        given: Failure | Wait = self.answer
        return given


async def test_another_planner_orders_the_steps(cluster: FakeCluster) -> None:
    async with running(cluster, config(planner=OneAfterTheOther())):
        done = await carry_out(cluster, scale("a", 2), restart("b"))
        assert done.phase == "completed" and done.plan and done.plan.waves == [[1], [0]]
        assert done.steps[1].completion_time and done.steps[0].start_time
        assert done.steps[1].completion_time <= done.steps[0].start_time
        refused = await carry_out(cluster, restart("a"), restart("b"), restart("c"), name="three", minutes=0.2)
        assert (refused.reason, refused.failure_reason) == ("PlanInvalid", "steps: two are enough")
        assert refused.failed_step is None and refused.failed_action is None


async def test_another_validator_is_waited_for_until_the_deadline_and_has_its_own_rights(cluster: FakeCluster) -> None:
    moody = Moody()
    async with running(cluster, config(validator=moody)):
        await cluster.client.create(workflow(restart("a")))
        await cluster.advance(minutes=4)
        assert (await status(cluster)).phase == "validating" and await names(cluster) == []
        await cluster.advance(minutes=2)
        done = await status(cluster)
        assert (done.reason, done.error_type) == ("ValidationTimeout", "timeout")
        moody.answer = Failure("FullMoon", "not tonight", ErrorType.POLICY_DENIED, 0)
        done = await carry_out(cluster, restart("a"), name="second", minutes=0.2)
        assert (done.reason, done.error_type, done.failed_step) == ("FullMoon", "policy_denied", 0)
        moody.answer = []
        done = await carry_out(cluster, restart("a"), name="third", minutes=1)
        assert done.phase == "completed" and done.steps[0].lease is None


async def test_what_cannot_be_a_workflow_is_refused_when_it_is_created(cluster: FakeCluster) -> None:
    await cluster.load(crds())
    for spec, message in (
        ({"steps": []}, "steps"),
        ({"steps": [restart(f"s{number}") for number in range(17)]}, "at most 16"),
        ({"steps": [restart("Upper")]}, "name"),
        ({"steps": [restart("a", retries=6)]}, "retries"),
        ({"steps": [restart("a", onFailure="explode")]}, "onFailure"),
        ({"steps": [restart("a")], "maxParallel": 0}, "maxParallel"),
    ):
        await refused(cluster, spec, message)


@pytest.mark.fake_only("servers before 1.25 have no CEL")
async def test_names_of_parameters_are_bounded(cluster: FakeCluster) -> None:
    await cluster.load(crds())
    await refused(cluster, {"steps": [restart("a", parameters={"x" * 64: 1})]}, "at most 63 characters")


async def refused(cluster: FakeCluster, spec: dict[str, Any], message: str) -> None:
    model = WorkflowExecution.resource_type
    body = {"apiVersion": model.api_version, "kind": model.kind, "metadata": {"name": "heal"}, "spec": spec}
    with pytest.raises(Invalid, match=message):
        await cluster.client.request("POST", model.path("default"), body=body)

"""The plan: an order in which every step follows what it depends on, or a refusal that names the field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubernaut.fake import FakeCluster
from kubernaut.remediation.workflow import PlanError
from kubernaut.remediation.workflow.planning.order import DependencyPlanner
from kubernaut.remediation.workflow.types import Plan, WorkflowExecutionSpec
from tests.remediation.workflow.shop import API, carry_out, names, restart, running, scale


def plan(*steps: dict[str, Any]) -> Plan:
    return DependencyPlanner().plan(WorkflowExecutionSpec.from_dict({"steps": list(steps)}))


def step(name: str, *after: str, target: str | None = None) -> dict[str, Any]:
    return restart(name, {**API, "name": target or name}, dependsOn=list(after))


def test_waves_follow_dependencies_and_keep_the_order_of_the_list() -> None:
    found = plan(step("d", "b", "c"), step("b", "a"), step("c", "a"), step("a"), step("e"))
    assert found.waves == [[3, 4], [1, 2], [0]]
    assert found.after == [[1, 2], [3], [3], [], []]


def test_steps_on_one_target_follow_each_other_in_the_order_of_the_list() -> None:
    found = plan(step("a", target="web"), step("b", target="web"), step("c", target="other"))
    assert found.waves == [[0, 2], [1]] and found.after == [[], [0], []]


def test_a_dependency_counts_more_than_the_order_of_the_list() -> None:
    found = plan(step("a", "b", target="web"), step("b", target="web"))
    assert found.waves == [[1], [0]]


def test_what_the_order_on_two_targets_adds_makes_no_cycle() -> None:
    found = plan(step("j", "k", target="x"), step("i", target="x"), step("m", "i", target="y"), step("k", target="y"))
    order = [index for wave in found.waves for index in wave]
    assert sorted(order) == [0, 1, 2, 3]
    assert all(order.index(before) < order.index(index) for index in range(4) for before in found.after[index])


@pytest.mark.parametrize(
    ("steps", "field", "message"),
    [
        ([step("a", "c"), step("b", "a"), step("c", "b")], "steps[0].dependsOn", "a -> c -> b -> a"),
        ([step("a"), step("b", "b")], "steps[1].dependsOn[0]", "step 'b' cannot depend on itself"),
        ([step("a"), step("b", "a", "x")], "steps[1].dependsOn[1]", "there is no step 'x'; the steps are: a, b"),
        ([step("a"), step("b"), step("a")], "steps[2].name", "steps[0] is called 'a' too"),
    ],
)
def test_what_makes_no_plan_is_refused_by_its_field(steps: list[dict[str, Any]], field: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan(*steps)
    assert caught.value.field == field and message in caught.value.message


@given(st.lists(st.tuples(st.sets(st.integers(0, 9)), st.integers(0, 3)), min_size=1, max_size=10))
def test_every_plan_has_each_step_once_after_all_that_it_follows(drawn: list[tuple[set[int], int]]) -> None:
    steps = [
        step(f"s{index}", *sorted({f"s{other}" for other in after if other < index}), target=f"t{target}")
        for index, (after, target) in enumerate(reversed(drawn))
    ]
    found = plan(*reversed(steps))
    order = [index for wave in found.waves for index in wave]
    assert sorted(order) == list(range(len(steps)))
    waves = {index: number for number, wave in enumerate(found.waves) for index in wave}
    assert all(waves[before] < waves[index] for index, each in enumerate(found.after) for before in each)
    for one in range(len(steps)):
        for other in range(one):
            same = drawn and steps[::-1][one]["target"] == steps[::-1][other]["target"]
            assert not same or waves[one] != waves[other], "two steps on one target are never side by side"


@pytest.mark.virtual_time
@pytest.mark.cluster(nodes=1, declared=True)
async def test_a_workflow_without_a_plan_fails_and_nothing_runs(cluster: FakeCluster) -> None:
    async with running(cluster):
        done = await carry_out(cluster, scale("a", 2, dependsOn=["b"]), restart("b", dependsOn=["a"]), minutes=0.2)
        assert (done.phase, done.reason, done.error_type) == ("failed", "PlanInvalid", "validation_error")
        assert done.failure_reason == "steps[0].dependsOn: the steps depend on each other: a -> b -> a"
        assert (done.failed_step, done.failed_action, done.total_steps) == (0, "scale-deployment", 2)
        assert await names(cluster) == [] and done.completion_time is not None
        for name, bad, field in (
            ("action", {**restart("x"), "action": "restart-deploymint"}, "steps[0].action: unknown action"),
            ("long", restart("x", timeout="6m"), "steps[0].timeout: must be longer than 0s and at most 5m0s"),
            ("zero", restart("x", timeout="0s"), "steps[0].timeout: must be longer than 0s"),
        ):
            refused = await carry_out(cluster, bad, minutes=0.1, name=name)
            assert (refused.phase, refused.reason) == ("failed", "PlanInvalid")
            assert field in (refused.failure_reason or "")

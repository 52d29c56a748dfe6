"""Several policies together, and policies that follow their source."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.policy import (
    AdmissionEvaluator,
    BundleError,
    CombinedEvaluator,
    PolicyDecision,
    PolicyInput,
    PolicyTarget,
    PolicyUnavailable,
    PythonEvaluator,
    ReloadingEvaluator,
    Violation,
    allow_all,
    config_map,
    folder,
)
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.policy.test_opa import QUESTION

RULES = """package kubernaut

import rego.v1

decision := {{"allowed": {allowed}, "requires_approval": false, "requires_dry_run": false, "violations": []}}
"""


def says(**decision: object) -> PythonEvaluator:
    return PythonEvaluator(lambda _: PolicyDecision(**{"allowed": True, **decision}))  # type: ignore[arg-type]


async def test_all_must_allow_and_every_demand_counts() -> None:
    denies = says(allowed=False, violations=(Violation("rule", "not today"),))
    demands = says(requires_approval=True, approval_reasons=("it is big",))
    decision = await CombinedEvaluator([allow_all(), denies, demands, AdmissionEvaluator()]).evaluate(QUESTION)
    assert not decision.allowed
    assert decision.requires_approval and decision.requires_dry_run
    assert [found.rule for found in decision.violations] == ["rule"]
    assert decision.approval_reasons == ("it is big",)
    assert decision.evaluator == "allow-all+python+python+admission"


def broken(_: object) -> PolicyDecision:
    raise RuntimeError("out of order")


async def test_what_the_others_say_is_kept_where_one_has_no_answer_and_is_never_leave() -> None:
    hard = says(allowed=False, violations=(Violation("never", "no", True),))
    demands = says(requires_approval=True, requires_dry_run=True, self_approval=True)
    decision = await CombinedEvaluator([hard, PythonEvaluator(broken), demands]).evaluate(QUESTION)
    assert decision.incomplete == ("python: RuntimeError: out of order",)
    assert decision.hard_denied and decision.requires_approval and decision.requires_dry_run
    assert not decision.self_approval
    decision = await CombinedEvaluator([allow_all(), PythonEvaluator(broken)]).evaluate(QUESTION)
    assert not decision.allowed and not decision.self_approval
    assert not decision.allowed and not decision.hard_denied
    nested = await CombinedEvaluator([CombinedEvaluator([says(), PythonEvaluator(broken)]), says()]).evaluate(QUESTION)
    assert nested.incomplete and not nested.allowed


async def test_without_any_answer_there_is_none() -> None:
    with pytest.raises(PolicyUnavailable, match=r"out of order; .*out of order"):
        await CombinedEvaluator([PythonEvaluator(broken), PythonEvaluator(broken)]).evaluate(QUESTION)


async def test_rules_see_what_is_made_as_they_see_a_target() -> None:
    target = PolicyTarget("v1", "Pod", "shop", "web")
    plain = PolicyInput(action="a", target=target, target_labels={"a": "b"}, risk="low", time=QUESTION.time)
    named = {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web"}
    assert plain.to_document()["object"] == {**named, "labels": {"a": "b"}}
    made = replace(
        plain, target=PolicyTarget("v1", "Namespace", None, "shop"), created=target, created_labels={"c": "d"}
    )
    assert made.to_document()["object"] == {**named, "labels": {"c": "d"}}
    assert made.to_document()["asksForDryRun"] is False


def test_no_evaluator_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        CombinedEvaluator([])


async def test_admission_asks_for_a_dry_run_of_everything() -> None:
    decision = await AdmissionEvaluator().evaluate(QUESTION)
    assert decision.allowed and decision.requires_dry_run and not decision.requires_approval


async def test_rules_in_a_folder_are_followed_and_broken_ones_are_not_taken(tmp_path: Path) -> None:
    rules = tmp_path / "decision.rego"
    rules.write_text(RULES.format(allowed="true"))
    told: list[str] = []
    evaluator = await ReloadingEvaluator.load(folder(tmp_path), on_change=told.append)
    first = evaluator.revision

    rules.write_text("package kubernaut\n\ndecision := {")
    await evaluator.look()
    await evaluator.look()
    assert (await evaluator.evaluate(QUESTION)).allowed
    assert evaluator.revision == first
    assert evaluator.problem and "decision.rego:" in evaluator.problem
    assert len(told) == 1

    rules.write_text(RULES.format(allowed="false"))
    await evaluator.look()
    assert not (await evaluator.evaluate(QUESTION)).allowed
    assert evaluator.revision != first and evaluator.problem is None
    assert "revision" in told[-1]


async def test_rules_that_are_broken_from_the_start_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no \\.rego files"):
        await ReloadingEvaluator.load(folder(tmp_path))


async def test_rules_in_a_config_map_are_followed_while_the_service_runs(cluster: FakeCluster) -> None:
    source = config_map(cluster.client, "default", "policy")
    with pytest.raises(BundleError, match="ConfigMap default/policy: does not exist"):
        await ReloadingEvaluator.load(source)
    data = {"decision.rego": RULES.format(allowed="true"), "README": "not a rule"}
    metadata = {"name": "policy", "namespace": "default"}
    await cluster.client.create(ConfigMap.from_dict({"metadata": metadata, "data": data}))
    evaluator = await ReloadingEvaluator.load(source)
    task = asyncio.create_task(evaluator.run())
    try:
        assert (await evaluator.evaluate(QUESTION)).allowed
        found = await cluster.client.get(ConfigMap, "policy", namespace="default")
        found.data["decision.rego"] = RULES.format(allowed="false")
        await cluster.client.update(found)
        await cluster.advance(seconds=11)
        assert not (await evaluator.evaluate(QUESTION)).allowed
        await cluster.client.delete(ConfigMap, "policy", namespace="default")
        await cluster.advance(seconds=11)
        assert evaluator.problem is not None
        assert not (await evaluator.evaluate(QUESTION)).allowed
    finally:
        task.cancel()
        await asyncio.wait([task])

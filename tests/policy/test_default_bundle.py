"""The shipped rules, by their Rego tests and from Python."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kubernaut.policy import PolicyInput, PolicyTarget, RegoEvaluator, RegoTest, Risk, run_rego_tests

DEPLOYMENT = PolicyTarget("apps/v1", "Deployment", "production", "web")


def ask(action: str, target: PolicyTarget, risk: Risk, **more: Any) -> PolicyInput:
    return PolicyInput(action=action, target=target, risk=risk, time=datetime(2024, 1, 6, 23, 30, tzinfo=UTC), **more)


@pytest.mark.parametrize("outcome", run_rego_tests(), ids=lambda outcome: outcome.name)
def test_rego(outcome: RegoTest) -> None:
    assert outcome.passed, f"not true for questions {outcome.failed}"


@pytest.mark.parametrize(
    "question",
    [
        ask("scale-deployment", DEPLOYMENT, "medium", parameters={"replicas": 5}),
        ask("restart-pod", PolicyTarget("v1", "Pod", "production", "web-1"), "low"),
        ask("cordon-node", PolicyTarget("v1", "Node", None, "n1"), "low"),
    ],
    ids=lambda question: question.action,
)
async def test_everyday_actions_are_allowed_without_approval(question: PolicyInput) -> None:
    decision = await RegoEvaluator().evaluate(question)
    assert decision.allowed
    assert not decision.requires_approval
    assert not decision.requires_dry_run


async def test_a_protected_namespace_is_denied_in_every_mode() -> None:
    target = PolicyTarget("apps/v1", "Deployment", "kube-system", "coredns")
    decision = await RegoEvaluator().evaluate(ask("scale-deployment", target, "medium"))
    assert decision.hard_denied
    assert "kube-system" in decision.violations[0].message


async def test_scaling_to_zero_in_production_says_why_it_needs_approval() -> None:
    decision = await RegoEvaluator().evaluate(ask("scale-deployment", DEPLOYMENT, "medium", parameters={"replicas": 0}))
    assert decision.approval_reasons == ("scaling web to zero stops it in production",)
    assert decision.requires_approval


async def test_settings_replace_single_keys_and_change_the_revision() -> None:
    plain, mine = RegoEvaluator(), RegoEvaluator(settings={"protected_namespaces": ["production"]})
    assert plain.revision != mine.revision
    assert not (await mine.evaluate(ask("scale-deployment", DEPLOYMENT, "medium"))).allowed

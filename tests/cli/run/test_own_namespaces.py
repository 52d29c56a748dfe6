"""The namespaces that kubernaut runs in are protected, whatever they are called."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubernaut.cli.run.policy import Policy, own_namespaces
from kubernaut.policy import PolicyInput, PolicyTarget


def test_own_namespaces_are_the_executor_s_and_the_pod_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    assert own_namespaces("exec2") == {"exec2"}
    monkeypatch.setenv("POD_NAMESPACE", "operations")
    assert own_namespaces("exec2") == {"exec2", "operations"}


@pytest.mark.parametrize("namespace", ["exec2", "kubernaut-system", "kube-system"])
async def test_the_shipped_rules_protect_them_beside_their_own_list(namespace: str) -> None:
    target = PolicyTarget("v1", "Pod", namespace, "x")
    question = PolicyInput(action="restart-pod", target=target, risk="low", time=datetime(2024, 1, 1, tzinfo=UTC))
    policy = Policy(["default"], None, protected=frozenset({"exec2", "kube-system"}))
    decision = await policy.evaluator.evaluate(question)
    assert decision.hard_denied and [found.rule for found in decision.violations] == ["protected-namespace"]

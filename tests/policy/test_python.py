"""Policies as functions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from kubernaut.policy import (
    PolicyDecision,
    PolicyEvaluator,
    PolicyInput,
    PolicyTarget,
    PolicyUnavailable,
    PythonEvaluator,
    Violation,
    allow_all,
)

QUESTION = PolicyInput(
    action="restart-pod", target=PolicyTarget("v1", "Pod", "a", "b"), risk="low", time=datetime(2024, 1, 1, tzinfo=UTC)
)


async def test_plain_and_async_functions_are_asked() -> None:
    async def slow(input: PolicyInput) -> PolicyDecision:
        return PolicyDecision(allowed=input.action == "restart-pod")

    assert (await PythonEvaluator(slow, revision="7").evaluate(QUESTION)).revision == "7"
    assert (await allow_all().evaluate(QUESTION)).allowed
    assert isinstance(allow_all(), PolicyEvaluator)


async def test_a_violation_always_denies() -> None:
    evaluator = PythonEvaluator(lambda _: PolicyDecision(allowed=True, violations=(Violation("r", "m"),)))
    assert not (await evaluator.evaluate(QUESTION)).allowed


@pytest.mark.parametrize("answer", [None, True, {"allowed": True}])
async def test_anything_but_a_decision_is_unavailable(answer: Any) -> None:
    with pytest.raises(PolicyUnavailable, match="expected a PolicyDecision"):
        await PythonEvaluator(lambda _: cast(PolicyDecision, answer)).evaluate(QUESTION)


async def test_an_exception_is_unavailable() -> None:
    def broken(_: PolicyInput) -> PolicyDecision:
        raise KeyError("x")

    with pytest.raises(PolicyUnavailable, match="KeyError"):
        await PythonEvaluator(broken).evaluate(QUESTION)


def test_a_naive_time_is_refused() -> None:
    naive = PolicyInput(action="a", target=QUESTION.target, risk="low", time=datetime(2024, 1, 1))
    with pytest.raises(ValueError, match="timezone"):
        naive.to_document()

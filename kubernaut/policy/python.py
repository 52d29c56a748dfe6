"""Policies written as a plain Python function."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace

from kubernaut.policy.decision import PolicyDecision, PolicyInput
from kubernaut.policy.evaluator import PolicyUnavailable

PolicyFunction = Callable[[PolicyInput], PolicyDecision | Awaitable[PolicyDecision]]


class PythonEvaluator:
    """Asks a function, plain or async.

    Whatever the function raises becomes PolicyUnavailable; an answer that is not a PolicyDecision does as well.
    The function runs on the event loop: it must not block.
    """

    def __init__(self, function: PolicyFunction, *, name: str = "python", revision: str = "") -> None:
        self._function = function
        self._name = name
        self._revision = revision

    @property
    def name(self) -> str:
        return self._name

    @property
    def revision(self) -> str:
        return self._revision

    async def evaluate(self, input: PolicyInput) -> PolicyDecision:
        """Raises PolicyUnavailable when the function raises or returns anything but a PolicyDecision."""
        try:
            answer = self._function(input)
            decision = await answer if inspect.isawaitable(answer) else answer
        except PolicyUnavailable:
            raise
        except Exception as error:
            raise PolicyUnavailable(f"{self._name}: {type(error).__name__}: {error}") from error
        if not isinstance(decision, PolicyDecision):
            raise PolicyUnavailable(f"{self._name}: expected a PolicyDecision, got {decision!r}")
        return replace(
            decision,
            allowed=decision.allowed and not decision.violations,
            evaluator=decision.evaluator or self._name,
            revision=decision.revision or self._revision,
        )


def allow_all() -> PythonEvaluator:
    """An evaluator that allows everything; for tests of what comes after the policy."""
    return PythonEvaluator(lambda _: PolicyDecision(allowed=True), name="allow-all", revision="allow-all")

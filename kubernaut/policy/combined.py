"""Several policies that must all agree."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from kubernaut.policy.decision import PolicyDecision, PolicyInput
from kubernaut.policy.evaluator import PolicyEvaluator, PolicyUnavailable


class CombinedEvaluator:
    """Asks all of its evaluators at once; the strictest answer to each question counts.

    Allowed when all allow; an approval or a dry-run is required when one requires it; every violation is kept. Where
    some have no answer the decision is that of the others, never allowed, and says in `incomplete` who is missing.
    """

    def __init__(self, evaluators: Sequence[PolicyEvaluator]) -> None:
        """Raises ValueError for an empty sequence: it would allow everything."""
        if not evaluators:
            raise ValueError("evaluators: at least one is needed")
        self._evaluators = tuple(evaluators)

    @property
    def name(self) -> str:
        return "+".join(evaluator.name for evaluator in self._evaluators)

    @property
    def revision(self) -> str:
        return "+".join(evaluator.revision for evaluator in self._evaluators)

    async def evaluate(self, input: PolicyInput) -> PolicyDecision:
        """Raises PolicyUnavailable when none has an answer."""
        answers = await asyncio.gather(*(one.evaluate(input) for one in self._evaluators), return_exceptions=True)
        decisions: list[PolicyDecision] = []
        incomplete: list[str] = []
        for answer in answers:
            if isinstance(answer, PolicyUnavailable):
                incomplete.append(str(answer))
            elif isinstance(answer, BaseException):
                raise answer
            else:
                decisions.append(answer)
                incomplete += answer.incomplete
        if not decisions:
            raise PolicyUnavailable("; ".join(incomplete))
        return PolicyDecision(
            allowed=not incomplete and all(decision.allowed for decision in decisions),
            requires_approval=any(decision.requires_approval for decision in decisions),
            requires_dry_run=any(decision.requires_dry_run for decision in decisions),
            self_approval=not incomplete and all(decision.self_approval for decision in decisions),
            violations=tuple(dict.fromkeys(found for decision in decisions for found in decision.violations)),
            approval_reasons=tuple(dict.fromkeys(why for decision in decisions for why in decision.approval_reasons)),
            evaluator=self.name,
            revision="+".join(decision.revision for decision in decisions),
            decision_id=",".join(decision.decision_id for decision in decisions if decision.decision_id),
            incomplete=tuple(incomplete),
        )

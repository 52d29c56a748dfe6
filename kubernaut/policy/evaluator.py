"""The policy seam: the protocol every evaluator fulfils, its errors, and the check of a decision's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from kubernaut.policy.decision import PolicyDecision, PolicyInput, Violation

_REQUIRED = {"allowed": bool, "requires_approval": bool, "requires_dry_run": bool, "violations": list}
_KEYS = {*_REQUIRED, "approval_reasons", "self_approval"}


class PolicyUnavailable(Exception):
    """No decision could be had: the evaluator is missing, broken, unreachable or answered nonsense."""


class BundleError(PolicyUnavailable):
    """The rules themselves cannot be used; the message names the file and, where known, the line."""


@runtime_checkable
class PolicyEvaluator(Protocol):
    """Decides about one action on one target.

    `evaluate` raises PolicyUnavailable, and nothing else, when it has no answer; it never turns a failure into
    `allowed`. It may be cancelled at any await and holds no state that a cancellation could leave half-written.
    """

    @property
    def name(self) -> str: ...

    @property
    def revision(self) -> str: ...

    async def evaluate(self, input: PolicyInput) -> PolicyDecision: ...


def parse_decision(document: object, *, evaluator: str, revision: str, decision_id: str = "") -> PolicyDecision:
    """Read the decision document that a policy language returned.

    The shape: `{allowed, requires_approval, requires_dry_run, violations: [{rule, message, hard}], approval_reasons?,
    self_approval?}`.
    Raises PolicyUnavailable naming the field that is wrong. A denial always carries a violation and a violation always
    denies: where the document disagrees with itself, the stricter half counts.
    """
    if not isinstance(document, Mapping):
        raise PolicyUnavailable(f"{evaluator}: the decision must be an object, got {document!r}")
    for name, kind in _REQUIRED.items():
        if not isinstance(document.get(name), kind):
            got = repr(document[name]) if name in document else "nothing"
            raise PolicyUnavailable(f"{evaluator}: decision.{name} must be a {kind.__name__}, got {got}")
    if unknown := sorted(str(key) for key in document if key not in _KEYS):
        raise PolicyUnavailable(f"{evaluator}: decision.{unknown[0]} is not known; a decision has {sorted(_KEYS)}")
    violations = [_violation(item, index, evaluator) for index, item in enumerate(document["violations"])]
    violations.sort(key=lambda violation: (not violation.hard, violation.rule, violation.message))
    if not document["allowed"] and not violations:
        violations = [Violation("denied", "the policy denies this without giving a reason", hard=True)]
    return PolicyDecision(
        allowed=document["allowed"] and not violations,
        requires_approval=document["requires_approval"],
        requires_dry_run=document["requires_dry_run"],
        violations=tuple(violations),
        self_approval=_flag(document.get("self_approval", False), evaluator),
        approval_reasons=_reasons(document.get("approval_reasons", []), evaluator),
        evaluator=evaluator,
        revision=revision,
        decision_id=decision_id,
    )


def _violation(item: Any, index: int, evaluator: str) -> Violation:
    field = f"{evaluator}: decision.violations[{index}]"
    if not isinstance(item, Mapping) or set(item) != {"rule", "message", "hard"}:
        raise PolicyUnavailable(f"{field} must be an object of rule, message and hard, got {item!r}")
    rule, message, hard = item["rule"], item["message"], item["hard"]
    if not (isinstance(rule, str) and isinstance(message, str) and isinstance(hard, bool)):
        raise PolicyUnavailable(f"{field} must be {{rule: string, message: string, hard: boolean}}, got {item!r}")
    return Violation(rule, message, hard)


def _flag(value: Any, evaluator: str) -> bool:
    if not isinstance(value, bool):
        raise PolicyUnavailable(f"{evaluator}: decision.self_approval must be a boolean, got {value!r}")
    return value


def _reasons(value: Any, evaluator: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(reason, str) for reason in value):
        raise PolicyUnavailable(f"{evaluator}: decision.approval_reasons must be a list of strings, got {value!r}")
    return tuple(sorted(value))

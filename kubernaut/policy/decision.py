"""The question put to a policy and its answer, as plain immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

Risk = Literal["low", "medium", "high"]

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class TargetLike(Protocol):
    """What the policy needs to know of a target; `kubernaut.actions.Target` and `PolicyTarget` both fit."""

    @property
    def api_version(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def namespace(self) -> str | None: ...
    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PolicyTarget:
    """The object an action would change; `namespace` is None for cluster-scoped kinds."""

    api_version: str
    kind: str
    namespace: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asked, as the admission webhook stamped it."""

    username: str
    uid: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInput:
    """Everything a decision may depend on; nothing else is visible to a policy.

    `time` is an aware datetime: policies never read a clock, so that a decision can be repeated.
    `parameters` are JSON values under their camelCase names. `requester` is None when nobody was stamped.
    `created` and `created_labels` are the object that an action makes in the Namespace that is its target; None where
    the action changes its target. `asks_for_dry_run`: the request wants one; the action itself is run all the same.
    """

    action: str
    target: TargetLike
    parameters: Mapping[str, Any] = field(default_factory=dict)
    environment: str = ""
    target_labels: Mapping[str, str] = field(default_factory=dict)
    created: TargetLike | None = None
    created_labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    requester: Requester | None = None
    risk: Risk
    time: datetime
    asks_for_dry_run: bool = False

    def to_document(self) -> dict[str, Any]:
        """The JSON document a policy sees as `input`.

        Raises ValueError when `time` is naive.
        """
        if self.time.tzinfo is None:
            raise ValueError("PolicyInput.time must be timezone-aware")
        requester = self.requester
        time = self.time.astimezone(UTC)
        labels = self.target_labels if self.created is None else self.created_labels
        return {
            "action": self.action,
            "target": _named(self.target),
            "object": {**_named(self.created or self.target), "labels": dict(labels)},
            "parameters": dict(self.parameters),
            "environment": self.environment,
            "targetLabels": dict(self.target_labels),
            "namespaceLabels": dict(self.namespace_labels),
            "requester": {
                "username": requester.username if requester else "",
                "uid": requester.uid if requester else "",
                "groups": list(requester.groups) if requester else [],
            },
            "risk": self.risk,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            # rego-cpp 1.5 cannot parse times.
            "weekday": _WEEKDAYS[time.weekday()],
            "hour": time.hour,
            "asksForDryRun": self.asks_for_dry_run,
        }


def _named(target: TargetLike) -> dict[str, str]:
    return {
        "apiVersion": target.api_version,
        "kind": target.kind,
        "namespace": target.namespace or "",
        "name": target.name,
    }


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule; a hard one blocks in every mode."""

    rule: str
    message: str
    hard: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, as stored in `status.validationResults.policyValidation.violations`."""
        return {"rule": self.rule, "message": self.message, "hard": self.hard}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDecision:
    """The answer of one evaluator.

    `allowed` is False whenever a violation stands; `requires_approval` and `requires_dry_run` are conditions on
    going on. `approval_reasons` says, for people, why an approval is needed, `self_approval` whether who asks may give
    it. `revision` identifies the rules that decided, `decision_id` the entry in the decision log of a server that keeps
    one. `incomplete` says of each evaluator that had no answer why; then the decision is that of the others, `allowed`
    is False, and the mode decides what becomes of it.
    """

    allowed: bool
    requires_approval: bool = False
    requires_dry_run: bool = False
    violations: tuple[Violation, ...] = ()
    approval_reasons: tuple[str, ...] = ()
    self_approval: bool = False
    evaluator: str = ""
    revision: str = ""
    decision_id: str = ""
    incomplete: tuple[str, ...] = ()

    @property
    def hard_denied(self) -> bool:
        """True when a hard violation stands: no mode and no approval lifts it."""
        return any(violation.hard for violation in self.violations)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form with the names of `status.validationResults.policyValidation`."""
        document: dict[str, Any] = {
            "allowed": self.allowed,
            "requiredApproval": self.requires_approval,
            "requiresDryRun": self.requires_dry_run,
            "violations": [violation.to_dict() for violation in self.violations],
            "approvalReasons": list(self.approval_reasons),
            "selfApproval": self.self_approval,
            "evaluator": self.evaluator,
            "revision": self.revision,
        }
        if self.decision_id:
            document["decisionId"] = self.decision_id
        return document

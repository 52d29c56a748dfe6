"""Check 4: the policy's decision, under the operator's mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubernaut.actions import ParameterError, Target
from kubernaut.client import NotFound
from kubernaut.policy import PolicyDecision, PolicyInput, PolicyUnavailable, Requester
from kubernaut.remediation.execution.config import PolicyMode
from kubernaut.remediation.execution.jobs import misfit
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.types import PolicyValidation, PolicyViolationStatus
from kubernaut.remediation.execution.validation.sight import Sight
from kubernaut.remediation.machine.verdicts import Fail, Wait
from kubernaut.resources.builtin.core_v1 import Namespace

AVAILABLE = "PolicyAvailable"
ENVIRONMENT_LABELS = ("kubernaut.io/environment", "environment", "env")
UNAVAILABLE_RULE = "policy-unavailable"


async def check_policy(run: Run, order: Order, sight: Sight | None = None) -> Fail | Wait | None:
    """Hard violations block in every mode; the others only in `strict`. No policy is asked about kubernaut's own."""
    mode = run.config.policy_mode
    if refusal := _protected(run, order):
        return refusal
    invocation = await (sight or Sight(run, order)).invocation()
    if isinstance(invocation, Fail):
        return invocation
    try:
        created = order.action.creates(invocation)
    except ParameterError as error:
        return misfit(error)
    question = await _question(run, order, invocation.live["metadata"].get("labels") or {}, created)
    try:
        decision = await run.config.evaluator.evaluate(question)
    except PolicyUnavailable as error:
        return _unanswered(run, order, str(error))
    if decision.incomplete and mode is PolicyMode.STRICT:
        return _wait(run, "; ".join(decision.incomplete))
    run.status.remove_condition(AVAILABLE)
    run.results.policy_validation = recorded = _recorded(decision, mode)
    recorded.violations += [_missing(problem) for problem in decision.incomplete]
    _add_wish(run, recorded)
    if decision.allowed:
        return None
    broken = "; ".join(f"{found.rule}: {found.message}" for found in decision.violations)
    if decision.hard_denied or mode is PolicyMode.STRICT:
        return Fail(Reason.POLICY_DENIED, f"the policy denies this: {broken or 'it gives no reason'}")
    if mode is PolicyMode.PERMISSIVE:
        _warn(run, broken, decision.incomplete)
    return None


def _protected(run: Run, order: Order) -> Fail | None:
    """In kubernaut's own namespaces an action could borrow the account of another; no rules are trusted with that."""
    place = order.target.place
    if place is None or place not in run.config.protected:
        return None
    message = f"namespace {place} is kubernaut's own: no action may touch it"
    violation = PolicyViolationStatus(rule="own-namespace", message=message, hard=True)
    run.results.policy_validation = PolicyValidation(
        allowed=False, violations=[violation], mode=run.config.policy_mode.value, evaluator="kubernaut"
    )
    return Fail(Reason.POLICY_DENIED, message)


def _warn(run: Run, broken: str, incomplete: Sequence[str]) -> None:
    if incomplete:
        problem = "; ".join(incomplete)
        run.event(Reason.POLICY_UNAVAILABLE, f"goes on without a part of the policy: {problem}", warning=True)
    if broken or not incomplete:
        told = broken or "denied without a reason"
        run.event("PolicyViolation", f"goes on in spite of the policy: {told}", warning=True)


def _unanswered(run: Run, order: Order, problem: str) -> Wait | None:
    """Nobody decided: strict waits; the other modes go on, but a high-risk action needs an approval and a dry-run."""
    mode = run.config.policy_mode
    if mode is PolicyMode.STRICT:
        return _wait(run, problem)
    risky = order.action.risk == "high"
    run.results.policy_validation = recorded = PolicyValidation(
        allowed=False,
        required_approval=risky,
        requires_dry_run=risky,
        violations=[_missing(problem)],
        approval_reasons=[f"{order.action.name} is a high-risk action, and no policy answered"] if risky else [],
        mode=mode.value,
    )
    _add_wish(run, recorded)
    if mode is PolicyMode.PERMISSIVE:
        run.event(Reason.POLICY_UNAVAILABLE, f"goes on without the policy: {problem}", warning=True)
    return None


def _add_wish(run: Run, recorded: PolicyValidation) -> None:
    """Who asked may want an approval that the policy does not, never the other way round."""
    if why := run.execution.spec.require_approval:
        recorded.required_approval = True
        recorded.approval_reasons.append(why)


def _wait(run: Run, problem: str) -> Wait:
    """Until all have answered, or the deadline has passed."""
    if not run.status.condition(AVAILABLE):
        run.event(Reason.POLICY_UNAVAILABLE, problem, warning=True)
    run.status.set_condition(AVAILABLE, False, reason=Reason.POLICY_UNAVAILABLE, message=problem)
    return Wait(run.config.limits.policy_retry)


def _missing(problem: str) -> PolicyViolationStatus:
    return PolicyViolationStatus(rule=UNAVAILABLE_RULE, message=problem)


def _recorded(decision: PolicyDecision, mode: PolicyMode) -> PolicyValidation:
    violations = [PolicyViolationStatus.from_dict(violation.to_dict()) for violation in decision.violations]
    return PolicyValidation(
        allowed=decision.allowed,
        required_approval=decision.requires_approval,
        requires_dry_run=decision.requires_dry_run,
        violations=violations,
        approval_reasons=list(decision.approval_reasons),
        self_approval=decision.self_approval,
        mode=mode.value,
        evaluator=decision.evaluator,
        revision=decision.revision,
        decision_id=decision.decision_id or None,
    )


async def _question(
    run: Run, order: Order, target_labels: dict[str, str], created: Mapping[str, Any] | None
) -> PolicyInput:
    spec = run.execution.spec
    namespace_labels = await _namespace_labels(run, order.target.place)
    by = spec.requested_by
    return PolicyInput(
        action=order.action.name,
        target=order.target,
        parameters=run.shown(order),
        environment=environment_of(namespace_labels),
        target_labels=target_labels,
        created=None if created is None else Target.of(created),
        created_labels=labels_of(created),
        namespace_labels=namespace_labels,
        requester=Requester(by.username, by.uid or "", tuple(by.groups)) if by else None,
        risk=order.action.risk,
        time=run.now,
        asks_for_dry_run=spec.dry_run == "always",
    )


def environment_of(namespace_labels: Mapping[str, str]) -> str:
    """The environment that a namespace's labels name; empty when none does."""
    return next((namespace_labels[key] for key in ENVIRONMENT_LABELS if namespace_labels.get(key)), "")


def labels_of(document: Mapping[str, Any] | None) -> dict[str, str]:
    """The labels in a document of somebody's, who may have written anything there."""
    labels = (document or {}).get("metadata", {}).get("labels")
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, Mapping) else {}


async def _namespace_labels(run: Run, namespace: str | None) -> dict[str, str]:
    if namespace is None:
        return {}
    try:
        return (await run.ctx.client.get(Namespace, namespace)).metadata.labels
    except NotFound:
        return {}

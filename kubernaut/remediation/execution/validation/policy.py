"""Check 4: the policy's decision, under the operator's mode."""

from __future__ import annotations

from collections.abc import Mapping

from kubernaut.client import NotFound
from kubernaut.policy import PolicyDecision, PolicyInput, PolicyUnavailable, Requester
from kubernaut.remediation.execution.config import PolicyMode
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Order, Run
from kubernaut.remediation.execution.types import PolicyValidation, PolicyViolationStatus
from kubernaut.remediation.execution.verdicts import Fail, Wait
from kubernaut.resources.builtin.core_v1 import Namespace

AVAILABLE = "PolicyAvailable"
ENVIRONMENT_LABELS = ("kubernaut.io/environment", "environment", "env")


async def check_policy(run: Run, order: Order) -> Fail | Wait | None:
    """Hard violations block in every mode; the others only in `strict`."""
    mode = run.config.policy_mode
    live = await run.read_target(order)
    if isinstance(live, Fail):
        return live
    question = await _question(run, order, live["metadata"].get("labels") or {})
    try:
        decision = await run.config.evaluator.evaluate(question)
    except PolicyUnavailable as error:
        return _unavailable(run, str(error))
    run.status.remove_condition(AVAILABLE)
    run.results.policy_validation = _recorded(decision, mode)
    if decision.allowed:
        return None
    broken = "; ".join(f"{found.rule}: {found.message}" for found in decision.violations) or "denied without a reason"
    if decision.hard_denied or mode is PolicyMode.STRICT:
        return Fail(Reason.POLICY_DENIED, f"the policy denies this: {broken}")
    if mode is PolicyMode.PERMISSIVE:
        run.event("PolicyViolation", f"goes on in spite of the policy: {broken}", warning=True)
    return None


def _unavailable(run: Run, problem: str) -> Wait | None:
    """Strict waits for the evaluator until the deadline; the other modes go on, and record that nobody decided."""
    mode = run.config.policy_mode
    if mode is PolicyMode.STRICT:
        if not run.status.condition(AVAILABLE):
            run.event(Reason.POLICY_UNAVAILABLE, problem, warning=True)
        run.status.set_condition(AVAILABLE, False, reason=Reason.POLICY_UNAVAILABLE, message=problem)
        return Wait(run.config.limits.policy_retry)
    violation = PolicyViolationStatus(rule="policy-unavailable", message=problem)
    run.results.policy_validation = PolicyValidation(allowed=False, violations=[violation], mode=mode.value)
    if mode is PolicyMode.PERMISSIVE:
        run.event(Reason.POLICY_UNAVAILABLE, f"goes on without the policy: {problem}", warning=True)
    return None


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


async def _question(run: Run, order: Order, target_labels: dict[str, str]) -> PolicyInput:
    spec = run.execution.spec
    namespace_labels = await _namespace_labels(run, order.target.place)
    by = spec.requested_by
    return PolicyInput(
        action=order.action.name,
        target=order.target,
        parameters=order.parameters.to_dict(),
        environment=environment_of(namespace_labels),
        target_labels=target_labels,
        namespace_labels=namespace_labels,
        requester=Requester(by.username, by.uid or "", tuple(by.groups)) if by else None,
        risk=order.action.risk,
        time=run.now,
        dry_run=spec.dry_run == "always",
    )


def environment_of(namespace_labels: Mapping[str, str]) -> str:
    """The environment that a namespace's labels name; empty when none does."""
    return next((namespace_labels[key] for key in ENVIRONMENT_LABELS if namespace_labels.get(key)), "")


async def _namespace_labels(run: Run, namespace: str | None) -> dict[str, str]:
    if namespace is None:
        return {}
    try:
        return (await run.ctx.client.get(Namespace, namespace)).metadata.labels
    except NotFound:
        return {}

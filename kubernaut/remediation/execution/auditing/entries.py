"""What the audit log is told of an execution: one entry for each transition that its status holds."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from kubernaut.actions import Action
from kubernaut.audit import AuditEntry, Subject, entry_id
from kubernaut.audit.chain import body_size
from kubernaut.audit.records import MAX_BODY
from kubernaut.remediation.execution.described import described_parameters, digest_of
from kubernaut.remediation.execution.redact import redact
from kubernaut.remediation.execution.types import KubernetesExecution, Phase
from kubernaut.remediation.machine.status import Transition
from kubernaut.remediation.machine.texts import cut

_OUTCOMES: dict[str, str] = {
    Phase.VALIDATING: "started",
    Phase.VALIDATED: "validated",
    Phase.EXECUTING: "executing",
    Phase.ROLLBACK_READY: "succeeded",
    Phase.COMPLETED: "succeeded",
    Phase.FAILED: "failed",
}
OUTCOMES = tuple(dict.fromkeys(_OUTCOMES.values()))
"""What a record of an execution may have come to, in their order."""
_MESSAGE = 8 * 1024
_WORD = 128


_BRIEF = 256


def entries_of(execution: KubernetesExecution, action: Action | None = None) -> list[AuditEntry]:
    """The entries of an execution, oldest first. What is still unknown at a transition is in the next one's details.

    Each fits into MAX_BODY. `action` says which of the parameters are opaque, beyond the usual.
    """
    return [_fitted(_entry(execution, index, each, action)) for index, each in enumerate(execution.status.transitions)]


def brief(entry: AuditEntry) -> AuditEntry:
    """The least that can be told in the entry's place: the same id, no details, the beginning of its message."""
    return entry.model_copy(update={"details": {}, "message": cut(entry.message, _BRIEF)})


def _fitted(entry: AuditEntry) -> AuditEntry:
    """The entry with its largest details as digests, as many as it takes."""
    details = dict(entry.details)
    for name in sorted(details, key=lambda name: len(_json(details[name])), reverse=True):
        if body_size(entry) <= MAX_BODY:
            break
        details[name] = digest_of(_json(details[name]))
        entry = entry.model_copy(update={"details": details})
    return entry


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _entry(execution: KubernetesExecution, index: int, transition: Transition, action: Action | None) -> AuditEntry:
    spec = execution.spec
    target = spec.target
    where = f"{target.namespace}/{target.name}" if target.namespace else target.name
    by = spec.requested_by
    terminal = transition.phase in (Phase.ROLLBACK_READY, Phase.COMPLETED, Phase.FAILED)
    return AuditEntry(
        id=entry_id(execution.uid or "", f"{index}-{transition.phase[:_WORD]}"),
        subject=Subject(
            kind=execution.resource_type.kind,
            namespace=execution.namespace,
            name=execution.name,
            uid=execution.uid or "",
        ),
        transition=transition.phase[:_WORD],
        time=transition.time,
        actor=by.username if by else "",
        approver=_approver(execution, transition.time),
        action=spec.action,
        target=f"{target.kind} {where}",
        outcome=_OUTCOMES.get(transition.phase, ""),
        reason=(transition.reason or "")[:_WORD],
        message=cut(redact(transition.message or ""), _MESSAGE),
        details=_end(execution) if terminal else _beginning(execution, action) if index == 0 else {},
    )


def _approver(execution: KubernetesExecution, time: datetime) -> str:
    """Who had approved by then."""
    approval = execution.status.approval
    given = approval is not None and approval.decided_at is not None and approval.decided_at <= time
    return approval.decided_by if approval is not None and given else ""


def _beginning(execution: KubernetesExecution, action: Action | None) -> dict[str, Any]:
    """What was asked. Immutable, so that it may be told at any time."""
    spec = execution.spec
    described = described_parameters(spec.parameters, action)
    details: dict[str, Any] = {
        "parameters": {name: told if isinstance(told, dict) else str(told) for name, told in described.items()},
        "dryRun": spec.dry_run,
    }
    if spec.requested_by is not None and spec.requested_by.groups:
        details["groups"] = list(spec.requested_by.groups)
    if spec.rollback_of is not None:
        details["rollbackOf"] = spec.rollback_of.name
    if spec.parameters_from is not None:
        details["parametersFrom"] = spec.parameters_from.secret_ref.name
    if spec.workflow_execution_ref is not None:
        details["workflow"] = spec.workflow_execution_ref.name
    return details


def _end(execution: KubernetesExecution) -> dict[str, Any]:
    """How it ended. The status of an execution that ended does not change any more, but for its Job's release."""
    status = execution.status
    results, policy, back = status.execution_results, _policy(execution), status.rollback_information
    details: dict[str, Any] = {"specDigest": status.spec_digest or ""}
    if status.target is not None:
        details["targetUid"] = status.target.uid
    if policy:
        details["policy"] = policy
    if status.rejection is not None:
        details["rejectedBy"] = status.rejection.decided_by
    if results is not None:
        details["job"] = {"name": results.job_name, "exitCode": results.exit_code, "success": results.success}
    if back is not None and back.available:
        details["rollback"] = {"action": back.action, "capturedAt": back.to_dict().get("capturedAt")}
        if back.secret_ref is not None:
            details["rollback"]["secret"] = back.secret_ref.name
    return details


def _policy(execution: KubernetesExecution) -> dict[str, Any]:
    results = execution.status.validation_results
    if results is None or results.policy_validation is None:
        return {}
    found = results.policy_validation
    keys = ("allowed", "requiredApproval", "violations", "mode", "evaluator", "revision", "decisionId")
    told = {key: value for key, value in found.to_dict().items() if key in keys}
    for violation in told.get("violations", ()):
        violation["message"] = cut(redact(cut(violation.get("message", ""), _MESSAGE)), _BRIEF)
    return told

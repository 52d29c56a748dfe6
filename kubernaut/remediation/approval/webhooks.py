"""Admission of ApprovalRequests: who decided is stamped, and what was decided stays decided."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from kubernaut.client import StatusCause
from kubernaut.reconcile.webhooks import (
    AdmissionRequest,
    AdmissionWebhook,
    Denied,
    MutatingWebhook,
    Registration,
    ValidatingWebhook,
)
from kubernaut.remediation.approval.types import ApprovalRequest, DecidedBy
from kubernaut.resources import format_time
from kubernaut.timing import current_clock

SECONDS = 5
"""Nothing is read to answer, so whoever has not answered by then will not."""

_DECISION = ("decision", "reason", "decidedBy", "decidedAt")
_PLURAL = ApprovalRequest.resource_type.plural
_STATUS = f"{_PLURAL}/status"


def approval_webhooks() -> list[AdmissionWebhook]:
    """The webhooks without which an approval does not count.

    The mutating one writes who decided, and when, over whatever the request says. The validating one refuses to change
    a decision, one that comes too late, one by who asked where the policy does not allow that, and any change of what
    was asked. They match ApprovalRequests alone.
    """
    stamp = Registration(
        operations=("UPDATE",),
        resources=(_STATUS,),
        timeout=SECONDS,
        reinvocation_policy="IfNeeded",
        scope="Namespaced",
    )
    check = Registration(operations=("UPDATE",), resources=(_PLURAL, _STATUS), timeout=SECONDS, scope="Namespaced")
    return [
        MutatingWebhook(ApprovalRequest, stamp_decision, registration=stamp),
        ValidatingWebhook(ApprovalRequest, check_decision, registration=check),
    ]


def stamp_decision(request: AdmissionRequest[ApprovalRequest]) -> None:
    """Who decides is who asks to write it; the time is ours. Without a decision there is neither."""
    status, old = request.target.status, _decision(request.raw_old_object)
    if old.get("decision"):
        # What was decided is checked by the other webhook: a stamp would hide what somebody tried.
        return
    if status.decision is None:
        status.decided_by, status.decided_at = None, None
        return
    user = request.user
    try:
        status.decided_by = DecidedBy(username=user.username, uid=user.uid or None, groups=list(user.groups))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _denied("decidedBy", f"who decides cannot be recorded in full: {where}: {first['msg']}") from None
    now, made = current_clock().now().replace(microsecond=0), request.target.metadata.creation_timestamp
    # Our clock may be behind the API server's, and nobody decides before being asked.
    status.decided_at = now if made is None else max(now, made)


def check_decision(request: AdmissionRequest[ApprovalRequest]) -> None:
    """Refuse what would undo or forge a decision. Raises Denied naming the field."""
    if _part(request.raw_object, "spec") != _part(request.raw_old_object, "spec"):
        message = "spec is immutable: ask again instead"
        raise Denied(message, reason="Invalid", code=422, causes=[StatusCause("FieldValueInvalid", message, "spec")])
    old, new = _decision(request.raw_old_object), _decision(request.raw_object)
    if old.get("decision"):
        for field in _DECISION:
            if old.get(field) != new.get(field):
                raise _denied(field, f"{old['decision']} was decided, and a decision is final")
        return
    if not new.get("decision"):
        for field in ("decidedBy", "decidedAt"):
            if new.get(field):
                raise _denied(field, "is written by admission when somebody decides")
        return
    _check_new(request)


def _check_new(request: AdmissionRequest[ApprovalRequest]) -> None:
    spec, status, username = request.target.spec, request.target.status, request.user.username
    if status.decided_by is None or status.decided_by.username != username:
        raise _denied("decidedBy", f"is not who decides, {username!r}: was the mutating webhook called?")
    if current_clock().now() > spec.required_by:
        raise _denied("decision", f"comes too late: it was required by {format_time(spec.required_by)}")
    if status.decision == "approved" and username == spec.requested_by and not spec.self_approval:
        raise _denied("decision", f"{username} asked for this and cannot approve it: somebody else has to")


def _decision(raw: Any) -> dict[str, Any]:
    status = _part(raw, "status")
    return {field: status.get(field) or None for field in _DECISION}


def _part(raw: Any, name: str) -> dict[str, Any]:
    part = (raw or {}).get(name)
    return part if isinstance(part, dict) else {}


def _denied(field: str, message: str) -> Denied:
    path = f"status.{field}"
    return Denied(f"{path}: {message}", causes=[StatusCause("FieldValueForbidden", message, path)])

"""Decides, as a person does: finds the request that is meant, and writes the decision once."""

from __future__ import annotations

from datetime import datetime

from kubernaut.client import Client, Conflict, Forbidden, Invalid, MergePatch
from kubernaut.remediation.approval.types import ApprovalRequest, DecidedBy, Decision
from kubernaut.resources import format_time


class DecisionRefused(Exception):
    """It cannot be decided: the message says why, and what can be done."""


async def find_request(client: Client, name: str, namespace: str) -> ApprovalRequest:
    """The ApprovalRequest of that name, or the one for the execution of that name, the newest if there are several.

    Raises DecisionRefused where there is none, naming those that wait, and where the name fits both a request and the
    execution of another, naming both: an execution may be called like somebody else's request.
    """
    found = list(await client.list(ApprovalRequest, namespace=namespace))
    own = [request for request in found if request.name == name]
    fitting = [request for request in found if request.spec.subject.name == name]
    if own and any(request is not own[0] for request in fitting):
        told = " or ".join(_described(request) for request in (*own, *(each for each in fitting if each is not own[0])))
        raise DecisionRefused(f"{name!r} may mean two things: {told}; use the other name of the one that you mean")
    if own:
        return own[0]
    if fitting:
        return max(fitting, key=lambda request: (request.status.decision is None, request.spec.required_by))
    waiting = sorted(request.name for request in found if request.status.decision is None)
    there = f"waiting there: {', '.join(waiting[:10])}" if waiting else "nothing waits there"
    raise DecisionRefused(f"namespace {namespace} has no approval request of {name!r}; {there}")


def _described(request: ApprovalRequest) -> str:
    subject = request.spec.subject
    return f"ApprovalRequest {request.name} of {subject.kind} {subject.name} ({request.spec.summary})"


async def decide(
    client: Client,
    request: ApprovalRequest,
    decision: Decision,
    reason: str,
    *,
    now: datetime,
    sign_as: str | None = None,
) -> ApprovalRequest:
    """Write a decision. `sign_as` fills in who decides where no webhook does (a demonstration).

    Raises DecisionRefused when it is decided already, is expired, or the API server or a webhook refuses it.
    """
    if request.status.decision is not None:
        by = request.status.decided_by.username if request.status.decided_by else "somebody"
        raise DecisionRefused(f"{request.name} was {request.status.decision} by {by} already: a decision is final")
    if now > request.spec.required_by:
        raise DecisionRefused(f"{request.name} expired at {format_time(request.spec.required_by)}")
    status: dict[str, object] = {"decision": str(decision), "reason": reason}
    if sign_as is not None:
        status["decidedBy"] = DecidedBy(username=sign_as).to_dict()
        status["decidedAt"] = format_time(now)
    # Only what we looked at is decided: of two who decide at once, one is told.
    metadata = {"resourceVersion": request.metadata.resource_version, "uid": request.uid}
    patch = MergePatch({"metadata": metadata, "status": status})
    try:
        return await client.patch(
            ApprovalRequest, request.name, patch, namespace=request.namespace, subresource="status"
        )
    except Conflict:
        raise DecisionRefused(f"{request.name} changed just now: look at it again") from None
    except (Forbidden, Invalid) as error:
        raise DecisionRefused(f"{request.name}: {error}") from None

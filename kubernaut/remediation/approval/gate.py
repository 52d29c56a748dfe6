"""The gate of executions: asks for an approval, and says whether the one that was given counts."""

from __future__ import annotations

import hashlib
from datetime import datetime

from kubernaut.client import AlreadyExists, NotFound
from kubernaut.reconcile import Context, Owns, Permission
from kubernaut.remediation.approval.types import ApprovalRequest, ApprovalRequestSpec, Subject
from kubernaut.remediation.execution import Approved, KubernetesExecution, Reason
from kubernaut.remediation.execution.verdicts import Fail, Wait
from kubernaut.resources import ObjectMeta, format_time, set_controller_reference

NOT_STAMPED = "ApprovalNotStamped"
_MAX_NAME = 253
_MAX_TEXT = 512
_MAX_REASONS = 32


class ApprovalRequests:
    """Asks by an ApprovalRequest beside the execution, which owns it.

    `webhooks`: whether the webhooks that say who decided are at work. Without them anybody who may write a status
    could sign for somebody else, so an approval does not count then, unless `trust_unstamped` says that it does (for
    demonstrations).
    """

    def __init__(self, *, webhooks: bool, trust_unstamped: bool = False) -> None:
        self._counts = webhooks or trust_unstamped
        self._stamped = webhooks

    @property
    def watches(self) -> tuple[Owns, ...]:
        """A decision wakes the execution."""
        return (Owns(ApprovalRequest, applied=False),)

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """What asking needs."""
        return (Permission(["get", "create"], ApprovalRequest, why="asks for the approvals that the policy requires"),)

    async def ask(self, execution: KubernetesExecution, ctx: Context) -> Approved | Wait | Fail:
        """See `ApprovalGate.ask`. A decision counts for the digest that was shown, in time, by who may decide."""
        if execution.status.deadline is None:
            return Fail(Reason.INTERNAL_ERROR, "the phase has no deadline by which to approve")
        wanted = _spec(execution, execution.status.deadline)
        name = approval_name(execution)
        request = await self._request(execution, wanted, name, ctx)
        if request is None:
            return Wait()
        if not _is_ours(request, execution, wanted):
            return _taken(execution, name)
        execution.status.remove_condition(Reason.CHILD_NAME_TAKEN)
        return self._verdict(request, execution)

    async def _request(
        self, execution: KubernetesExecution, wanted: ApprovalRequestSpec, name: str, ctx: Context
    ) -> ApprovalRequest | None:
        try:
            return await ctx.client.get(ApprovalRequest, name, namespace=execution.namespace)
        except NotFound:
            pass
        made = ApprovalRequest(metadata=ObjectMeta(name=name, namespace=execution.namespace), spec=wanted)
        set_controller_reference(made, execution, block=False)
        try:
            await ctx.client.create(made)
        except AlreadyExists:
            # Made since we looked: whose it is shows in the next reconcile.
            return None
        ctx.events.event(execution, "ApprovalRequested", f"waits for ApprovalRequest {name}", action="Approve")
        return made

    def _verdict(self, request: ApprovalRequest, execution: KubernetesExecution) -> Approved | Wait | Fail:
        status, spec = request.status, request.spec
        if status.decision is None:
            return Wait()
        who = status.decided_by.username if status.decided_by else ""
        said = f" {status.reason}" if status.reason else ""
        if status.decision == "rejected":
            return Fail(Reason.APPROVAL_REJECTED, f"rejected by {who or 'somebody'}:{said}".rstrip(":"))
        if (self._stamped and not who) or not self._counts:
            message = "the approval does not count: the webhooks that say who decided are not at work"
            execution.status.set_condition("Approved", False, reason=NOT_STAMPED, message=message)
            return Wait()
        if status.decided_at is None or status.decided_at > spec.required_by:
            return Fail(Reason.APPROVAL_EXPIRED, f"approved after {format_time(spec.required_by)}")
        if who and who == spec.requested_by and not spec.self_approval:
            return Fail(Reason.APPROVAL_REJECTED, f"{who} asked for this and cannot approve it")
        return Approved(spec.digest, who or "somebody", status.decided_at)


def approval_name(execution: KubernetesExecution) -> str:
    """The name of an execution's ApprovalRequest: its own and ten hexadecimal digits of uid and digest.

    Deterministic, so that asking twice is harmless; a name that is too long is cut.
    """
    key = f"{execution.uid}/{execution.status.spec_digest}"
    suffix = "-" + hashlib.sha256(key.encode()).hexdigest()[:10]
    return execution.name[: _MAX_NAME - len(suffix)].rstrip("-.") + suffix


def _spec(execution: KubernetesExecution, required_by: datetime) -> ApprovalRequestSpec:
    spec, status = execution.spec, execution.status
    policy = status.validation_results.policy_validation if status.validation_results else None
    where = f" in {spec.target.namespace}" if spec.target.namespace else ""
    parameters = "".join(f" {name}={value}" for name, value in spec.parameters.items())
    summary = f"{spec.action} {spec.target.kind} {spec.target.name}{where}{parameters}"
    reasons = policy.approval_reasons if policy else []
    rt = execution.resource_type
    return ApprovalRequestSpec(
        subject=Subject(api_version=rt.api_version, kind=rt.kind, name=execution.name, uid=execution.uid or ""),
        digest=status.spec_digest or "",
        required_by=required_by,
        summary=summary if len(summary) <= _MAX_TEXT else summary[: _MAX_TEXT - 1] + "…",
        reasons=[reason[:_MAX_TEXT] for reason in reasons[:_MAX_REASONS]],
        requested_by=spec.requested_by.username if spec.requested_by else "",
        self_approval=bool(policy and policy.self_approval),
    )


def _is_ours(request: ApprovalRequest, execution: KubernetesExecution, wanted: ApprovalRequestSpec) -> bool:
    """Whoever may create one could have been first, with kinder terms; only the deadline may differ, to be earlier."""
    controller = request.metadata.controller_reference()
    return (
        controller is not None
        and controller.uid == execution.uid
        and request.spec.required_by <= wanted.required_by
        and request.spec.model_copy(update={"required_by": wanted.required_by}) == wanted
    )


def _taken(execution: KubernetesExecution, name: str) -> Wait:
    message = f"ApprovalRequest {name} is not the one that kubernaut makes; waiting until it is gone"
    execution.status.set_condition(Reason.CHILD_NAME_TAKEN, True, reason="ForeignApprovalRequest", message=message)
    return Wait()

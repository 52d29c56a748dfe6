"""The gate of executions: asks for an approval, and says whether the one that was given counts."""

from __future__ import annotations

import hashlib
from datetime import datetime

from kubernaut.actions import Action, Catalog, UnknownAction
from kubernaut.client import AlreadyExists, NotFound
from kubernaut.reconcile import Context, Owns, Permission
from kubernaut.remediation.approval.summary import bounded, summary_of
from kubernaut.remediation.approval.types import ApprovalRequest, ApprovalRequestSpec, Subject
from kubernaut.remediation.approval.webhooks import approval_webhooks
from kubernaut.remediation.execution import Approved, KubernetesExecution, Reason
from kubernaut.remediation.execution.types import ApprovalRecord
from kubernaut.remediation.execution.webhooks import RegisteredWebhooks, Vouching
from kubernaut.remediation.machine.verdicts import Fail, Wait
from kubernaut.resources import ObjectMeta, format_time, set_controller_reference

NOT_STAMPED = "ApprovalNotStamped"
_MAX_NAME = 253
_MAX_REASONS = 32


class ApprovalRequests:
    """Asks by an ApprovalRequest beside the execution, which owns it.

    `webhooks`: whether the webhooks that say who decided are at work; `vouching` is asked whether that holds, and did
    when the request was made (by default the webhook configurations named `kubernaut`). Without them anybody who may
    write a status could sign for somebody else, so an approval does not count then, unless `trust_unstamped` says that
    it does (for demonstrations). `catalog` tells which parameters of its actions are not to be shown.
    """

    def __init__(
        self,
        *,
        webhooks: bool,
        trust_unstamped: bool = False,
        vouching: Vouching | None = None,
        catalog: Catalog | None = None,
    ) -> None:
        self._catalog = catalog
        self._counts = webhooks or trust_unstamped
        self._stamped = webhooks
        self._vouching = vouching or RegisteredWebhooks(approval_webhooks())

    @property
    def watches(self) -> tuple[Owns, ...]:
        """A decision wakes the execution."""
        return (Owns(ApprovalRequest, applied=False),)

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """What asking needs."""
        asks = Permission(["get", "create"], ApprovalRequest, why="asks for the approvals that the policy requires")
        return (asks, *(self._vouching.permissions if self._stamped else ()))

    async def ask(self, execution: KubernetesExecution, ctx: Context) -> Approved | Wait | Fail:
        """See `ApprovalGate.ask`. A decision counts for the digest that was shown, in time, by who may decide."""
        if execution.status.deadline is None:
            return Fail(Reason.INTERNAL_ERROR, "the phase has no deadline by which to approve")
        wanted = _spec(execution, execution.status.deadline, self._action(execution.spec.action))
        name = approval_name(execution)
        request = await self._request(execution, wanted, name, ctx)
        if request is None:
            return Wait()
        if not _is_ours(request, execution, wanted):
            return _taken(execution, name)
        execution.status.remove_condition(Reason.CHILD_NAME_TAKEN)
        return await self._verdict(request, execution, ctx)

    def _action(self, name: str) -> Action | None:
        try:
            return self._catalog.get(name) if self._catalog is not None else None
        except UnknownAction:
            return None

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

    async def _verdict(
        self, request: ApprovalRequest, execution: KubernetesExecution, ctx: Context
    ) -> Approved | Wait | Fail:
        status, spec = request.status, request.spec
        if status.decision is None:
            return Wait()
        who = status.decided_by.username if status.decided_by else ""
        said = f" {status.reason}" if status.reason else ""
        if status.decision == "rejected":
            execution.status.rejection = ApprovalRecord(
                digest=spec.digest, decided_by=who or "somebody", decided_at=status.decided_at
            )
            return Fail(Reason.APPROVAL_REJECTED, f"rejected by {who or 'somebody'}:{said}".rstrip(":"))
        if doubt := await self._doubt(request, who, ctx):
            message = f"the approval does not count: {doubt}; create the execution again"
            execution.status.set_condition("Approved", False, reason=NOT_STAMPED, message=message)
            return Wait()
        if status.decided_at is None or status.decided_at > spec.required_by:
            return Fail(Reason.APPROVAL_EXPIRED, f"approved after {format_time(spec.required_by)}")
        if who and who == spec.requested_by and not spec.self_approval:
            return Fail(Reason.APPROVAL_REJECTED, f"{who} asked for this and cannot approve it")
        return Approved(spec.digest, who or "somebody", status.decided_at)

    async def _doubt(self, request: ApprovalRequest, who: str, ctx: Context) -> str | None:
        """Why the signature may be anybody's; None when admission wrote it, or where any is good enough.

        The webhooks must have been there when the request was made, not only by `decidedAt`: the one time is the API
        server's, the other would be the forger's.
        """
        if not self._counts or (self._stamped and not who):
            return "the webhooks that say who decided are not at work"
        made, decided = request.metadata.creation_timestamp, request.status.decided_at
        if made is not None and decided is not None and decided < made:
            return f"status.decidedAt is {format_time(decided)}, before anybody was asked"
        return await self._vouching.vouches(ctx.client, made) if self._stamped else None


def approval_name(execution: KubernetesExecution) -> str:
    """The name of an execution's ApprovalRequest: its own and ten hexadecimal digits of uid and digest.

    Deterministic, so that asking twice is harmless; a name that is too long is cut.
    """
    key = f"{execution.uid}/{execution.status.spec_digest}"
    suffix = "-" + hashlib.sha256(key.encode()).hexdigest()[:10]
    return execution.name[: _MAX_NAME - len(suffix)].rstrip("-.") + suffix


def _spec(execution: KubernetesExecution, required_by: datetime, action: Action | None) -> ApprovalRequestSpec:
    spec, status = execution.spec, execution.status
    policy = status.validation_results.policy_validation if status.validation_results else None
    reasons = policy.approval_reasons if policy else []
    rt = execution.resource_type
    return ApprovalRequestSpec(
        subject=Subject(api_version=rt.api_version, kind=rt.kind, name=execution.name, uid=execution.uid or ""),
        digest=status.spec_digest or "",
        required_by=required_by,
        summary=summary_of(execution, action),
        reasons=[bounded(reason) for reason in reasons[:_MAX_REASONS]],
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

"""Keeps `status.phase` and the conditions of ApprovalRequests: pending until decided, expired when nobody did."""

from __future__ import annotations

from kubernaut.reconcile import Context, Controller, Reconciler, Result
from kubernaut.remediation.approval.types import ApprovalRequest
from kubernaut.resources import format_time

PENDING, EXPIRED = "pending", "expired"
FINAL = ("approved", "rejected", EXPIRED)


class ApprovalReconciler(Reconciler[ApprovalRequest]):
    """Says where each request stands. It decides nothing."""

    async def reconcile(self, obj: ApprovalRequest, ctx: Context) -> Result | None:
        """Look again when the time is up."""
        status = obj.status
        before = status.phase
        left = obj.spec.required_by - ctx.clock.now()
        if status.decision is not None and before != EXPIRED:
            by = status.decided_by.username if status.decided_by else "somebody"
            _enter(obj, status.decision, f"{status.decision} by {by}{f': {status.reason}' if status.reason else ''}")
        elif left.total_seconds() <= 0:
            _enter(obj, EXPIRED, f"nobody decided by {format_time(obj.spec.required_by)}")
        else:
            _enter(obj, PENDING, f"waits for a decision until {format_time(obj.spec.required_by)}")
        decided = status.condition("Decided")
        if status.phase != before and decided is not None:
            ctx.events.event(obj, decided.reason or "", decided.message or "", action="Decide")
        return Result(requeue_after=left) if status.phase == PENDING else None


def approvals() -> Controller:
    """The controller of ApprovalRequests, for production and for tests alike."""
    return Controller(ApprovalRequest, ApprovalReconciler(), name="approvals", max_concurrent=4)


def _enter(request: ApprovalRequest, phase: str, message: str) -> None:
    status = request.status
    status.phase = phase
    status.set_condition("Decided", phase != PENDING, reason=phase.title(), message=message)
    status.set_condition("Ready", phase in FINAL, reason=phase.title(), message=message)

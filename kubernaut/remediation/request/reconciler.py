"""The reconciler of requests: the phase table's, and what happens when one is deleted."""

from __future__ import annotations

from kubernaut.client import Conflict, NotFound, ObjectHead
from kubernaut.reconcile import Context, Result
from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.machine.reconciler import PhaseReconciler
from kubernaut.remediation.machine.table import PhaseRow
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.machine.verdicts import SOON, Fail, Move
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request.children import Child, removed
from kubernaut.remediation.request.config import RequestConfig
from kubernaut.remediation.request.phases import PHASES
from kubernaut.remediation.request.reasons import Reason
from kubernaut.remediation.request.step import RequestStep
from kubernaut.remediation.request.types import FINALIZER, Phase, RemediationRequest
from kubernaut.remediation.workflow.types import WorkflowExecution

TOLD = (Phase.BLOCKED, Phase.MANUAL_REVIEW, Phase.COMPLETED)
"""Phases that `status.reason` tells the reason of, beside that of failures."""
KINDS: tuple[type[Child], ...] = (WorkflowExecution, AIAnalysis, RemediationProcessing)


class RequestReconciler(PhaseReconciler[RemediationRequest, RequestStep]):
    """One handler of one request per reconcile; each phase's status is written before the next begins."""

    finalizer = FINALIZER
    table = PHASES

    def __init__(self, config: RequestConfig) -> None:
        self._config = config
        self.poll = config.limits.poll

    def step(self, obj: RemediationRequest, ctx: Context) -> RequestStep:
        return RequestStep(obj, ctx, self._config)

    def observe(self, step: RequestStep) -> None:
        if self._config.metrics is not None:
            self._config.metrics.observe(step.obj)

    def describe(self, step: RequestStep, move: Move) -> str:
        return f"{step.spec.signal.name}: {move.phase}"

    def entering(self, step: RequestStep, move: Move) -> None:
        super().entering(step, move)
        status, told = step.status, move.phase in TOLD
        status.reason, status.message = (move.reason, cut(move.message)) if told else (None, None)
        if move.phase in (Phase.VERIFYING, Phase.MANUAL_REVIEW):
            status.healthy_since = None
        _block(step, move.phase == Phase.BLOCKED)

    def failing(self, step: RequestStep, row: PhaseRow[RequestStep], failure: Fail) -> None:
        super().failing(step, row, failure)
        _block(step, False)

    async def finalize(self, obj: RemediationRequest, ctx: Context) -> Result | None:
        """Delete the children, those that act first, in whatever phase; done when none is left."""
        step = self.step(obj, ctx)
        self.observe(step)
        if not await removed(step):
            return Result(requeue_after=2 * SOON)
        row = PHASES.get(obj.status.overall_phase or "")
        if row is not None and not row.terminal:
            # Only now: until nothing acts on the target any more it is not another's.
            self.fail(step, row, Fail(Reason.CANCELLED, f"deleted while {obj.status.overall_phase}"))
        return None

    async def finalize_raw(self, head: ObjectHead, ctx: Context) -> Result | None:
        """The same by metadata alone."""
        for kind in KINDS:
            children = [
                child
                for child in await ctx.client.list(kind, namespace=head.namespace)
                if (owner := child.metadata.controller_reference()) is not None and owner.uid == head.uid
            ]
            for child in children:
                try:
                    await ctx.client.delete(kind, child.name, namespace=head.namespace, uid=child.uid)
                except (NotFound, Conflict):
                    continue
            if children:
                return Result(requeue_after=2 * SOON)
        return None


def _block(step: RequestStep, on: bool) -> None:
    """What the status says of being blocked."""
    status = step.status
    if on and status.blocked is not None:
        status.set_condition("Blocked", True, reason=status.blocked.reason, message=status.blocked.message)
        return
    status.blocked = None
    if status.is_true("Blocked"):
        status.set_condition("Blocked", False, reason="NothingInTheWay")

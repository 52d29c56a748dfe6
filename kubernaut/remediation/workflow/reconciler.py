"""The reconciler of workflows: the phase table's, and what happens when one is deleted."""

from __future__ import annotations

from kubernaut.client import NotFound, ObjectHead
from kubernaut.reconcile import Context, Request, Result
from kubernaut.remediation.execution.lock import held_under, release_workflow
from kubernaut.remediation.machine import SOON, Fail, Move, PhaseReconciler, PhaseRow, cut
from kubernaut.remediation.workflow.config import WorkflowConfig
from kubernaut.remediation.workflow.errors import error_type
from kubernaut.remediation.workflow.executions import delete_execution, own_executions
from kubernaut.remediation.workflow.failing import note
from kubernaut.remediation.workflow.failure import Failure
from kubernaut.remediation.workflow.phases import PHASES
from kubernaut.remediation.workflow.reasons import WORKFLOW_FAILED, Reason
from kubernaut.remediation.workflow.types import FINALIZER, Phase, WorkflowExecution
from kubernaut.remediation.workflow.work import Work


class WorkflowReconciler(PhaseReconciler[WorkflowExecution, Work]):
    """One look at one workflow per reconcile; what is announced is written before it is done.

    It never begins a recovery of its own: how it failed is in the status, for whoever asked for it.
    """

    finalizer = FINALIZER
    table = PHASES

    def __init__(self, config: WorkflowConfig) -> None:
        self._config = config
        self.poll = config.limits.poll

    def step(self, obj: WorkflowExecution, ctx: Context) -> Work:
        return Work(obj, ctx, self._config)

    def entering(self, step: Work, move: Move) -> None:
        super().entering(step, move)
        if move.phase == Phase.ROLLING_BACK and step.status.transitions:
            row = PHASES[step.status.transitions[-1].phase]
            reason = move.reason or Reason.STEP_FAILED
            step.status.set_condition(row.condition, False, reason=reason, message=cut(move.message))

    def failing(self, step: Work, row: PhaseRow[Work], failure: Fail) -> None:
        super().failing(step, row, failure)
        kind = error_type(failure.cause, failure.reason, failure.message)
        note(step, Failure(failure.reason, failure.message, kind))
        status = step.status
        failed = status.failed_step
        where = f"step {failed + 1} ({status.failed_action})" if failed is not None else "no step"
        step.event(WORKFLOW_FAILED, f"{status.error_type} at {where}: {cut(failure.message)}", warning=True)

    async def finalize(self, obj: WorkflowExecution, ctx: Context) -> Result | None:
        """End whatever runs, in whatever phase; done when none of its executions is left. Nothing is undone."""
        work = self.step(obj, ctx)
        row = PHASES.get(obj.status.phase or "")
        if row is not None and not row.terminal:
            self.fail(work, row, Fail(Reason.CANCELLED, f"deleted while {obj.status.phase}"))
            self.bound(work)
        return await self._remove(ctx, obj.namespace, obj.uid or "")

    async def finalize_raw(self, head: ObjectHead, ctx: Context) -> Result | None:
        """The same by metadata alone."""
        return await self._remove(ctx, head.namespace, head.uid)

    async def gone(self, request: Request, ctx: Context) -> Result | None:
        """Let go of what a workflow that is gone holds: a Lease may arrive long after it was sent."""
        executor = self._config.execution.executor_namespace
        uids = held_under(ctx.cache, executor, WorkflowExecution, request)
        if not uids:
            return None
        try:
            live = await ctx.client.get(WorkflowExecution, request.name, namespace=request.namespace)
            uids.discard(live.uid or "")
        except NotFound:
            pass
        # A Lease tells of itself alone: whoever may write one must not have those of another workflow let go of.
        place = (request.namespace or "", request.name)
        released = [await release_workflow(ctx.client, executor, uid, place) for uid in sorted(uids) if uid]
        return None if all(released) else Result(requeue_after=self.poll)

    async def _remove(self, ctx: Context, namespace: str | None, uid: str) -> Result | None:
        left = await own_executions(ctx.client, namespace, uid)
        for execution in left:
            await delete_execution(ctx.client, execution)
        if left or not await release_workflow(ctx.client, self._config.execution.executor_namespace, uid):
            return Result(requeue_after=2 * SOON)
        return None

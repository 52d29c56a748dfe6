"""The reconciler of executions: the phase table's, and what happens when one is deleted."""

from __future__ import annotations

from kubernaut.actions import ANNOTATION_EXECUTION_NAME, ANNOTATION_EXECUTION_NAMESPACE, LABEL_EXECUTION_ID
from kubernaut.client import NotFound, ObjectHead
from kubernaut.reconcile import Context, Request, Result
from kubernaut.remediation.execution.config import ExecutionConfig
from kubernaut.remediation.execution.jobs import delete_job, own_jobs
from kubernaut.remediation.execution.keeping import remove_kept
from kubernaut.remediation.execution.lock import held_under, release_targets
from kubernaut.remediation.execution.phases import PHASES
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.run import Run
from kubernaut.remediation.execution.types import FINALIZER, KubernetesExecution, Phase
from kubernaut.remediation.machine.reconciler import PhaseReconciler
from kubernaut.remediation.machine.texts import cut
from kubernaut.remediation.machine.verdicts import SOON, Fail, Move
from kubernaut.resources.builtin.batch_v1 import Job

MAX_TOLD = 64
"""Violations and reasons of a policy that a status holds, each of at most TOLD_BYTES."""
TOLD_BYTES = 1024
NOT_REQUIRED = "ApprovalNotRequired"


class ExecutionReconciler(PhaseReconciler[KubernetesExecution, Run]):
    """One step of one execution per reconcile; each step's status is written before the next begins."""

    finalizer = FINALIZER
    table = PHASES

    def __init__(self, config: ExecutionConfig) -> None:
        self._config = config
        self.poll = config.limits.poll

    def step(self, obj: KubernetesExecution, ctx: Context) -> Run:
        return Run(obj, ctx, self._config)

    def observe(self, step: Run) -> None:
        if self._config.metrics is not None:
            self._config.metrics.observe(step.execution)

    def status_unwritten(self, obj: KubernetesExecution, error: Exception) -> None:
        if self._config.metrics is not None:
            self._config.metrics.unwritten(error)

    def entering(self, step: Run, move: Move) -> None:
        super().entering(step, move)
        if move.phase == Phase.EXECUTING and step.status.approval is None:
            # True, for who waits for it: but nobody approved.
            step.status.set_condition("Approved", True, reason=NOT_REQUIRED, message="no approval was needed")

    def describe(self, step: Run, move: Move) -> str:
        return f"{step.execution.spec.action}: {move.phase}"

    def bound(self, step: Run) -> None:
        super().bound(step)
        results = step.status.validation_results
        policy = results.policy_validation if results else None
        if policy is not None:
            policy.violations = policy.violations[:MAX_TOLD]
            policy.approval_reasons = [cut(reason, TOLD_BYTES) for reason in policy.approval_reasons[:MAX_TOLD]]
            for violation in policy.violations:
                violation.message = cut(violation.message, TOLD_BYTES)

    async def finalize(self, obj: KubernetesExecution, ctx: Context) -> Result | None:
        """Stop and remove the Jobs, in whatever phase, and what is kept; done when nothing is left."""
        run = self.step(obj, ctx)
        self.observe(run)
        row = PHASES.get(obj.status.phase or "")
        if row is not None and not row.terminal:
            self.fail(run, row, Fail(Reason.CANCELLED, f"deleted while {obj.status.phase}"))
        waiting = await self._remove_jobs(ctx, obj.uid or "")
        if waiting is None and self._config.audited and obj.status.recorded_transitions < len(obj.status.transitions):
            # The audit controller writes this status when it is done; nothing of the story may be lost.
            return Result(requeue_after=self._config.limits.poll)
        return waiting

    async def finalize_raw(self, head: ObjectHead, ctx: Context) -> Result | None:
        """The same by metadata alone."""
        return await self._remove_jobs(ctx, head.uid)

    async def gone(self, request: Request, ctx: Context) -> Result | None:
        """Remove the Jobs and Leases of an execution that is gone: a creation may arrive long after it was sent.

        A leader that was deposed without noticing sends its last one while its successor already finalizes.
        """
        place, executor = (request.namespace, request.name), self._config.executor_namespace
        heads = ctx.cache.heads(Job, namespace=executor)
        uids = {head.labels.get(LABEL_EXECUTION_ID, "") for head in heads if _place_of(head) == place}
        holding = held_under(ctx.cache, executor, KubernetesExecution, request)
        if not uids | holding:
            return None
        try:
            live = {(await ctx.client.get(KubernetesExecution, request.name, namespace=request.namespace)).uid or ""}
        except NotFound:
            live = set()
        for uid in sorted(holding - live):
            # A Lease tells of itself alone: whoever may write one must not have Jobs removed by it.
            await release_targets(ctx.client, executor, uid, (request.namespace or "", request.name))
        waiting = [await self._remove_jobs(ctx, uid) for uid in sorted(uids - live) if uid]
        return next((result for result in waiting if result is not None), None)

    async def _remove_jobs(self, ctx: Context, uid: str) -> Result | None:
        jobs = await own_jobs(ctx.client, self._config.executor_namespace, uid)
        for job in jobs:
            await delete_job(ctx.client, job)
        if jobs:
            return Result(requeue_after=2 * SOON)
        await release_targets(ctx.client, self._config.executor_namespace, uid)
        await remove_kept(ctx.client, self._config.executor_namespace, uid)
        return None


def _place_of(job: ObjectHead) -> tuple[str | None, str | None]:
    """Where the execution is that a Job says it belongs to."""
    annotations = job.annotations
    return annotations.get(ANNOTATION_EXECUTION_NAMESPACE), annotations.get(ANNOTATION_EXECUTION_NAME)

"""Phase `executing`: one workflow, and what follows from its end."""

from __future__ import annotations

from kubernaut.remediation.analysis.types import AIAnalysis, Proposal
from kubernaut.remediation.analysis.types import Phase as AnalysisPhase
from kubernaut.remediation.machine.children import CHILD_NAME_TAKEN, ensure_child, find_child
from kubernaut.remediation.machine.verdicts import SOON, Move, Verdict, Wait
from kubernaut.remediation.request.children import gone, note_workflow, wanted_workflow
from kubernaut.remediation.request.ending import review
from kubernaut.remediation.request.finding import accepted
from kubernaut.remediation.request.gates import competition
from kubernaut.remediation.request.reasons import Review
from kubernaut.remediation.request.recovery import answer
from kubernaut.remediation.request.step import RequestStep
from kubernaut.remediation.request.types import Phase
from kubernaut.remediation.workflow.types import Phase as WorkflowPhase
from kubernaut.remediation.workflow.types import WorkflowExecution

VANISHED = "vanished"


async def executing(step: RequestStep) -> Verdict:
    """Creates this attempt's workflow, once; and sees how it ends. Raises ApiError."""
    known = step.workflow_ref
    workflow = await find_child(step, WorkflowExecution, step.workflow_name)
    if workflow is None and known is None:
        return await _begin(step)
    if workflow is None or (known is not None and known.uid != workflow.uid):
        return _vanished(step)
    if workflow.metadata.deletion_timestamp is not None:
        # It stops what it has begun; what it says of itself meanwhile is about being deleted.
        return Wait(2 * SOON)
    note_workflow(step, workflow)
    if workflow.status.phase == WorkflowPhase.COMPLETED:
        return Move(Phase.VERIFYING)
    if workflow.status.phase == WorkflowPhase.FAILED:
        return answer(step)
    if step.expired:
        await gone(step, WorkflowExecution, workflow.name)
        return Wait(2 * SOON)
    return Wait()


async def _begin(step: RequestStep) -> Verdict:
    if step.expired:
        look_at = [f"WorkflowExecution {step.obj.namespace}/{step.workflow_name}: it was never made"]
        return review(step, Review.EXECUTING_TIMEOUT, "no workflow could be made in time", look_at)
    if step.phased.is_true(CHILD_NAME_TAKEN):
        return Wait()
    analysis = await find_child(step, AIAnalysis, step.found_name)
    if analysis is None or analysis.status.phase not in (AnalysisPhase.COMPLETED, AnalysisPhase.FAILED):
        return Move(Phase.RECOVERING if step.attempt else Phase.ANALYZING, "the analysis vanished")
    proposal = accepted(step, analysis)
    if not isinstance(proposal, Proposal):
        return proposal
    if (verdict := await competition(step)) is not None:
        return verdict
    created = await ensure_child(step, wanted_workflow(step, proposal))
    if created is not None:
        note_workflow(step, created)
    return Wait()


def _vanished(step: RequestStep) -> Verdict:
    """A workflow is never made twice: what the first one did is not known."""
    ref, name = step.workflow_ref, f"WorkflowExecution {step.obj.namespace}/{step.workflow_name}"
    if step.phased.is_true(CHILD_NAME_TAKEN):
        name = f"{name} (another's now)"
    if ref is not None:
        ref.outcome = ref.outcome or VANISHED
    look_at = [f"{name}: it is gone, and how far it had come is not known"]
    if step.expired:
        message = "the workflow had not ended in time, and was stopped"
        return review(step, Review.EXECUTING_TIMEOUT, message, look_at)
    return review(step, Review.CHILD_VANISHED, "the workflow was deleted by somebody while it was at work", look_at)

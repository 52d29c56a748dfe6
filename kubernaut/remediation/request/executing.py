"""Phase `executing`: one workflow, and what follows from its end."""

from __future__ import annotations

from kubernaut.client import NotFound
from kubernaut.remediation.analysis.types import AIAnalysis, Proposal
from kubernaut.remediation.machine.children import CHILD_NAME_TAKEN, asks_the_same, ensure_child, find_child
from kubernaut.remediation.machine.verdicts import SOON, Move, Verdict, Wait
from kubernaut.remediation.request.children import OVER, gone, is_analysis, note_workflow, wanted_workflow
from kubernaut.remediation.request.ending import insist, review
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
    if known is None:
        return await _begin(step)
    workflow = await find_child(step, WorkflowExecution, step.workflow_name)
    if workflow is None or known.uid != workflow.uid:
        return _vanished(step)
    return await _follow(step, workflow)


async def _follow(step: RequestStep, workflow: WorkflowExecution) -> Verdict:
    if workflow.metadata.deletion_timestamp is not None:
        # It stops what it has begun; what it says of itself meanwhile is about being deleted.
        return Wait(2 * SOON)
    note_workflow(step, workflow)
    if workflow.status.phase == WorkflowPhase.COMPLETED:
        return Move(Phase.VERIFYING)
    if workflow.status.phase == WorkflowPhase.FAILED:
        return answer(step)
    if step.expired:
        await insist(gone(step, WorkflowExecution, workflow.name))
        return Wait(2 * SOON)
    return Wait()


async def _begin(step: RequestStep) -> Verdict:
    """Whatever became of an earlier look that could not be noted."""
    analysis = await _decided(step)
    if analysis is None:
        if step.expired:
            return await _never_made(step)
        return Move(Phase.RECOVERING if step.attempt else Phase.ANALYZING, "the analysis vanished")
    proposal = accepted(step, analysis)
    if not isinstance(proposal, Proposal):
        return proposal
    wanted = wanted_workflow(step, proposal)
    found = await find_child(step, WorkflowExecution, wanted.name, lambda child: asks_the_same(child, wanted))
    if found is not None:
        return await _follow(step, found)
    if step.expired:
        return await _never_made(step)
    if step.phased.is_true(CHILD_NAME_TAKEN):
        return Wait()
    if (verdict := await competition(step)) is not None:
        return verdict
    created = await ensure_child(step, wanted)
    if created is not None:
        note_workflow(step, created)
    return Wait()


async def _decided(step: RequestStep) -> AIAnalysis | None:
    """The analysis that this attempt rests on; None where it is gone, or another has its name. Raises ApiError."""
    try:
        found = await step.ctx.client.get(AIAnalysis, step.found_name, namespace=step.obj.namespace)
    except NotFound:
        return None
    # Where nothing keeps its spec from being changed, its target may be another by now.
    return found if is_analysis(step, found) and found.status.phase in OVER[AIAnalysis] else None


async def _never_made(step: RequestStep) -> Verdict:
    """No workflow of this attempt was noted in time; one that says it is ours must not act any more either."""
    if not await insist(gone(step, WorkflowExecution, step.workflow_name)):
        return Wait(2 * SOON)
    look_at = [f"WorkflowExecution {step.obj.namespace}/{step.workflow_name}: it was never made"]
    return review(step, Review.EXECUTING_TIMEOUT, "no workflow could be made in time", look_at)


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

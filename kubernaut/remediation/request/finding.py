"""Phases `processing`, `analyzing` and `recovering`: what the facts are, and what to do about them."""

from __future__ import annotations

from kubernaut.remediation.analysis.types import AIAnalysis, Proposal
from kubernaut.remediation.analysis.types import Phase as AnalysisPhase
from kubernaut.remediation.machine.children import asks_the_same, ensure_child
from kubernaut.remediation.machine.verdicts import Move, Verdict, Wait
from kubernaut.remediation.processing.types import Phase as ProcessingPhase
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request.beginning import held_up, pointless, suspended
from kubernaut.remediation.request.children import (
    is_analysis,
    note_analysis,
    reference,
    wanted_analysis,
    wanted_processing,
)
from kubernaut.remediation.request.ending import review
from kubernaut.remediation.request.reasons import Review
from kubernaut.remediation.request.step import RequestStep
from kubernaut.remediation.request.types import Phase

MAX_EVIDENCE = 5


async def processing(step: RequestStep) -> Verdict:
    """Gathers the facts. Raises ApiError."""
    facts = await _facts(step)
    return Move(Phase.ANALYZING) if isinstance(facts, RemediationProcessing) else facts


async def analyzing(step: RequestStep) -> Verdict:
    """Has the facts analyzed; on where something is to be done, and may be. Raises ApiError."""
    found = await _analysis(step)
    if not isinstance(found, AIAnalysis):
        return found
    proposal = accepted(step, found)
    if not isinstance(proposal, Proposal):
        return proposal
    # Time has passed since the last look; what is in the way now may not have been there.
    return pointless(step) or held_up(step) or Move(Phase.EXECUTING, _headline(proposal))


async def recovering(step: RequestStep) -> Verdict:
    """The same after a failure: facts of the present, and an analysis that knows of the failure. Raises ApiError."""
    if (hindered := held_up(step)) is not None:
        return hindered
    found = await _analysis(step)
    if not isinstance(found, AIAnalysis):
        return found
    proposal = accepted(step, found)
    return Move(Phase.EXECUTING, _headline(proposal)) if isinstance(proposal, Proposal) else proposal


def accepted(step: RequestStep, analysis: AIAnalysis) -> Proposal | Move:
    """What is to be carried out, or who decides instead."""
    proposal, where = analysis.status.proposal, f"AIAnalysis {analysis.namespace}/{analysis.name}"
    if analysis.status.phase == AnalysisPhase.FAILED or proposal is None:
        why = analysis.status.message or analysis.status.reason or "it does not say why"
        return review(step, Review.ANALYSIS_FAILED, f"the analysis failed: {why}", [f"{where}: {why}"])
    if proposal.recommendation != "review" and proposal.steps:
        return proposal
    why = proposal.reason or ("nothing that is known would help" if not proposal.steps else "a person should decide")
    look_at = [
        f"{where}: {proposal.root_cause} ({proposal.confidence:.0%} sure)",
        *(f"{each.source}: {each.text}" for each in proposal.evidence[:MAX_EVIDENCE]),
        *(f"proposed: {each.action} on {each.target.kind} {each.target.name}" for each in proposal.steps),
    ]
    # An analyzer may give its root cause as its reason as well: once is enough.
    message = why if why.startswith(proposal.root_cause) else f"{proposal.root_cause}: {why}"
    return review(step, Review.ANALYSIS_INCONCLUSIVE, message, look_at)


async def _facts(step: RequestStep) -> RemediationProcessing | Move | Wait:
    """This attempt's facts, made anew where they vanished: looking changes nothing."""
    child = await ensure_child(step, wanted_processing(step))
    if child is not None:
        step.status.remediation_processing_ref = reference(child)
        if child.status.phase == ProcessingPhase.COMPLETED:
            return child
        if child.status.phase == ProcessingPhase.FAILED:
            why = child.status.message or child.status.reason or "it does not say why"
            look_at = [f"RemediationProcessing {child.namespace}/{child.name}: {why}"]
            return review(step, Review.PROCESSING_FAILED, f"the facts could not be gathered: {why}", look_at)
    if not step.expired:
        return Wait()
    look_at = [f"RemediationProcessing {step.obj.namespace}/{step.found_name}: it has not ended"]
    return review(step, Review.PROCESSING_TIMEOUT, "the facts were not gathered in time", look_at)


async def _analysis(step: RequestStep) -> AIAnalysis | Move | Wait:
    """This attempt's analysis once it has ended; made anew where it vanished."""
    facts = await _facts(step)
    if not isinstance(facts, RemediationProcessing):
        return facts
    if step.analysis_ref is None and (hindered := suspended(step)) is not None:
        return hindered
    wanted = wanted_analysis(step, reference(facts))
    child = await ensure_child(step, wanted, lambda found: is_analysis(step, found) or asks_the_same(found, wanted))
    if child is not None:
        note_analysis(step, child)
        if child.status.phase in (AnalysisPhase.COMPLETED, AnalysisPhase.FAILED):
            return child
    if not step.expired:
        return Wait()
    look_at = [f"AIAnalysis {step.obj.namespace}/{step.found_name}: it has not ended"]
    return review(step, Review.ANALYSIS_TIMEOUT, "the analysis has not ended in time", look_at)


def _headline(proposal: Proposal) -> str:
    return f"{proposal.root_cause}: {', '.join(each.action for each in proposal.steps)}"

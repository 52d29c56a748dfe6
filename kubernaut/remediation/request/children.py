"""The objects that a request hands its work to: what they are made of, and how they are stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubernaut.client import Conflict, NotFound
from kubernaut.remediation.analysis.types import AIAnalysis, AIAnalysisSpec, Proposal
from kubernaut.remediation.analysis.types import Phase as AnalysisPhase
from kubernaut.remediation.execution.types import ObjectRef
from kubernaut.remediation.machine.children import asks_the_same, child_name
from kubernaut.remediation.processing.types import Phase as ProcessingPhase
from kubernaut.remediation.processing.types import RemediationProcessing, RemediationProcessingSpec
from kubernaut.remediation.request.step import RequestStep, found_name
from kubernaut.remediation.request.types import AnalysisRef, WorkflowRef
from kubernaut.remediation.workflow.types import Phase as WorkflowPhase
from kubernaut.remediation.workflow.types import WorkflowExecution, WorkflowExecutionSpec
from kubernaut.resources import ObjectMeta, Resource

Child = RemediationProcessing | AIAnalysis | WorkflowExecution

OVER: dict[type[Resource], tuple[str, ...]] = {
    RemediationProcessing: (ProcessingPhase.COMPLETED, ProcessingPhase.FAILED),
    AIAnalysis: (AnalysisPhase.COMPLETED, AnalysisPhase.FAILED),
    WorkflowExecution: (WorkflowPhase.COMPLETED, WorkflowPhase.FAILED),
}
"""The terminal phases of each kind."""
STOPPED = "stopped"
"""The outcome of a child that was deleted while it was at work."""
MAX_TEXT = 1024
MAX_REASON = 512


def reference(child: Resource) -> ObjectRef:
    """A child as others refer to it."""
    return ObjectRef(name=child.name, namespace=child.namespace, uid=child.uid)


def wanted_processing(step: RequestStep) -> RemediationProcessing:
    """What gathers the facts of this attempt."""
    spec = RemediationProcessingSpec(
        signal=step.spec.signal, target=step.spec.target, remediation_request_ref=reference(step.obj)
    )
    return RemediationProcessing(metadata=ObjectMeta(name=step.found_name), spec=spec)


def wanted_analysis(step: RequestStep, processing: ObjectRef | None) -> AIAnalysis:
    """What decides about this attempt; of a recovery it is told what was tried before."""
    spec = AIAnalysisSpec(
        signal=step.spec.signal,
        target=step.spec.target,
        processing_ref=processing,
        remediation_request_ref=reference(step.obj),
        **(_failure(step) if step.attempt else {}),
    )
    return AIAnalysis(metadata=ObjectMeta(name=step.found_name), spec=spec)


def is_analysis(step: RequestStep, found: AIAnalysis) -> bool:
    """Whether it is the analysis that this attempt recorded, and asks for the same as ever.

    Facts that were gathered anew have another uid: an analysis of the first ones stays the same analysis.
    """
    recorded = step.analysis_ref
    if recorded is None or recorded.uid != found.uid:
        return False
    return asks_the_same(found, wanted_analysis(step, found.spec.processing_ref))


def _failure(step: RequestStep) -> dict[str, Any]:
    """What a recovery is told of the attempt before it."""
    failed = step.status.workflow_execution_refs[-1]
    previous = [ref for ref in step.status.ai_analysis_refs if ref.attempt_number < step.attempt]
    return {
        "is_recovery_attempt": True,
        "recovery_attempt_number": step.attempt,
        "failed_workflow_ref": ObjectRef(name=failed.name, namespace=failed.namespace, uid=failed.uid),
        "failed_step": failed.failed_step,
        "failed_action": failed.failed_action,
        "failure_reason": failed.failure_reason,
        "error_type": failed.error_type,
        "previous_ai_analysis_refs": [
            ObjectRef(name=ref.name, namespace=ref.namespace, uid=ref.uid) for ref in previous
        ],
    }


def wanted_workflow(step: RequestStep, proposal: Proposal) -> WorkflowExecution:
    """What carries a proposal out, for whoever asked for the request."""
    reason = proposal.reason or f"the analysis is {proposal.confidence:.0%} sure"
    spec = WorkflowExecutionSpec(
        steps=proposal.steps,
        target=step.spec.target,
        require_approval=reason[:MAX_REASON] if proposal.recommendation == "approve" else None,
        remediation_request_ref=reference(step.obj),
        requested_by=step.spec.requested_by,
    )
    return WorkflowExecution(metadata=ObjectMeta(name=step.workflow_name), spec=spec)


def note_analysis(step: RequestStep, analysis: AIAnalysis) -> None:
    """Keep the reference to the present attempt's analysis, and what came of it."""
    status = analysis.status
    outcome = None
    if status.phase == AnalysisPhase.COMPLETED and status.proposal is not None:
        outcome = str(status.proposal.recommendation)
    elif status.phase in OVER[AIAnalysis]:
        outcome = status.phase
    ref = AnalysisRef(
        name=analysis.name,
        namespace=analysis.namespace,
        uid=analysis.uid,
        attempt_number=step.attempt,
        outcome=outcome,
        completion_time=status.completion_time,
    )
    others = [each for each in step.status.ai_analysis_refs if each.attempt_number != step.attempt]
    step.status.ai_analysis_refs = [*others, ref]


def note_workflow(step: RequestStep, workflow: WorkflowExecution) -> None:
    """Keep the reference to the present attempt's workflow, and how it ended."""
    status, failed = workflow.status, workflow.status.phase == WorkflowPhase.FAILED
    ref = WorkflowRef(
        name=workflow.name,
        namespace=workflow.namespace,
        uid=workflow.uid,
        attempt_number=step.attempt,
        outcome=status.phase if status.phase in OVER[WorkflowExecution] else None,
        completion_time=status.completion_time,
    )
    if failed:
        why = status.failure_reason or status.message or status.reason or "it does not say why"
        ref.failed_step, ref.failed_action, ref.error_type = status.failed_step, status.failed_action, status.error_type
        ref.failure_reason = why[:MAX_TEXT]
    others = [each for each in step.status.workflow_execution_refs if each.attempt_number != step.attempt]
    step.status.workflow_execution_refs = [*others, ref]
    step.status.current_workflow_execution_ref = reference(workflow)


def children_of(step: RequestStep) -> Iterator[tuple[type[Child], str, int]]:
    """Every child there may be, recorded or not, with its attempt; what acts comes first."""
    request, attempts = step.obj.name, range(step.attempt, -1, -1)
    yield from ((WorkflowExecution, child_name(request, attempt), attempt) for attempt in attempts)
    yield from ((AIAnalysis, found_name(request, attempt), attempt) for attempt in attempts)
    yield from ((RemediationProcessing, found_name(request, attempt), attempt) for attempt in attempts)


async def gone(step: RequestStep, kind: type[Child], name: str) -> bool:
    """Delete a child of this request; whether there is none any more. Raises ApiError."""
    child = await _own(step, kind, name)
    return child is None or await _deleted(step, child)


async def stopped(step: RequestStep) -> bool:
    """Delete what is still at work; whether nothing is any more. Raises ApiError."""
    done = True
    for kind, name, attempt in children_of(step):
        child = await _own(step, kind, name)
        if child is None:
            continue
        # One that was created just before may not have been recorded.
        if isinstance(child, WorkflowExecution) and attempt == step.attempt and step.workflow_ref is None:
            note_workflow(step, child)
        elif isinstance(child, AIAnalysis) and attempt == step.attempt and step.analysis_ref is None:
            note_analysis(step, child)
        over = child.status.phase in OVER[kind] and child.metadata.deletion_timestamp is None
        done = (over or await _deleted(step, child)) and done
    for refs in (step.status.workflow_execution_refs, step.status.ai_analysis_refs):
        for ref in refs:
            ref.outcome = ref.outcome or STOPPED
    return done


async def removed(step: RequestStep) -> bool:
    """Delete every child, those that act before the others; whether none is left. Raises ApiError."""
    for kind in (WorkflowExecution, AIAnalysis, RemediationProcessing):
        done = [await gone(step, each, name) for each, name, _ in children_of(step) if each is kind]
        if not all(done):
            return False
    return True


async def _own(step: RequestStep, kind: type[Child], name: str) -> Child | None:
    """The child of that name as the server has it; None where there is none, or it is a stranger's."""
    try:
        child: Child = await step.ctx.client.get(kind, name, namespace=step.obj.namespace)
    except NotFound:
        return None
    controller = child.metadata.controller_reference()
    return child if controller is not None and controller.uid == step.uid else None


async def _deleted(step: RequestStep, child: Child) -> bool:
    """Whether it is gone; it may take its time to stop what it has begun."""
    if child.metadata.deletion_timestamp is not None:
        return False
    try:
        left = await step.ctx.client.delete(type(child), child.name, namespace=child.namespace, uid=child.uid)
    except (NotFound, Conflict):
        return False
    return left is None

"""AIAnalysis: the facts go in; a root cause and a workflow made of known actions come out."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from kubernaut.remediation.execution.types import ExecutionTarget, ObjectRef
from kubernaut.remediation.machine.status import PhasedStatus
from kubernaut.remediation.signals import Signal
from kubernaut.remediation.workflow.types import MAX_STEPS, WorkflowStep
from kubernaut.resources import Model, PrinterColumn, Resource, Rule, Time

GROUP = "aianalysis.kubernaut.io"

Text = Annotated[str, Field(max_length=1024)]


class AIAnalysisSpec(Model):
    """What to analyze; immutable. For a recovery also what was tried before, and how it failed."""

    signal: Signal
    target: ExecutionTarget
    processing_ref: ObjectRef | None = None
    """Whose facts to use; without it the analyzer has none but the signal."""
    remediation_request_ref: ObjectRef | None = None
    is_recovery_attempt: bool = False
    recovery_attempt_number: Annotated[int, Field(ge=0)] = 0
    failed_workflow_ref: ObjectRef | None = None
    failed_step: Annotated[int, Field(ge=0)] | None = None
    failed_action: Annotated[str, Field(max_length=63)] | None = None
    failure_reason: Annotated[str, Field(max_length=4096)] | None = None
    error_type: Annotated[str, Field(max_length=63)] | None = None
    previous_ai_analysis_refs: Annotated[list[ObjectRef], Field(max_length=16, alias="previousAIAnalysisRefs")] = Field(
        default_factory=list
    )


class Phase(StrEnum):
    """The phases in `status.phase`; the last two are terminal."""

    ANALYZING = "analyzing"
    COMPLETED = "completed"
    FAILED = "failed"


class Evidence(Model):
    """One observation that the conclusion rests on."""

    source: Annotated[str, Field(max_length=253)]
    """Where it was seen, such as `pod/web-1` or `rule/crash-loop`."""
    text: Text


class Proposal(Model):
    """What should be done, and how sure that is. Checked against the catalog before it is stored."""

    root_cause: Text
    confidence: Annotated[float, Field(ge=0, le=1)]
    evidence: Annotated[list[Evidence], Field(max_length=32)] = Field(default_factory=list)
    steps: Annotated[list[WorkflowStep], Field(max_length=MAX_STEPS)] = Field(default_factory=list)
    """Empty: nothing that the catalog has would help."""
    recommendation: Literal["proceed", "approve", "review"] = "review"
    """`proceed`: carry it out, as the policy allows. `approve`: a person approves every step. `review`: a person
    decides what to do."""
    reason: Text = ""
    """Why the recommendation is not `proceed`."""


class AIAnalysisStatus(PhasedStatus):
    """The proposal, once the phase is `completed`; by which analyzer, after how many tries."""

    phase: str | None = None
    proposal: Proposal | None = None
    analyzer: Annotated[str, Field(max_length=253)] = ""
    revision: Annotated[str, Field(max_length=253)] = ""
    """Of the rules, or of the model, as the analyzer says."""
    attempts: int = 0
    next_attempt: Time | None = None


class AIAnalysis(
    Resource,
    group=GROUP,
    version="v1",
    plural="aianalyses",
    short_names=("aia",),
    categories=("kubernaut",),
    status_subresource=True,
    printer_columns=(
        PrinterColumn("Phase", ".status.phase"),
        PrinterColumn("Recommendation", ".status.proposal.recommendation"),
        PrinterColumn("Confidence", ".status.proposal.confidence", type="number"),
        PrinterColumn("Root Cause", ".status.proposal.rootCause"),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    ),
    rules=(Rule("self == oldSelf", message="spec is immutable", at="spec"),),
):
    """Asks an analyzer what is wrong and what to do; its answer is data, and never trusted."""

    spec: AIAnalysisSpec
    status: AIAnalysisStatus = Field(default_factory=AIAnalysisStatus)

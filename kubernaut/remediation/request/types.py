"""RemediationRequest: a signal about a target, and the story of what was done about it."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from kubernaut.remediation.execution.types import ExecutionTarget, ObjectRef, RequestedBy
from kubernaut.remediation.machine.status import PhasedStatus
from kubernaut.remediation.signals import Signal
from kubernaut.resources import Duration, Model, PrinterColumn, Resource, Rule, Time

GROUP = "remediation.kubernaut.io"
FINALIZER = f"{GROUP}/finalizer"
MAX_ATTEMPTS = 10

Text = Annotated[str, Field(max_length=1024)]


class Timeouts(Model):
    """How long each phase, and all of them together, may take; what is left out is the operator's default."""

    processing: Duration | None = None
    analyzing: Duration | None = None
    executing: Duration | None = None
    verifying: Duration | None = None
    overall: Duration | None = None


class RemediationRequestSpec(Model):
    """What is wrong. Immutable but for `suspend` and `cancel`."""

    signal: Signal
    target: ExecutionTarget
    max_recovery_attempts: Annotated[int, Field(ge=0, le=MAX_ATTEMPTS)] = 3
    timeouts: Timeouts = Field(default_factory=Timeouts)
    suspend: bool = False
    """Nothing new begins while this is true; what is under way comes to its end."""
    cancel: bool = False
    """End as `failed` with reason `Cancelled`, and stop what is under way."""
    requested_by: RequestedBy | None = None


class Phase(StrEnum):
    """The phases in `overallPhase`; terminal are `completed` and `failed`; `manual_review` is a person's turn."""

    PENDING = "pending"
    PROCESSING = "processing"
    ANALYZING = "analyzing"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    RECOVERING = "recovering"
    BLOCKED = "blocked"
    MANUAL_REVIEW = "manual_review"
    FAILED = "failed"


class AnalysisRef(ObjectRef):
    """An analysis of this request, and what came of it."""

    attempt_number: int = 0
    """0 is the first analysis, from 1 on those of recoveries."""
    outcome: Annotated[str, Field(max_length=63)] | None = None
    completion_time: Time | None = None


class WorkflowRef(ObjectRef):
    """A workflow of this request, and how it ended."""

    attempt_number: int = 0
    outcome: Annotated[str, Field(max_length=63)] | None = None
    failed_step: int | None = None
    failed_action: Annotated[str, Field(max_length=63)] | None = None
    error_type: Annotated[str, Field(max_length=63)] | None = None
    failure_reason: Text | None = None
    completion_time: Time | None = None


class Blocked(Model):
    """Why nothing is done at the moment, and until when at most."""

    reason: Annotated[str, Field(max_length=63)]
    """`DuplicateSignal`, `TargetBusy`, `RecentlyRemediated`, `ConsecutiveFailures` or `Suspended`."""
    message: Text = ""
    until: Time | None = None
    resume: Annotated[str, Field(max_length=63)] = Phase.PENDING.value
    """The phase that goes on afterwards."""


class ManualReview(Model):
    """Why a person is needed, and what they should look at."""

    reason: Annotated[str, Field(max_length=128)]
    message: Text = ""
    look_at: Annotated[list[Text], Field(max_length=16)] = Field(default_factory=list)


class RemediationRequestStatus(PhasedStatus):
    """How far it has come, by which children; what blocks it, and what a person should know."""

    phase_field: ClassVar[str] = "overall_phase"

    overall_phase: str | None = None
    overall_deadline: Time | None = None
    """When all of it must have ended; absolute."""
    remediation_processing_ref: ObjectRef | None = None
    ai_analysis_refs: Annotated[list[AnalysisRef], Field(max_length=MAX_ATTEMPTS + 1)] = Field(default_factory=list)
    workflow_execution_refs: Annotated[list[WorkflowRef], Field(max_length=MAX_ATTEMPTS + 1)] = Field(
        default_factory=list
    )
    current_workflow_execution_ref: ObjectRef | None = None
    recovery_attempts: int = 0
    recovery_reason: Annotated[str, Field(max_length=253)] | None = None
    """`workflow_<errorType>_step_<n>` of the last failure that was answered with a recovery."""
    last_failure_time: Time | None = None
    blocked: Blocked | None = None
    manual_review: ManualReview | None = None
    healthy_since: Time | None = None
    target_uid: Annotated[str, Field(max_length=128)] | None = None


class RemediationRequest(
    Resource,
    group=GROUP,
    version="v1",
    short_names=("rr",),
    categories=("kubernaut",),
    status_subresource=True,
    printer_columns=(
        PrinterColumn("Phase", ".status.overallPhase"),
        PrinterColumn("Signal", ".spec.signal.name"),
        PrinterColumn("Target", ".spec.target.name"),
        PrinterColumn("Recoveries", ".status.recoveryAttempts", type="integer"),
        PrinterColumn("Reason", ".status.reason", priority=1),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    ),
    rules=(
        Rule("self.signal == oldSelf.signal", message="spec.signal is immutable", at="spec"),
        Rule("self.target == oldSelf.target", message="spec.target is immutable", at="spec"),
        Rule(
            "self.maxRecoveryAttempts == oldSelf.maxRecoveryAttempts && self.timeouts == oldSelf.timeouts",
            message="spec.maxRecoveryAttempts and spec.timeouts are immutable",
            at="spec",
        ),
        Rule(
            "has(self.requestedBy) == has(oldSelf.requestedBy) && "
            "(!has(self.requestedBy) || self.requestedBy == oldSelf.requestedBy)",
            message="spec.requestedBy is immutable",
            at="spec",
        ),
        Rule("!oldSelf.cancel || self.cancel", message="a cancelled request stays cancelled", at="spec"),
    ),
):
    """A signal about a target: processed, analyzed, acted upon, verified; one story from alert to healthy workload."""

    spec: RemediationRequestSpec
    status: RemediationRequestStatus = Field(default_factory=RemediationRequestStatus)

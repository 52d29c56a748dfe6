"""RemediationRequest: a signal about a target, and the story of what was done about it."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from kubernaut.remediation.execution.types import ExecutionTarget, ObjectRef, RequestedBy, Timeout
from kubernaut.remediation.machine.status import PhasedStatus
from kubernaut.remediation.signals import Signal
from kubernaut.resources import Model, PrinterColumn, Resource, Rule, Time

GROUP = "remediation.kubernaut.io"
FINALIZER = f"{GROUP}/finalizer"
RESOLVED_AT = f"{GROUP}/resolved-at"
"""Annotation: when the signal was resolved, by whoever brought it."""
MAX_ATTEMPTS = 10

Text = Annotated[str, Field(max_length=1024)]


class Timeouts(Model):
    """How long each phase, and all of them together, may take; what is left out is the operator's default.

    Zero is refused.
    """

    processing: Timeout | None = None
    analyzing: Timeout | None = None
    executing: Timeout | None = None
    verifying: Timeout | None = None
    overall: Timeout | None = None


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


TERMINAL = (Phase.COMPLETED, Phase.FAILED)
"""Nothing follows these."""


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
    """`DuplicateSignal`, `TargetBusy`, `RecentlyRemediated`, `ConsecutiveFailures`, `TooManyExecuting` or
    `Suspended`."""
    message: Text = ""
    until: Time | None = None
    resume: Annotated[str, Field(max_length=63)] = Phase.PENDING.value
    """The phase that goes on afterwards: `pending`, or `recovering`; what was found out before is found out anew."""


class ManualReview(Model):
    """Why a person is needed, and what they should look at."""

    reason: Annotated[str, Field(max_length=128)]
    message: Text = ""
    look_at: Annotated[list[Text], Field(max_length=16)] = Field(default_factory=list)
    since: Time | None = None
    unhealthy: bool = False
    """Whether the target was seen unhealthy since: only then its health says that somebody has repaired it."""


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
    """Since when the target has been seen healthy, without a break."""


def _kept(field: str) -> Rule:
    """An optional field that may not be changed, added or removed."""
    same = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    return Rule(same, message=f"spec.{field} is immutable", at="spec")


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
        PrinterColumn("Kind", ".spec.target.kind"),
        PrinterColumn("Target", ".spec.target.name"),
        PrinterColumn("Recoveries", ".status.recoveryAttempts", type="integer"),
        PrinterColumn("Reason", ".status.reason"),
        PrinterColumn("Target Namespace", ".spec.target.namespace", priority=1),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    ),
    rules=(
        Rule("self.signal == oldSelf.signal", message="spec.signal is immutable", at="spec"),
        Rule("self.target == oldSelf.target", message="spec.target is immutable", at="spec"),
        _kept("maxRecoveryAttempts"),
        _kept("timeouts"),
        _kept("requestedBy"),
        Rule(
            "!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)",
            message="a cancelled request stays cancelled",
            at="spec",
        ),
    ),
):
    """A signal about a target: processed, analyzed, acted upon, verified; one story from alert to healthy workload."""

    spec: RemediationRequestSpec
    status: RemediationRequestStatus = Field(default_factory=RemediationRequestStatus)

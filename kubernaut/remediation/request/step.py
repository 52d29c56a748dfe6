"""What one reconcile of one request works with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from kubernaut.remediation.machine.children import child_name
from kubernaut.remediation.machine.step import Step
from kubernaut.remediation.request.config import RequestConfig
from kubernaut.remediation.request.keys import counts
from kubernaut.remediation.request.types import (
    RESOLVED_AT,
    AnalysisRef,
    RemediationRequest,
    RemediationRequestSpec,
    RemediationRequestStatus,
    WorkflowRef,
)

LimitName = Literal["processing", "analyzing", "executing", "verifying", "overall"]
NONE = timedelta()


@dataclass(frozen=True, slots=True)
class RequestStep(Step[RemediationRequest]):
    """One reconcile of one request."""

    doing: ClassVar[str] = "Remediate"

    config: RequestConfig

    @property
    def spec(self) -> RemediationRequestSpec:
        return self.obj.spec

    @property
    def status(self) -> RemediationRequestStatus:
        return self.obj.status

    @property
    def attempt(self) -> int:
        """0 before the first recovery."""
        return self.status.recovery_attempts

    @property
    def found_name(self) -> str:
        """The name of this attempt's RemediationProcessing and AIAnalysis."""
        return found_name(self.obj.name, self.attempt)

    @property
    def workflow_name(self) -> str:
        """The name of this attempt's WorkflowExecution."""
        return child_name(self.obj.name, self.attempt)

    @property
    def workflow_ref(self) -> WorkflowRef | None:
        """This attempt's workflow, once it has been created."""
        return next((ref for ref in self.status.workflow_execution_refs if ref.attempt_number == self.attempt), None)

    @property
    def analysis_ref(self) -> AnalysisRef | None:
        """This attempt's analysis, once it has been created."""
        return next((ref for ref in self.status.ai_analysis_refs if ref.attempt_number == self.attempt), None)

    @property
    def resolved(self) -> bool:
        """Whether the signal is gone, as far as whoever brought it has told."""
        return bool(self.obj.metadata.annotations.get(RESOLVED_AT))

    def minds(self, other: RemediationRequest) -> bool:
        """Whether another request may stand in this one's way; never this one itself."""
        return other.uid != self.obj.uid and counts(other, self.obj.namespace, self.config.trusted_namespaces)

    @property
    def untouched(self) -> bool:
        """Nothing has been done about the target."""
        return not self.status.workflow_execution_refs

    def limit(self, name: LimitName) -> timedelta | None:
        """How long a phase, or all of them, may take; None where only the whole is limited."""
        asked: timedelta | None = getattr(self.spec.timeouts, name)
        default: timedelta | None = getattr(self.config.limits, name)
        return asked if asked is not None and asked > NONE else default

    def overall_deadline(self) -> datetime:
        """When all must have ended; written to the status at first use."""
        if self.status.overall_deadline is None:
            began = self.status.start_time or self.now
            self.status.overall_deadline = began + (self.limit("overall") or self.config.limits.overall)
        if self.status.start_time is not None and self.status.start_time > self.now:
            # The clock was set back: that adds nothing to what a request may take.
            whole = self.now + (self.limit("overall") or self.config.limits.overall)
            self.status.overall_deadline = min(self.status.overall_deadline, whole)
        return self.status.overall_deadline

    def remaining(self, *names: LimitName) -> timedelta:
        """The limit of a phase, of the named ones together; never beyond what is left of the whole."""
        left = max(self.overall_deadline() - self.now, NONE)
        spans = [self.limit(name) for name in names]
        own = [span for span in spans if span is not None]
        return min(left, sum(own, NONE)) if own else left


def found_name(request: str, attempt: int) -> str:
    """The name under which the facts and the analysis of an attempt are found."""
    return child_name(request, "recovery", attempt) if attempt else request

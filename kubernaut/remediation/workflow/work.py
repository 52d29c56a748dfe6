"""What one reconcile of one workflow works with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from kubernaut.remediation.execution.digest import spec_digest
from kubernaut.remediation.machine import Step
from kubernaut.remediation.workflow.config import WorkflowConfig
from kubernaut.remediation.workflow.types import (
    Plan,
    StepState,
    StepStatus,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowStep,
)

ENDED = (StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED, StepState.ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class Work(Step[WorkflowExecution]):
    """One reconcile of one workflow."""

    doing: ClassVar[str] = "Remediate"

    config: WorkflowConfig

    @property
    def workflow(self) -> WorkflowExecution:
        return self.obj

    @property
    def status(self) -> WorkflowExecutionStatus:
        return self.obj.status

    @property
    def plan(self) -> Plan:
        """`status.plan`; an empty one where somebody took it away."""
        return self.status.plan or Plan()

    @property
    def order(self) -> list[int]:
        """The indices of the steps, none before one that it follows."""
        return [index for wave in self.plan.waves for index in wave]

    def each(self, *states: StepState) -> Iterable[tuple[int, WorkflowStep, StepStatus]]:
        """Index, spec and status of the steps in these states, in their order."""
        steps, known = self.workflow.spec.steps, self.status.steps
        for index in self.order:
            if known[index].state in states:
                yield index, steps[index], known[index]

    def spec_changed(self) -> bool:
        """Whether the spec is not the one that was planned: not every server holds it immutable."""
        return self.status.spec_digest != spec_digest(self.workflow.spec)

    def overdue(self, step: StepStatus) -> bool:
        """Whether the deadline of a step, or of its rollback, has passed."""
        return step.deadline is not None and self.now >= step.deadline

    def title(self, index: int) -> str:
        """How a step is called in messages: people count from 1, fields from 0."""
        return f"step {index + 1} ({self.workflow.spec.steps[index].name})"

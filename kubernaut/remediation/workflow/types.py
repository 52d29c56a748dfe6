"""WorkflowExecution: actions in their order, what to do when one fails, and everything its status says."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from kubernaut.remediation.execution.types import (
    ExecutionTarget,
    ObjectRef,
    ParameterValue,
    RequestedBy,
    ResolvedTarget,
    Timeout,
)
from kubernaut.remediation.machine.status import PhasedStatus
from kubernaut.resources import Duration, Model, PrinterColumn, Resource, Rule, Time

GROUP = "workflowexecution.kubernaut.io"
FINALIZER = f"{GROUP}/finalizer"
MAX_STEPS = 16

StepName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
ShortText = Annotated[str, Field(max_length=512)]
LongText = Annotated[str, Field(max_length=4096)]


class WorkflowStep(Model):
    """One action. It begins when every step it depends on has ended well, or failed and may be passed over."""

    name: StepName
    action: Annotated[str, Field(min_length=1, max_length=63)]
    target: ExecutionTarget
    parameters: Annotated[dict[str, ParameterValue], Field(max_length=32)] = Field(default_factory=dict)
    depends_on: Annotated[list[StepName], Field(max_length=MAX_STEPS)] = Field(default_factory=list)
    timeout: Timeout | None = None
    """How long the action may take; the action's own default if left out."""
    retries: Annotated[int, Field(ge=0, le=5)] = 0
    """How often another execution is tried after one that failed and surely changed nothing, or whose action is
    idempotent."""
    on_failure: Literal["rollback", "stop", "continue"] = "rollback"
    """`rollback`: what was done is undone, in reverse order. `stop`: nothing more begins. `continue`: the others go on,
    and the workflow may still complete."""


class WorkflowExecutionSpec(Model):
    """What to do; immutable."""

    steps: Annotated[list[WorkflowStep], Field(min_length=1, max_length=MAX_STEPS)]
    target: ExecutionTarget | None = None
    """What the workflow is to heal, and what is looked at afterwards; the first step's target if left out."""
    max_parallel: Annotated[int, Field(ge=1, le=MAX_STEPS)] = 4
    require_approval: ShortText | None = None
    """Why a person has to approve every step, whatever the policy says."""
    remediation_request_ref: ObjectRef | None = None
    requested_by: RequestedBy | None = None


class Phase(StrEnum):
    """The phases in `status.phase`; the last two are terminal."""

    PLANNING = "planning"
    VALIDATING = "validating"
    EXECUTING = "executing"
    MONITORING = "monitoring"
    ROLLING_BACK = "rolling_back"
    COMPLETED = "completed"
    FAILED = "failed"


class ErrorType(StrEnum):
    """What kind of failure ended a workflow; decided by API status first, message last."""

    TIMEOUT = "timeout"
    PERMISSION_DENIED = "permission_denied"
    RESOURCE_NOT_FOUND = "resource_not_found"
    RESOURCE_CONFLICT = "resource_conflict"
    RESOURCE_QUOTA_EXCEEDED = "resource_quota_exceeded"
    VALIDATION_ERROR = "validation_error"
    POLICY_DENIED = "policy_denied"
    APPROVAL_DENIED = "approval_denied"
    UNKNOWN_ERROR = "unknown_error"


class StepState(StrEnum):
    """Where a step is. The last four are its end."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ROLLED_BACK = "rolled_back"


class StepStatus(Model):
    """One step: announced (`executionRef`) before its execution is created, judged after that has ended."""

    name: Annotated[str, Field(max_length=63)]
    state: Annotated[str, Field(max_length=63)] = StepState.PENDING.value
    attempt: int = 0
    """Which try this is; the first is 1, 0 before it begins."""
    execution_ref: ObjectRef | None = None
    """The execution of the present attempt."""
    rollback_ref: ObjectRef | None = None
    """The execution that undoes it."""
    start_time: Time | None = None
    completion_time: Time | None = None
    deadline: Time | None = None
    """When the present attempt, or its rollback, must have ended; absolute, and set anew once the action is at work."""
    next_attempt: Time | None = None
    """Before when no other attempt begins."""
    lease: Annotated[str, Field(max_length=253)] | None = None
    """The Lease on its target, which the workflow holds; none for an action that changes nothing."""
    undoable: bool = False
    """Whether its execution has recorded a way back."""
    uncertain: bool = False
    """Whether nobody knows what it has changed: it is never tried again."""
    error_type: Annotated[str, Field(max_length=63)] | None = None
    reason: Annotated[str, Field(max_length=128)] | None = None
    message: LongText | None = None
    output: LongText | None = None
    """The end of what the action printed; redacted."""


class Plan(Model):
    """The order of the steps, by their indices; written once, in phase planning."""

    waves: list[list[int]] = Field(default_factory=list)
    """Steps of one wave may run side by side; each wave depends on those before."""
    after: list[list[int]] = Field(default_factory=list)
    """For each step those that must have ended before it begins: what it depends on, and earlier ones on its target."""
    timeouts: list[Duration] = Field(default_factory=list)
    """For each step how long its action may take."""


class SnapshotStep(Model):
    """How far one step had come when the workflow failed."""

    step_index: int
    action: str
    status: Literal["completed", "failed", "skipped"]
    duration: Duration | None = None
    output: Annotated[str, Field(max_length=1024)] | None = None
    error: Annotated[str, Field(max_length=1024)] | None = None


class ExecutionSnapshot(Model):
    """The world at the moment of the failure; bounded, and without Secret data."""

    completed_steps: list[SnapshotStep] = Field(default_factory=list)
    current_step: int | None = None
    cluster_state: dict[str, ShortText] = Field(default_factory=dict)
    """A few facts by name, such as `node/worker-1: NotReady`."""
    resource_snapshot: Annotated[str, Field(max_length=16384)] = ""
    """The target as JSON, without managed fields; what does not fit is left out."""
    timestamp: Time | None = None


class RollbackResult(Model):
    """How undoing went: its own result, beside the failure that made it necessary."""

    success: bool
    rolled_back: list[str] = Field(default_factory=list)
    """The steps that were undone, in the order in which they were."""
    not_rolled_back: dict[str, ShortText] = Field(default_factory=dict)
    """The steps that could not be, with the reason."""
    completion_time: Time | None = None


class WorkflowExecutionStatus(PhasedStatus):
    """Where the workflow is, step by step; after a failure, all that whoever decides what comes next must know."""

    phase: str | None = None
    spec_digest: str | None = None
    plan: Plan | None = None
    steps: Annotated[list[StepStatus], Field(max_length=MAX_STEPS)] = Field(default_factory=list)
    total_steps: int | None = None
    completed_steps: int | None = None
    healthy_since: Time | None = None
    """Since when monitoring has seen the target healthy."""
    monitored: ResolvedTarget | None = None
    """What is looked at afterwards: the object that the target belongs to, such as the Deployment of a pod."""
    health: Annotated[str, Field(max_length=1024)] | None = None
    """What monitoring saw last."""
    failed_step: int | None = None
    """The index of the step that failed, from 0."""
    failed_action: str | None = None
    failure_reason: LongText | None = None
    error_type: str | None = None
    execution_snapshot: ExecutionSnapshot | None = None
    rollback: RollbackResult | None = None


class WorkflowExecution(
    Resource,
    group=GROUP,
    version="v1",
    short_names=("wfe",),
    categories=("kubernaut",),
    status_subresource=True,
    printer_columns=(
        PrinterColumn("Phase", ".status.phase"),
        PrinterColumn("Done", ".status.completedSteps", type="integer"),
        PrinterColumn("Steps", ".status.totalSteps", type="integer"),
        PrinterColumn("Error", ".status.errorType"),
        PrinterColumn("Reason", ".status.failureReason", priority=1),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    ),
    rules=(
        Rule("self == oldSelf", message="spec is immutable: create another workflow instead", at="spec"),
        Rule(
            "self.all(name, size(name) <= 63)",
            message="a parameter's name has at most 63 characters",
            at="spec.steps[].parameters",
        ),
    ),
):
    """Several actions as one piece of work: planned, checked, carried out, watched, and undone where it went wrong."""

    spec: WorkflowExecutionSpec
    status: WorkflowExecutionStatus = Field(default_factory=WorkflowExecutionStatus)

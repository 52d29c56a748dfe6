"""What an operator decides about workflows: the limits of their phases, and who plans, validates and monitors."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from kubernaut.remediation.execution.config import ExecutionConfig
from kubernaut.remediation.execution.lock.roots import CLIMBED
from kubernaut.remediation.execution.webhooks import RegisteredWebhooks, StatusWriters, Vouching
from kubernaut.remediation.workflow.monitoring.health import KubernetesMonitor
from kubernaut.remediation.workflow.planning.order import DependencyPlanner
from kubernaut.remediation.workflow.seams import Monitor, Planner, Validator
from kubernaut.remediation.workflow.validation.checks import CheckingValidator
from kubernaut.remediation.workflow.webhooks import workflow_webhooks
from kubernaut.resources import ResourceType

Span = Annotated[timedelta, Field(gt=timedelta())]
POD, NODE = ResourceType("", "v1", "Pod", "pods"), ResourceType("", "v1", "Node", "nodes", namespaced=False)


class Limits(BaseModel):
    """Bounds of each phase; all positive.

    There is none for phases `executing` and `rolling_back` as a whole: each step, and each rollback, has a deadline of
    its own (`StepStatus.deadline`), and there are at most 16 steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    planning: Span = timedelta(seconds=30)
    validation: Span = timedelta(minutes=5)
    turn: Span = timedelta(hours=1)
    """How long targets on which others are at work are waited for, still in phase `validating`."""
    step: Span = timedelta(minutes=5)
    """The longest timeout of a step: how long its action may be at work. Waiting for an approval, scheduling and image
    pull have bounds of their own, those of the executions."""
    monitoring: Span = timedelta(minutes=10)
    stable: Span = timedelta(seconds=30)
    """How long the target must have been healthy without a break."""
    look: Span = timedelta(seconds=5)
    """How often it is looked at."""
    retry: Span = timedelta(seconds=10)
    """Between two attempts at a step."""
    grace: Span = timedelta(seconds=30)
    """How long past its own deadline an execution may take to say so."""
    poll: Span = timedelta(seconds=15)
    """The safety net under the watch of executions."""


class WorkflowConfig(BaseModel):
    """The configuration of the workflow controller.

    `execution`: that of the execution controller, whose catalog, policy and bounds hold for the steps.
    `vouching`: what is asked whether the stamp `spec.requestedBy` of a workflow can be believed, unless
    `execution.allow_unstamped`; by default the webhook configurations named `kubernaut`.
    `monitored`: kinds that are looked at afterwards, beside those that actions act on; other kinds are not read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    execution: ExecutionConfig
    limits: Limits = Limits()
    vouching: SkipValidation[Vouching] = Field(
        default_factory=lambda: RegisteredWebhooks(workflow_webhooks((), StatusWriters()))
    )
    planner: SkipValidation[Planner] = Field(default_factory=DependencyPlanner)
    validator: SkipValidation[Validator | None] = None
    monitor: SkipValidation[Monitor] = Field(default_factory=KubernetesMonitor)
    monitored: tuple[SkipValidation[ResourceType], ...] = (*CLIMBED, POD, NODE)
    max_concurrent: Annotated[int, Field(gt=0)] = 4

    @property
    def checks(self) -> Validator:
        """The validator: the one that was given, else the checks of executions."""
        return self.validator or CheckingValidator(self.execution)

    @property
    def waiting(self) -> timedelta:
        """How long an execution may take until its action is at work: its checks, an approval, and its checks again."""
        limits = self.execution.limits
        return limits.approval + 3 * (limits.validation + limits.dry_run) + self.limits.grace

    def acting(self, timeout: timedelta) -> timedelta:
        """How long an execution may take from then on."""
        limits = self.execution.limits
        return timeout + limits.scheduling + limits.grace + self.limits.grace

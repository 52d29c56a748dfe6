"""WorkflowExecution: actions in their order, checked before they begin, undone where they went wrong.

execution = ExecutionConfig(catalog=Catalog.builtin(), evaluator=RegoEvaluator())
manager.add(executions(execution), workflows(WorkflowConfig(execution=execution)))
"""

from kubernaut.remediation.workflow.config import Limits, WorkflowConfig
from kubernaut.remediation.workflow.controller import workflows
from kubernaut.remediation.workflow.manifests import crds
from kubernaut.remediation.workflow.reasons import Reason
from kubernaut.remediation.workflow.seams import Health, Monitor, PlanError, Planner, Prepared, Validator
from kubernaut.remediation.workflow.types import (
    FINALIZER,
    GROUP,
    ErrorType,
    Phase,
    StepState,
    WorkflowExecution,
    WorkflowExecutionSpec,
    WorkflowExecutionStatus,
    WorkflowStep,
)
from kubernaut.remediation.workflow.webhooks import workflow_webhooks

__all__ = [
    "FINALIZER",
    "GROUP",
    "ErrorType",
    "Health",
    "Limits",
    "Monitor",
    "Phase",
    "PlanError",
    "Planner",
    "Prepared",
    "Reason",
    "StepState",
    "Validator",
    "WorkflowConfig",
    "WorkflowExecution",
    "WorkflowExecutionSpec",
    "WorkflowExecutionStatus",
    "WorkflowStep",
    "crds",
    "workflow_webhooks",
    "workflows",
]

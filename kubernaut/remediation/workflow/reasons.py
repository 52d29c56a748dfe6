"""The machine-readable reasons a workflow can fail with: they are API, so they live in one place."""

from __future__ import annotations

from enum import StrEnum

RELEASED = "TargetsReleased"
"""The condition that is true once a workflow that has ended holds no target any more."""
ROLLED_BACK = "RolledBack"
"""The condition of a workflow that was undone: false where a part of it could not be."""
WORKFLOW_FAILED = "WorkflowFailed"
OWNER_REFERENCE_FAILED = "OwnerReferenceFailed"
NOT_MONITORED = "NotMonitored"
STEP_RETRIED = "StepRetried"
EVERY_STEP_UNDONE = "EveryStepUndone"
"""Why the condition `RolledBack` is true."""
ROLLBACK_INCOMPLETE = "RollbackIncomplete"
"""Why it is false."""


class Reason(StrEnum):
    """Why a workflow ended `failed`, or a step of it did.

    A step that is refused in phase `validating` fails with the reason of the check, see
    `kubernaut.remediation.execution.Reason`.
    """

    PLAN_INVALID = "PlanInvalid"
    PLANNING_TIMEOUT = "PlanningTimeout"
    VALIDATION_TIMEOUT = "ValidationTimeout"
    POLICY_UNAVAILABLE = "PolicyUnavailable"
    REQUESTER_UNKNOWN = "RequesterUnknown"
    TARGET_NOT_FOUND = "TargetNotFound"
    TARGET_BUSY = "TargetBusy"
    SPEC_CHANGED = "SpecChanged"
    STEP_FAILED = "StepFailed"
    STEP_TIMEOUT = "StepTimeout"
    EXECUTION_REFUSED = "ExecutionRefused"
    EXECUTION_VANISHED = "ExecutionVanished"
    WITHDRAWN = "Withdrawn"
    NOT_HEALTHY = "NotHealthy"
    CANCELLED = "Cancelled"

"""The machine-readable reasons an execution can fail with: they are API, so they live in one place."""

from __future__ import annotations

from enum import StrEnum

RELEASED = "JobsReleased"
"""The condition that is true once nothing of an execution runs any more."""
RECORDED = "AuditRecorded"
"""The condition that is true once the audit log has all of an execution that has ended."""


class Reason(StrEnum):
    """Why an execution ended `failed`; written to `status.reason` and to the failing condition."""

    UNKNOWN_ACTION = "UnknownAction"
    PARAMETERS_INVALID = "ParametersInvalid"
    TARGET_INVALID = "TargetInvalid"
    TIMEOUT_INVALID = "TimeoutInvalid"
    REQUESTER_UNKNOWN = "RequesterUnknown"
    REQUESTER_FORBIDDEN = "RequesterForbidden"
    SERVICE_ACCOUNT_NOT_FOUND = "ServiceAccountNotFound"
    PERMISSION_DENIED = "PermissionDenied"
    TARGET_NOT_FOUND = "TargetNotFound"
    TARGET_REPLACED = "TargetReplaced"
    POLICY_DENIED = "PolicyDenied"
    POLICY_UNAVAILABLE = "PolicyUnavailable"
    DRY_RUN_FAILED = "DryRunFailed"
    DRY_RUN_TIMEOUT = "DryRunTimeout"
    VALIDATION_TIMEOUT = "ValidationTimeout"
    APPROVAL_REQUIRED = "ApprovalRequired"
    APPROVAL_REJECTED = "ApprovalRejected"
    APPROVAL_EXPIRED = "ApprovalExpired"
    TARGET_BUSY = "TargetBusy"
    SPEC_CHANGED = "SpecChanged"
    ROLLBACK_INVALID = "RollbackInvalid"
    TARGET_CHANGED = "TargetChanged"
    ROLLBACK_CAPTURE_FAILED = "RollbackCaptureFailed"
    CHILD_NAME_TAKEN = "ChildNameTaken"
    JOB_LOST = "JobLost"
    ACTION_FAILED = "ActionFailed"
    EXECUTION_TIMEOUT = "ExecutionTimeout"
    CANCELLED = "Cancelled"
    API_REFUSED = "ApiRefused"
    INTERNAL_ERROR = "InternalError"

"""What kind of failure something was: by API status first, by the reason of an execution next, by words last.

| API status (of a refused request, or in what kubectl printed) | errorType |
|---|---|
| Forbidden, with `exceeded quota` in its message | resource_quota_exceeded |
| Forbidden, Unauthorized | permission_denied |
| NotFound, Gone | resource_not_found |
| Conflict, AlreadyExists | resource_conflict |
| Invalid, BadRequest, MethodNotAllowed, RequestEntityTooLarge, UnsupportedMediaType | validation_error |
| Timeout, ServerTimeout, GatewayTimeout | timeout |

The reasons of executions are in `BY_REASON`; those of them that only say that something was refused or went wrong are
looked at by their words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kubernaut.client import ApiError
from kubernaut.remediation.execution.reasons import Reason as ExecutionReason
from kubernaut.remediation.workflow.failure import Failure
from kubernaut.remediation.workflow.reasons import Reason
from kubernaut.remediation.workflow.types import ErrorType

BY_STATUS: Mapping[str, ErrorType] = {
    "Forbidden": ErrorType.PERMISSION_DENIED,
    "Unauthorized": ErrorType.PERMISSION_DENIED,
    "NotFound": ErrorType.RESOURCE_NOT_FOUND,
    "Gone": ErrorType.RESOURCE_NOT_FOUND,
    "Conflict": ErrorType.RESOURCE_CONFLICT,
    "AlreadyExists": ErrorType.RESOURCE_CONFLICT,
    "Invalid": ErrorType.VALIDATION_ERROR,
    "BadRequest": ErrorType.VALIDATION_ERROR,
    "MethodNotAllowed": ErrorType.VALIDATION_ERROR,
    "RequestEntityTooLarge": ErrorType.VALIDATION_ERROR,
    "UnsupportedMediaType": ErrorType.VALIDATION_ERROR,
    "Timeout": ErrorType.TIMEOUT,
    "ServerTimeout": ErrorType.TIMEOUT,
    "GatewayTimeout": ErrorType.TIMEOUT,
}
"""By the one-word reason of a Status."""

BY_REASON: Mapping[str, ErrorType] = {
    ExecutionReason.UNKNOWN_ACTION: ErrorType.VALIDATION_ERROR,
    ExecutionReason.PARAMETERS_INVALID: ErrorType.VALIDATION_ERROR,
    ExecutionReason.TARGET_INVALID: ErrorType.VALIDATION_ERROR,
    ExecutionReason.TIMEOUT_INVALID: ErrorType.VALIDATION_ERROR,
    ExecutionReason.ROLLBACK_INVALID: ErrorType.VALIDATION_ERROR,
    ExecutionReason.SPEC_CHANGED: ErrorType.VALIDATION_ERROR,
    ExecutionReason.REQUESTER_UNKNOWN: ErrorType.PERMISSION_DENIED,
    ExecutionReason.REQUESTER_FORBIDDEN: ErrorType.PERMISSION_DENIED,
    ExecutionReason.SERVICE_ACCOUNT_NOT_FOUND: ErrorType.PERMISSION_DENIED,
    ExecutionReason.PERMISSION_DENIED: ErrorType.PERMISSION_DENIED,
    ExecutionReason.TARGET_NOT_FOUND: ErrorType.RESOURCE_NOT_FOUND,
    ExecutionReason.TARGET_REPLACED: ErrorType.RESOURCE_CONFLICT,
    ExecutionReason.TARGET_BUSY: ErrorType.RESOURCE_CONFLICT,
    ExecutionReason.TARGET_CHANGED: ErrorType.RESOURCE_CONFLICT,
    ExecutionReason.CHILD_NAME_TAKEN: ErrorType.RESOURCE_CONFLICT,
    ExecutionReason.POLICY_DENIED: ErrorType.POLICY_DENIED,
    ExecutionReason.APPROVAL_REQUIRED: ErrorType.APPROVAL_DENIED,
    ExecutionReason.APPROVAL_REJECTED: ErrorType.APPROVAL_DENIED,
    ExecutionReason.APPROVAL_EXPIRED: ErrorType.APPROVAL_DENIED,
    # Nobody denied anything: there was no answer in time.
    ExecutionReason.POLICY_UNAVAILABLE: ErrorType.TIMEOUT,
    ExecutionReason.DRY_RUN_TIMEOUT: ErrorType.TIMEOUT,
    ExecutionReason.VALIDATION_TIMEOUT: ErrorType.TIMEOUT,
    ExecutionReason.EXECUTION_TIMEOUT: ErrorType.TIMEOUT,
    # What happened is unknown, whatever the words say.
    ExecutionReason.JOB_LOST: ErrorType.UNKNOWN_ERROR,
    ExecutionReason.CANCELLED: ErrorType.UNKNOWN_ERROR,
    Reason.EXECUTION_VANISHED: ErrorType.UNKNOWN_ERROR,
    Reason.PLAN_INVALID: ErrorType.VALIDATION_ERROR,
    Reason.PLANNING_TIMEOUT: ErrorType.TIMEOUT,
    Reason.STEP_TIMEOUT: ErrorType.TIMEOUT,
}
"""By the reason of an execution, or of a workflow."""

_QUOTA = re.compile(
    r"(?i)exceeded quota|quota exceeded|exceed(?:ed|s)? (?:the )?quota"
    # What else the API server's quota admission says (plugin/pkg/admission/resourcequota/controller.go): of a quota
    # that nobody has counted yet, and of one that wants limits which an object does not have.
    r"|status unknown for quota:|failed quota:|insufficient quota to (?:match|consume)"
)
_STATUS = re.compile(
    r"Error from server \((?P<kubectl>[A-Z][A-Za-z]+)\)|\b(?P<client>[A-Z][A-Za-z]+) \([45][0-9]{2}\): ", re.ASCII
)
_WORDS = (
    (_QUOTA, ErrorType.RESOURCE_QUOTA_EXCEEDED),
    (re.compile(r"(?i)\bis forbidden\b|\bforbidden:|\bunauthorized\b|must be logged in"), ErrorType.PERMISSION_DENIED),
    (
        re.compile(
            r"(?i)Expected (?:replicas|resource version) to be |object has been modified|already exists|conflict"
        ),
        ErrorType.RESOURCE_CONFLICT,
    ),
    (re.compile(r"(?i)\bis invalid\b|error validating|unable to (?:parse|decode)"), ErrorType.VALIDATION_ERROR),
    (re.compile(r"(?i)timed out|deadline exceeded|DeadlineExceeded"), ErrorType.TIMEOUT),
    (re.compile(r"(?i)\bnot found\b|doesn't have a resource type"), ErrorType.RESOURCE_NOT_FOUND),
)


def error_type(cause: BaseException | None = None, reason: str | None = None, *texts: str | None) -> ErrorType:
    """The kind of a failure: of the API's answer `cause`, else of the `reason`, else of the first of `texts` (the most
    telling first) that says anything."""
    if isinstance(cause, ApiError):
        kind = by_status(cause.reason, cause.message)
        if kind is not ErrorType.UNKNOWN_ERROR:
            return kind
    if reason is not None and (known := BY_REASON.get(reason)) is not None:
        return known
    for text in texts:
        if text and (told := by_words(text)) is not None:
            return told
    return ErrorType.UNKNOWN_ERROR


def failure_for(reason: str, message: str) -> Failure:
    """The failure for a reason that tells of which kind it is, with nothing undone."""
    return Failure(reason, message, error_type(None, reason, message))


def by_status(reason: str, message: str) -> ErrorType:
    """The kind of an answer of the API server; a refusal for want of quota is a 403 as well."""
    if reason == "Forbidden" and is_quota(message):
        return ErrorType.RESOURCE_QUOTA_EXCEEDED
    return BY_STATUS.get(reason, ErrorType.UNKNOWN_ERROR)


def by_words(text: str) -> ErrorType | None:
    """What a text tells: the last status in it, as kubectl or our client writes it, else well-known words."""
    for found in reversed(list(_STATUS.finditer(text))):
        kind = by_status(found["kubectl"] or found["client"], text[found.end() :])
        if kind is not ErrorType.UNKNOWN_ERROR:
            return kind
    return next((kind for pattern, kind in _WORDS if pattern.search(text)), None)


def is_quota(text: str) -> bool:
    """Whether a refusal is for want of quota."""
    return _QUOTA.search(text) is not None

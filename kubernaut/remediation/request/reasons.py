"""The machine-readable reasons of requests: they are API, so they live in one place."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a request ended `failed`; written to `status.reason`."""

    CANCELLED = "Cancelled"
    GLOBAL_TIMEOUT = "GlobalTimeout"
    TIMEOUT_INVALID = "TimeoutInvalid"
    REQUESTER_UNKNOWN = "RequesterUnknown"


class Done(StrEnum):
    """How a request came to be `completed`."""

    REMEDIATED = "Remediated"
    """A workflow acted, and the target has been healthy since."""
    SIGNAL_RESOLVED = "SignalResolved"
    """The signal was gone before anything was done."""
    DUPLICATE = "DuplicateSignal"
    """Another request with the same signal was completed meanwhile."""
    RESOLVED_BY_PERSON = "ResolvedByPerson"
    """The target became healthy while a person was to look at it."""


class Block(StrEnum):
    """Why nothing may begin at the moment."""

    SUSPENDED = "Suspended"
    DUPLICATE = "DuplicateSignal"
    TARGET_BUSY = "TargetBusy"
    RECENTLY_REMEDIATED = "RecentlyRemediated"
    CONSECUTIVE_FAILURES = "ConsecutiveFailures"
    TOO_MANY_EXECUTING = "TooManyExecuting"


class Review(StrEnum):
    """Why a person has to look at it."""

    PROCESSING_FAILED = "ProcessingFailed"
    PROCESSING_TIMEOUT = "ProcessingTimeout"
    ANALYSIS_FAILED = "AnalysisFailed"
    ANALYSIS_TIMEOUT = "AnalysisTimeout"
    ANALYSIS_INCONCLUSIVE = "AnalysisInconclusive"
    EXECUTING_TIMEOUT = "ExecutingTimeout"
    CHILD_VANISHED = "ChildVanished"
    POLICY_DENIED = "PolicyDenied"
    APPROVAL_DENIED = "ApprovalDenied"
    MAX_RECOVERY_ATTEMPTS = "MaxRecoveryAttempts"
    SAME_FAILURE_TWICE = "SameFailureTwice"
    FAILURE_RATE_EXCEEDED = "FailureRateExceeded"


RECOVERY_INITIATED = "RecoveryInitiated"
"""The Event of a recovery that begins."""

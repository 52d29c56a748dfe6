"""Which errors pass by themselves, and how the others are told."""

from __future__ import annotations

from kubernaut.client import (
    ApiError,
    Conflict,
    Expired,
    InternalError,
    ServerTimeout,
    ServiceUnavailable,
    Timeout,
    TooManyRequests,
    TransportError,
    Unauthorized,
)
from kubernaut.reconcile import RequeueError
from kubernaut.remediation.machine.verdicts import Fail

TRANSIENT = (
    TransportError,
    TooManyRequests,
    InternalError,
    ServerTimeout,
    ServiceUnavailable,
    Timeout,
    Conflict,
    Expired,
    Unauthorized,
    RequeueError,
)
"""Errors after which the same is tried again, until the phase's deadline."""
API_REFUSED = "ApiRefused"
INTERNAL_ERROR = "InternalError"


def failure_of(error: Exception) -> Fail:
    """The failure that an unexpected error amounts to."""
    if isinstance(error, ApiError):
        return Fail(API_REFUSED, f"the API server refused: {error}", error)
    return Fail(INTERNAL_ERROR, f"{type(error).__name__}: {error}", error)

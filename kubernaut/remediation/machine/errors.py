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


def leaves(error: BaseException) -> list[Exception]:
    """The errors that a group holds, however deep; an error by itself is its own. Never empty."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in leaves(each)]
    return [error] if isinstance(error, Exception) else [RuntimeError(repr(error))]


def passes(error: Exception) -> bool:
    """Whether the same may be tried again: of a group, whether that holds for all of it."""
    return all(isinstance(each, TRANSIENT) for each in leaves(error))


def failure_of(error: Exception) -> Fail:
    """The failure that an unexpected error amounts to; of a group, the first of it that does not pass by itself."""
    several = [each for each in leaves(error) if not isinstance(each, TRANSIENT)]
    error = several[0] if several else leaves(error)[0]
    if isinstance(error, ApiError):
        return Fail(API_REFUSED, f"the API server refused: {error}", error)
    return Fail(INTERNAL_ERROR, f"{type(error).__name__}: {error}", error)

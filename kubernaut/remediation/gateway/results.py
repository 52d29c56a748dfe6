"""What came of one signal, in the words of the answer, the logs and the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kubernaut.client import (
    ApiError,
    ClientError,
    Conflict,
    Forbidden,
    Gone,
    InternalError,
    NotFound,
    ServerTimeout,
    ServiceUnavailable,
    Timeout,
    TooManyRequests,
    TransportError,
    Unauthorized,
)
from kubernaut.remediation.request.types import RemediationRequest

RETRY_AFTER = 5.0
"""Seconds, where the API server does not say."""
_TRANSIENT = (
    TransportError,
    Conflict,
    Gone,
    InternalError,
    ServerTimeout,
    ServiceUnavailable,
    Timeout,
    TooManyRequests,
    Unauthorized,
)


class Outcome(StrEnum):
    """`failed` is the one that is worth another try; all others stay as they are."""

    CREATED = "created"
    DUPLICATE = "duplicate"
    """There is a request for this firing already."""
    ONGOING = "ongoing"
    """A request for an earlier start of the same signal is under way."""
    RESOLVED = "resolved"
    """Its request knows that it has ceased."""
    UNKNOWN = "unknown"
    """It has ceased, and there is no request for it."""
    IGNORED = "ignored"
    """A route says so."""
    UNMATCHED = "unmatched"
    """No route takes it."""
    NO_TARGET = "no_target"
    REFUSED = "refused"
    """The API server would refuse it again."""
    FAILED = "failed"


SILENT = (Outcome.DUPLICATE, Outcome.ONGOING, Outcome.UNKNOWN, Outcome.IGNORED)
"""What everyday life brings."""


@dataclass(frozen=True, slots=True)
class Result:
    """`request` is the namespace and name of the request that is meant; `retry_after` (seconds) is of `failed` ones."""

    outcome: Outcome
    message: str = ""
    request: tuple[str, str] | None = None
    route: str = ""
    retry_after: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As the answer shows it."""
        shown: dict[str, Any] = {"outcome": self.outcome.value}
        if self.message:
            shown["message"] = self.message
        if self.request is not None:
            shown["request"] = {"namespace": self.request[0], "name": self.request[1]}
        return shown


def result_of(error: ClientError, request: tuple[str, str], route: str) -> Result:
    """What an error of the API server means for a signal: to be tried again, or not."""
    if not may_pass(error):
        return Result(Outcome.REFUSED, f"the API server refuses the request: {error}", request, route)
    after = error.retry_after if isinstance(error, ApiError) else None
    told = f"the API server could not be asked: {error}"
    return Result(Outcome.FAILED, told, request, route, retry_after=after or RETRY_AFTER)


def may_pass(error: ClientError) -> bool:
    """Whether the same may succeed later.

    A right that is missing may be granted, a quota may have room again, a definition may be installed; what admission
    refuses, what is invalid, and a namespace that is not there stay so.
    """
    if isinstance(error, NotFound):
        return error.details.get("kind") != "namespaces"
    if isinstance(error, Forbidden):
        if any(cause.reason == "NamespaceTerminating" for cause in error.causes):
            return False
        rights = f'resource "{RemediationRequest.resource_type.plural}"'
        return "exceeded quota" in error.message or rights in error.message
    if isinstance(error, _TRANSIENT):
        return True
    return isinstance(error, ApiError) and error.code >= 500

"""What can go wrong with a request: the server's Status as an exception, and the loss of the connection."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

__all__ = [
    "AlreadyExists",
    "ApiError",
    "BadRequest",
    "ClientError",
    "Conflict",
    "Expired",
    "Forbidden",
    "GatewayTimeout",
    "Gone",
    "InternalError",
    "Invalid",
    "MethodNotAllowed",
    "NotFound",
    "RequestEntityTooLarge",
    "ServerTimeout",
    "ServiceUnavailable",
    "StatusCause",
    "Timeout",
    "TooManyRequests",
    "TransportError",
    "TransportTimeout",
    "Unauthorized",
    "UnsupportedMediaType",
    "error_from_object",
    "error_from_status",
]


class ClientError(Exception):
    """Base of everything that a request can raise."""


class TransportError(ClientError):
    """No response, or a stream that broke. A write may have taken effect."""


class TransportTimeout(TransportError):
    """The response did not arrive within the request's timeout. A write may have taken effect."""


@dataclass(frozen=True, slots=True)
class StatusCause:
    """One cause in a Status, such as one invalid field."""

    reason: str
    message: str
    field: str


class ApiError(ClientError):
    """The server's answer was an error. ``status`` is the Kubernetes Status object, as plain data."""

    default_reason: ClassVar[str] = ""
    default_code: ClassVar[int] = 0

    def __init__(self, status: Mapping[str, Any]) -> None:
        self.status: dict[str, Any] = dict(status)
        super().__init__(self.status)

    def __str__(self) -> str:
        return f"{self.reason or 'Unknown'} ({self.code}): {self.message}"

    @property
    def code(self) -> int:
        """The HTTP status code."""
        code = self.status.get("code")
        return code if isinstance(code, int) else self.default_code

    @property
    def reason(self) -> str:
        """Kubernetes' one-word reason, such as ``NotFound``."""
        return str(self.status.get("reason") or self.default_reason)

    @property
    def message(self) -> str:
        """The message for people."""
        return str(self.status.get("message") or "")

    @property
    def details(self) -> dict[str, Any]:
        """The Status' details: group, kind, name, uid, causes; empty when there are none."""
        details = self.status.get("details")
        return details if isinstance(details, dict) else {}

    @property
    def causes(self) -> tuple[StatusCause, ...]:
        """The causes, one for each invalid field or conflicting manager."""
        causes = self.details.get("causes") or []
        return tuple(
            StatusCause(str(c.get("reason", "")), str(c.get("message", "")), str(c.get("field", "")))
            for c in causes
            if isinstance(c, dict)
        )

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asks to wait before another try; None when it asks nothing."""
        seconds = self.details.get("retryAfterSeconds")
        if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
            return float(seconds)
        return None


class BadRequest(ApiError):
    """The request makes no sense to the server."""

    default_reason, default_code = "BadRequest", 400


class Unauthorized(ApiError):
    """The server does not accept the credentials."""

    default_reason, default_code = "Unauthorized", 401


class Forbidden(ApiError):
    """The user may not do this, or an admission check refused it."""

    default_reason, default_code = "Forbidden", 403


class NotFound(ApiError):
    """No such object, or no such resource (its CRD is absent)."""

    default_reason, default_code = "NotFound", 404


class MethodNotAllowed(ApiError):
    """The resource does not support the verb."""

    default_reason, default_code = "MethodNotAllowed", 405


class Conflict(ApiError):
    """The object changed meanwhile, a precondition failed, or other managers own the applied fields."""

    default_reason, default_code = "Conflict", 409


class AlreadyExists(ApiError):
    """An object of that name exists."""

    default_reason, default_code = "AlreadyExists", 409


class Gone(ApiError):
    """What was asked for is no longer available."""

    default_reason, default_code = "Gone", 410


class Expired(Gone):
    """The resource version or continue token is too old: list afresh."""

    default_reason = "Expired"


class RequestEntityTooLarge(ApiError):
    """The request is larger than the server's limit."""

    default_reason, default_code = "RequestEntityTooLarge", 413


class UnsupportedMediaType(ApiError):
    """The server does not read that type of body, or of patch."""

    default_reason, default_code = "UnsupportedMediaType", 415


class Invalid(ApiError):
    """The object failed validation; see ``causes``."""

    default_reason, default_code = "Invalid", 422


class TooManyRequests(ApiError):
    """The server sheds load, or an eviction would break a disruption budget; see ``retry_after``."""

    default_reason, default_code = "TooManyRequests", 429


class InternalError(ApiError):
    """The server failed."""

    default_reason, default_code = "InternalError", 500


class ServerTimeout(ApiError):
    """The server could not do it in time; trying again is safe."""

    default_reason, default_code = "ServerTimeout", 500


class ServiceUnavailable(ApiError):
    """The server, or the aggregated API behind it, is not available."""

    default_reason, default_code = "ServiceUnavailable", 503


class Timeout(ApiError):
    """The request took longer than the server allows; a resource version ahead of the server's is one case."""

    default_reason, default_code = "Timeout", 504


GatewayTimeout = Timeout

_CLASSES: tuple[type[ApiError], ...] = (
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    AlreadyExists,
    Conflict,
    Expired,
    Gone,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    Invalid,
    TooManyRequests,
    ServerTimeout,
    InternalError,
    ServiceUnavailable,
    Timeout,
)
_BY_REASON = {cls.default_reason: cls for cls in _CLASSES}
# Of two classes with one code the later wins: it is the one that promises less.
_BY_CODE = {cls.default_code: cls for cls in _CLASSES}
_MAX_MESSAGE = 1024


def error_from_object(status: Mapping[str, Any]) -> ApiError:
    """The exception for a Status object, chosen by its reason, else by its code."""
    cls = _BY_REASON.get(str(status.get("reason") or ""))
    if cls is None:
        code = status.get("code")
        cls = _BY_CODE.get(code if isinstance(code, int) else 0, ApiError)
    return cls(status)


def error_from_status(code: int, body: bytes, headers: Mapping[str, str] | None = None) -> ApiError:
    """The exception for a response of status ``code``; a body that is no Status becomes the message."""
    status: dict[str, Any]
    try:
        decoded = msgspec.json.decode(body)
    except msgspec.DecodeError:
        decoded = None
    if isinstance(decoded, dict) and decoded.get("kind") == "Status":
        status = {**decoded, "code": decoded.get("code") or code}
    else:
        cls = _BY_CODE.get(code, ApiError)
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": body.decode("utf-8", "replace").strip()[:_MAX_MESSAGE] or f"the server answered {code}",
            "reason": cls.default_reason,
            "code": code,
        }
    seconds = _retry_after(headers or {})
    details = status.get("details")
    if seconds is not None and not (isinstance(details, dict) and details.get("retryAfterSeconds")):
        status["details"] = {**(details if isinstance(details, dict) else {}), "retryAfterSeconds": seconds}
    return error_from_object(status)


def _retry_after(headers: Mapping[str, str]) -> int | None:
    # The HTTP-date form is not used by API servers.
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return math.ceil(seconds) if math.isfinite(seconds) and seconds > 0 else None

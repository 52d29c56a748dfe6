"""Kubernetes Status objects: the errors that the API server answers with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class CauseLike(Protocol):
    """What one cause of an Invalid error must offer."""

    @property
    def reason(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def field(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: a machine-readable reason, a message without the field, and the field's path."""

    reason: str
    message: str
    field: str


def invalid_value(field: str, value: str, text: str) -> Cause:
    """`value` is given as it shall be printed (quoted for strings)."""
    return Cause("FieldValueInvalid", f"Invalid value: {value}: {text}", field)


def required(field: str, text: str = "") -> Cause:
    return Cause("FieldValueRequired", f"Required value: {text}" if text else "Required value", field)


def forbidden_field(field: str, text: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {text}", field)


def not_supported(field: str, value: str, supported: Iterable[str]) -> Cause:
    known = ", ".join(f'"{item}"' for item in supported)
    return Cause("FieldValueNotSupported", f"Unsupported value: {value}: supported values: {known}", field)


class StatusError(Exception):
    """An error with an HTTP code that is answered as a Status object."""

    def __init__(
        self,
        code: int,
        reason: str | None,
        message: str,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details = dict(details) if details is not None else None
        self.headers = dict(headers or {})
        self.warnings: list[str] = []

    def body(self) -> dict[str, Any]:
        """The Status object, ready for JSON."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status


def _details(group: str, kind: str, name: str = "", **more: Any) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    details.update(more)
    return details


def qualified(group: str, name: str) -> str:
    """`deployments.apps`, or `pods` for the core group."""
    return f"{name}.{group}" if group else name


def not_found(group: str, resource: str, name: str) -> StatusError:
    return StatusError(
        404, "NotFound", f'{qualified(group, resource)} "{name}" not found', _details(group, resource, name)
    )


def already_exists(group: str, resource: str, name: str, *, going: bool = False) -> StatusError:
    message = f'{"object is being deleted: " if going else ""}{qualified(group, resource)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, _details(group, resource, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(group: str, resource: str, name: str, text: str = MODIFIED) -> StatusError:
    message = f'Operation cannot be fulfilled on {qualified(group, resource)} "{name}": {text}'
    return StatusError(409, "Conflict", message, _details(group, resource, name))


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def forbidden(group: str, resource: str, name: str, text: str, causes: Iterable[CauseLike] = ()) -> StatusError:
    of = f'{qualified(group, resource)} "{name}"' if name else qualified(group, resource)
    listed = [cause_dict(cause) for cause in causes]
    details = _details(group, resource, name, **({"causes": listed} if listed else {}))
    return StatusError(403, "Forbidden", f"{of} is forbidden: {text}", details)


def cause_dict(cause: CauseLike) -> dict[str, str]:
    parts = {"reason": cause.reason, "message": cause.message, "field": cause.field}
    return {key: value for key, value in parts.items() if value}


def invalid(group: str, kind: str, name: str, causes: Iterable[CauseLike]) -> StatusError:
    """422 with every cause; equal messages are said once, as Kubernetes' aggregate does."""
    found = list(causes)
    said = list(dict.fromkeys(f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in found))
    text = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    details = _details(group, kind, name, causes=[cause_dict(cause) for cause in found])
    return StatusError(422, "Invalid", f'{qualified(group, kind)} "{name}" is invalid: {text}', details)


def invalid_options(kind: str, causes: Iterable[CauseLike]) -> StatusError:
    """422 about query parameters, which Kubernetes treats as an object of meta.k8s.io."""
    return invalid("meta.k8s.io", kind, "", causes)


def internal(message: str) -> StatusError:
    """500 without a reason: what the server says about errors that it does not type."""
    return StatusError(500, None, message)


def expired(message: str) -> StatusError:
    return StatusError(410, "Expired", message)


def generic(code: int, reason: str, message: str) -> StatusError:
    """Errors raised before a resource is known: their details are empty, not absent."""
    return StatusError(code, reason, message, {})


def unknown_resource() -> StatusError:
    return generic(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed() -> StatusError:
    return generic(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def too_many_requests(message: str, seconds: int, causes: Iterable[CauseLike] = ()) -> StatusError:
    listed = [cause_dict(cause) for cause in causes]
    details: dict[str, Any] = {"causes": listed} if listed else {}
    # Without a time, clients are not told to ask again by themselves.
    headers = {"Retry-After": str(seconds)} if seconds else {}
    if seconds:
        details["retryAfterSeconds"] = seconds
    return StatusError(429, "TooManyRequests", message, details, headers)


def success(group: str, resource: str, name: str, uid: str) -> dict[str, Any]:
    """The Status that answers a deletion which removed the object."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": _details(group, resource, name, uid=uid),
    }

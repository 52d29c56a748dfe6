"""The errors the pure functions of this package raise, in the terms of a Kubernetes Status."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

INVALID_REASONS: Final[dict[str, str]] = {
    "FieldValueNotFound": "Not found",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueInvalid": "Invalid value",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueTooLong": "Too long",
    "FieldValueTooMany": "Too many",
    "InternalError": "Internal error",
    "FieldValueTypeInvalid": "Invalid value",
}


class _Omitted:
    """The type of OMITTED."""


OMITTED: Final = _Omitted()


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of `details.causes`: a machine-readable reason, a message, and the field path it is about."""

    reason: str
    message: str
    field: str

    def to_dict(self) -> dict[str, str]:
        """The cause as it stands in a Status; empty parts are left out as the server does."""
        parts = {"reason": self.reason, "message": self.message, "field": self.field}
        return {key: value for key, value in parts.items() if value}

    def sentence(self) -> str:
        """The cause as it stands in the Status message: `spec.replicas: Required value`."""
        return f"{self.field}: {self.message}"


def go_quote(text: str) -> str:
    """`text` in double quotes as Go's %q prints it (for the characters that occur in API objects)."""
    return json.dumps(text, ensure_ascii=False)


def go_value(value: Any) -> str:
    """`value` as field.Error prints a bad value: strings quoted, scalars plain, everything else as compact JSON."""
    if isinstance(value, str):
        return go_quote(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def field_cause(reason: str, path: str, detail: str = "", value: Any = OMITTED) -> Cause:
    """A cause worded as Kubernetes' field.Error does: kind of error, bad value (unless OMITTED), detail."""
    message = INVALID_REASONS[reason]
    if value is not OMITTED:
        message += f": {go_value(value)}"
    if detail:
        message += f": {detail}"
    return Cause(reason, message, path)


@dataclass(eq=False)
class PatchError(Exception):
    """A patch cannot be applied.

    `code`, `reason` and `message` are those of the Status to answer; `causes` its details.causes. `server_message` is
    the library's own wording, which a real server only logs.
    """

    code: int
    reason: str
    message: str
    causes: Sequence[Cause] = ()
    server_message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.message} ({self.server_message})" if self.server_message else self.message


class ApplyConflict(PatchError):
    """Server-side apply would change fields that other managers own; `causes` names each field and its manager."""

    def __init__(self, causes: Sequence[Cause], message: str) -> None:
        super().__init__(409, "Conflict", message, tuple(causes))


def bad_request(message: str) -> PatchError:
    """A 400: the patch is not what its content type promises."""
    return PatchError(400, "BadRequest", message)


def unprocessable(server_message: str) -> PatchError:
    """A 422 as the server words a patch that is well formed but does not fit the object."""
    message = "the server rejected our request due to an error in our request"
    return PatchError(422, "Invalid", message, (), server_message)


def internal_error(message: str) -> PatchError:
    """A 500 without a reason: what the server answers when it cannot type an applied object."""
    return PatchError(500, "", message)

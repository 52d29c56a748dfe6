"""What a webhook answers to an admission request."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kubernaut.client import StatusCause
from kubernaut.client.checks import between

__all__ = ["AdmissionResponse", "Denied"]


class Denied(Exception):
    """Raised by a handler to refuse a request; users see ``message``.

    ``code`` and ``reason`` are those of the Status that the API server answers; ``causes`` name the fields at fault.
    Raises ValueError for a code that is no error.
    """

    def __init__(
        self, message: str, *, reason: str = "Forbidden", code: int = 403, causes: Iterable[StatusCause] = ()
    ) -> None:
        between("code", code, 400, 599)
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.code = code
        self.causes = tuple(causes)

    @property
    def status(self) -> dict[str, Any]:
        """The Status object."""
        status: dict[str, Any] = {"status": "Failure", "message": self.message, "reason": self.reason}
        status["code"] = self.code
        if self.causes:
            causes = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in self.causes]
            status["details"] = {"causes": causes}
        return status


@dataclass(frozen=True, slots=True)
class AdmissionResponse:
    """One answer. ``status`` is a Status object; ``patch`` are JSON Patch operations, only with ``allowed``.

    Warnings are shown to the user, audit annotations go to the audit log under the webhook's name. Raises ValueError
    for a patch on a refusal.
    """

    allowed: bool
    status: Mapping[str, Any] = field(default_factory=lambda: {"code": 200})
    patch: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()
    audit_annotations: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.patch and not self.allowed:
            raise ValueError("patch: a request that is denied is not changed")

    @classmethod
    def denied(cls, denial: Denied) -> AdmissionResponse:
        """The answer that ``denial`` asks for."""
        return cls(False, denial.status)

    def to_dict(self, uid: str) -> dict[str, Any]:
        """The ``response`` of an AdmissionReview."""
        answer: dict[str, Any] = {"uid": uid, "allowed": self.allowed, "status": dict(self.status)}
        if self.patch:
            answer["patchType"] = "JSONPatch"
            answer["patch"] = base64.b64encode(msgspec.json.encode(list(self.patch))).decode()
        if self.warnings:
            answer["warnings"] = list(self.warnings)
        if self.audit_annotations:
            answer["auditAnnotations"] = dict(self.audit_annotations)
        return answer

"""The admission request that a handler sees, its objects decoded when they are first looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field, ValidationError
from structlog.stdlib import BoundLogger

from kubernaut.client import StatusCause
from kubernaut.reconcile.log import logger
from kubernaut.resources import JsonObject, Model

__all__ = [
    "AdmissionRequest",
    "BadReview",
    "GroupVersionKind",
    "GroupVersionResource",
    "Operation",
    "UndecodableObject",
    "UserInfo",
]

T = TypeVar("T")

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]

_log = logger("kubernaut.webhook")


class BadReview(ValueError):
    """Raised for a review that is none, or that a webhook is not for: the API server is told so with a 400."""


class UndecodableObject(ValueError):
    """Raised when an object of a request does not fit the handler's model; ``causes`` name the fields."""

    def __init__(self, what: str, model: str, error: ValidationError) -> None:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        self.causes = tuple(
            StatusCause("FieldValueInvalid", detail["msg"], ".".join(map(str, detail["loc"]))) for detail in details
        )
        problems = "; ".join(
            f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in self.causes
        )
        super().__init__(f"the {what} does not fit {model}: {problems}")


class GroupVersionKind(Model):
    """A kind of object."""

    group: str = ""
    version: str
    kind: str


class GroupVersionResource(Model):
    """A resource, as it is called in paths."""

    group: str = ""
    version: str
    resource: str


class UserInfo(Model):
    """Who asks."""

    username: str = ""
    uid: str = ""
    groups: list[str] = Field(default_factory=list)
    extra: dict[str, list[str]] = Field(default_factory=dict)


class _Envelope(Model):
    """The ``request`` of an AdmissionReview (k8s.io/api/admission/v1)."""

    uid: str = Field(min_length=1)
    kind: GroupVersionKind
    resource: GroupVersionResource
    sub_resource: str = ""
    request_kind: GroupVersionKind | None = None
    request_resource: GroupVersionResource | None = None
    request_sub_resource: str = ""
    name: str = ""
    namespace: str = ""
    operation: Operation
    user_info: UserInfo = UserInfo()
    object: JsonObject | None = None
    old_object: JsonObject | None = None
    dry_run: bool | None = None
    options: JsonObject | None = None


class AdmissionRequest(Generic[T]):
    """One request to create, change, delete or connect to an object.

    ``kind``, ``resource`` and ``subresource`` are as the webhook was registered for; ``request_kind`` and the like as
    the user asked (they differ where matchPolicy Equivalent converted the object). ``name`` is "" where the server is
    to make one up. With ``dry_run``, a handler has to leave the world as it is. ``options`` are the CreateOptions,
    UpdateOptions, DeleteOptions of the request. ``raw_object`` and ``raw_old_object`` are the objects as they came.

    Raises BadReview for data that is no admission request.
    """

    def __init__(self, data: Any, decode: Callable[[dict[str, Any]], T], model: str = "") -> None:
        if not isinstance(data, Mapping):
            raise BadReview("the review has no request")
        try:
            envelope = _Envelope.from_dict(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BadReview(f"request.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        self.uid = envelope.uid
        self.operation: Operation = envelope.operation
        self.kind = envelope.kind
        self.resource = envelope.resource
        self.subresource = envelope.sub_resource
        self.request_kind = envelope.request_kind or envelope.kind
        self.request_resource = envelope.request_resource or envelope.resource
        self.request_subresource = envelope.request_sub_resource
        self.name = envelope.name
        self.namespace: str | None = envelope.namespace or None
        self.user = envelope.user_info
        self.dry_run = bool(envelope.dry_run)
        self.options = envelope.options or {}
        self.raw_object = envelope.object
        self.raw_old_object = envelope.old_object
        self.warnings: list[str] = []
        self.audit_annotations: dict[str, str] = {}
        self._decode = decode
        self._model = model
        self._decoded: dict[str, T] = {}

    @property
    def object(self) -> T | None:
        """The object as it is to be; None for DELETE. Raises UndecodableObject."""
        return self._typed("object", self.raw_object)

    @property
    def old_object(self) -> T | None:
        """The object as it is; None for CREATE. Raises UndecodableObject."""
        return self._typed("old object", self.raw_old_object)

    @property
    def target(self) -> T:
        """What the request is about: the object to be, and for DELETE the object as it is. Raises UndecodableObject.

        Raises BadReview where there is neither.
        """
        found = self.old_object if self.operation == "DELETE" else self.object
        if found is None:
            raise BadReview(f"request.{'oldObject' if self.operation == 'DELETE' else 'object'}: is missing")
        return found

    def warn(self, text: str) -> None:
        """Show a warning to the user, whatever the answer; a line of up to about 120 characters."""
        self.warnings.append(text)

    def annotate_audit(self, key: str, value: str) -> None:
        """Add an annotation to the request's entry in the audit log."""
        self.audit_annotations[key] = value

    @property
    def log(self) -> BoundLogger:
        """A logger; while a webhook answers the request, each line names the request, its object and its user."""
        return _log

    @property
    def log_keys(self) -> dict[str, str]:
        """What lines of the log about this request say of it."""
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        keys = {"review": self.uid, "operation": self.operation, "kind": self.kind.kind, "object": where}
        return {**keys, "user": self.user.username}

    def _typed(self, what: str, raw: dict[str, Any] | None) -> T | None:
        if raw is None:
            return None
        if what not in self._decoded:
            try:
                self._decoded[what] = self._decode(raw)
            except ValidationError as error:
                raise UndecodableObject(what, self._model, error) from None
        return self._decoded[what]

"""Admission webhooks: typed validators and defaulters, and raw handlers for everything else."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import replace
from inspect import isawaitable
from typing import Any, Generic, Literal, TypeVar

from structlog.contextvars import bound_contextvars

from kubernaut.client import ApiError
from kubernaut.reconcile.webhooks.jsonpatch import carry_over, diff, same
from kubernaut.reconcile.webhooks.registration import Registration
from kubernaut.reconcile.webhooks.request import AdmissionRequest, BadReview, UndecodableObject
from kubernaut.reconcile.webhooks.response import AdmissionResponse, Denied
from kubernaut.reconcile.webhooks.review import MIB, open_review
from kubernaut.resources import Resource, ResourceType
from kubernaut.resources.model import applied

__all__ = ["AdmissionWebhook", "Handler", "MutatingWebhook", "RawHandler", "RawWebhook", "ValidatingWebhook"]

R = TypeVar("R", bound=Resource)
Raw = dict[str, Any]

Handler = Callable[[AdmissionRequest[R]], Awaitable[None] | None]
"""Looks at a request, and changes its object in a mutating webhook; raises Denied to refuse it. May be cancelled."""

RawHandler = Callable[[AdmissionRequest[Raw]], Awaitable[AdmissionResponse] | AdmissionResponse]
"""Answers a request whose objects are plain data; may raise Denied."""

Type = Literal["validating", "mutating"]

GROUP = "admission.k8s.io"
_PATH = re.compile(r"(/[a-zA-Z0-9_-]+)+|/")


class AdmissionWebhook(ABC):
    """Answers the admission reviews that arrive at one path.

    A handler's Denied and ApiError become the refusal that the user sees. Anything else it raises is logged; the user
    sees a refusal with code 500 that names the review, and nothing of the error.
    """

    mutating: bool
    # An update brings two objects of up to 3 MiB each, and the user's name and groups (controller-runtime's http.go).
    max_body = 7 * MIB

    def __init__(self, path: str, kind: ResourceType | None, registration: Registration | None) -> None:
        if not _PATH.fullmatch(path):
            raise ValueError(f"path: {path!r} is no path such as '/validate-widgets': /, letters, digits, - and _")
        self.path = path
        self.kind = kind
        self.registration = registration or Registration()

    @property
    def timeout(self) -> float:
        """Seconds that a handler has where the API server names none."""
        return self.registration.timeout

    def manifest(self) -> dict[str, Any]:
        """The entry in a webhook configuration, but for the ``clientConfig``. Raises ValueError."""
        verb = "mutate" if self.mutating else "validate"
        if self.kind is None:
            name = f"{verb}.{self.path.strip('/').replace('/', '-').replace('_', '-').lower() or 'root'}.webhook"
        else:
            name = f"{verb}-{self.kind.version}.{self.kind.plural}.{self.kind.group or 'core'}"
        return self.registration.manifest(name, self.kind, mutating=self.mutating)

    async def review(self, review: Any) -> dict[str, Any]:
        """Answer an AdmissionReview (decoded JSON) with one of the same version. Raises BadReview."""
        version, data = open_review(review, GROUP, "AdmissionReview")
        request = self._request(data)
        with bound_contextvars(webhook=self.path, **request.log_keys):
            response = await self._answer(request)
        response = replace(
            response,
            warnings=[*request.warnings, *response.warnings],
            audit_annotations={**request.audit_annotations, **response.audit_annotations},
        )
        return {"apiVersion": version, "kind": "AdmissionReview", "response": response.to_dict(request.uid)}

    async def _answer(self, request: AdmissionRequest[Any]) -> AdmissionResponse:
        try:
            return await self._respond(request)
        except BadReview:
            raise
        except Denied as denial:
            return AdmissionResponse.denied(denial)
        except ApiError as error:
            return AdmissionResponse(False, {"status": "Failure", **error.status, "code": error.code})
        except UndecodableObject as error:
            return _undecodable(request, error)
        except Exception:
            request.log.exception("a webhook's handler failed")
            message = f"the webhook {self.path} failed on review {request.uid}: see its log"
            return AdmissionResponse.denied(Denied(message, reason="InternalError", code=500))

    @abstractmethod
    def _request(self, data: Any) -> AdmissionRequest[Any]: ...

    @abstractmethod
    async def _respond(self, request: AdmissionRequest[Any]) -> AdmissionResponse: ...


class _TypedWebhook(AdmissionWebhook, Generic[R]):
    """The common part of those that know their kind. Connections (exec, proxy) are no objects: they pass."""

    def __init__(
        self, kind: type[R], handlers: tuple[Handler[R], ...], path: str | None, registration: Registration | None
    ) -> None:
        rt = kind.resource_type
        if not handlers:
            raise ValueError(f"a webhook for {rt.kind} needs a handler")
        super().__init__(path or default_path(rt, mutating=self.mutating), rt, registration)
        self._model = kind
        self._handlers = handlers

    def _request(self, data: Any) -> AdmissionRequest[R]:
        request = AdmissionRequest(data, self._model.from_dict, self._model.__name__)
        wanted, found = self._model.resource_type, request.kind
        if request.operation != "CONNECT" and (wanted.group, wanted.version, wanted.kind) != (
            found.group,
            found.version,
            found.kind,
        ):
            of = f"{found.group}/{found.version}".strip("/")
            raise BadReview(f"request.kind: {self.path} is for {wanted}, not for {of} {found.kind}")
        return request

    async def _run(self, request: AdmissionRequest[R]) -> None:
        for handler in self._handlers:
            returned: Any = handler(request)
            if isawaitable(returned):
                returned = await returned
            if returned is not None:
                # Whoever returns False means to refuse: letting the request pass would be the wrong guess.
                raise TypeError(f"a handler returned {returned!r}: it has to raise Denied, or return nothing")


class ValidatingWebhook(_TypedWebhook[R]):
    """Lets handlers, in order, refuse requests for objects of one kind; the first refusal decides::

        async def check(request: AdmissionRequest[Widget]) -> None:
            if request.target.spec.size > 10:
                raise Denied("too large", causes=[StatusCause("FieldValueInvalid", "at most 10", "spec.size")])

        ValidatingWebhook(Widget, check)

    `path` is `/validate-<group>-<version>-<kind>` unless given, as in controller-runtime. An object that does not fit
    the model is refused as Invalid when a handler looks at it, unless it is being deleted: then it passes with a
    warning, for else its finalizers could never be removed.
    """

    mutating = False

    def __init__(
        self, kind: type[R], *validate: Handler[R], path: str | None = None, registration: Registration | None = None
    ) -> None:
        super().__init__(kind, validate, path, registration)

    async def _respond(self, request: AdmissionRequest[R]) -> AdmissionResponse:
        if request.operation != "CONNECT":
            await self._run(request)
        return AdmissionResponse(True)


class MutatingWebhook(_TypedWebhook[R]):
    """Lets handlers, in order, change the objects of one kind before they are stored::

        def default(request: AdmissionRequest[Widget]) -> None:
            request.target.spec.color = request.target.spec.color or "red"

        MutatingWebhook(Widget, default)

    What the handlers changed, and nothing else, becomes the patch: fields that the model does not know, or writes in
    another way, stay as they came. Deletions pass without a handler. `path` is `/mutate-<group>-<version>-<kind>`.
    """

    mutating = True

    def __init__(
        self, kind: type[R], *default: Handler[R], path: str | None = None, registration: Registration | None = None
    ) -> None:
        super().__init__(kind, default, path, registration)

    async def _respond(self, request: AdmissionRequest[R]) -> AdmissionResponse:
        if request.operation in ("DELETE", "CONNECT"):
            return AdmissionResponse(True)
        obj = request.target
        before = applied(obj)
        await self._run(request)
        after = applied(obj)
        if same(before, after):
            return AdmissionResponse(True)
        return AdmissionResponse(True, patch=diff(request.raw_object, carry_over(before, after, request.raw_object)))


class RawWebhook(AdmissionWebhook):
    """Leaves the whole answer to one handler, which sees objects as plain data, of whatever kind.

    `registration` has to say what it is for (groups, versions, resources) before a configuration can be made.
    """

    def __init__(
        self, path: str, handler: RawHandler, *, type: Type = "validating", registration: Registration | None = None
    ) -> None:
        if type not in ("validating", "mutating"):
            raise ValueError(f"type: {type!r} is neither 'validating' nor 'mutating'")
        self.mutating = type == "mutating"
        super().__init__(path, None, registration)
        self._handler = handler

    def _request(self, data: Any) -> AdmissionRequest[Raw]:
        return AdmissionRequest(data, lambda raw: raw)

    async def _respond(self, request: AdmissionRequest[Raw]) -> AdmissionResponse:
        result = self._handler(request)
        response = await result if isawaitable(result) else result
        if not isinstance(response, AdmissionResponse):
            raise TypeError(f"a raw handler returned {response!r}, not an AdmissionResponse")
        if response.patch and not self.mutating:
            raise TypeError("a validating webhook cannot patch")
        return response


def default_path(rt: ResourceType, *, mutating: bool) -> str:
    """controller-runtime's path for a kind (pkg/builder/webhook.go)."""
    verb = "mutate" if mutating else "validate"
    return f"/{verb}-{rt.group.replace('.', '-')}-{rt.version}-{rt.kind.lower()}"


def _undecodable(request: AdmissionRequest[Any], error: UndecodableObject) -> AdmissionResponse:
    old = request.raw_old_object or {}
    if request.operation == "UPDATE" and (old.get("metadata") or {}).get("deletionTimestamp"):
        request.log.warning("an object that is being deleted was not looked at", error=str(error))
        return AdmissionResponse(True, warnings=[f"not validated: {error}"])
    return AdmissionResponse.denied(Denied(str(error), reason="Invalid", code=422, causes=error.causes))

"""Answers 403 to what was not declared, so that a test shows what a cluster with RBAC would refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from kubernaut.client import Client, Transport, TransportRequest, TransportResponse
from kubernaut.client.requestinfo import RequestInfo, classify
from kubernaut.reconcile.permission import Permission
from kubernaut.reconcile.selectors import FieldSelector
from kubernaut.resources import AnyResource, Resource, ResourceType

CREATED = 201
NOT_FOUND = 404
# What every authenticated user may do (ClusterRoles system:discovery, system:basic-user).
OPEN_PATHS = ("/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz")
SELF_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")


class Undeclared(AssertionError):
    """Requests were refused because nobody declared them; `missing` are the declarations to add."""

    def __init__(self, missing: Sequence[Permission], requests: Sequence[str]) -> None:
        lines = [f"  {permission}" for permission in missing]
        sent = [f"  {request}" for request in requests]
        head = "requests were refused that were not declared; add to `Controller(permissions=[...])`:"
        super().__init__("\n".join([head, *lines, "the requests:", *sent]))
        self.missing = tuple(missing)


@dataclass(frozen=True, slots=True)
class _Right:
    """One question that RBAC answers."""

    verb: str
    group: str
    path: str
    namespace: str = ""
    name: str = ""

    def permission(self) -> Permission:
        plural, _, subresource = self.path.partition("/")
        model = _model(self.group, plural)
        resource = model or (f"{plural}.{self.group}" if self.group else plural)
        namespaced = model is None or model.resource_type.namespaced
        namespace = self.namespace if self.namespace and namespaced else None
        return Permission([self.verb], resource, namespace=namespace, subresource=subresource or None)


class DeclaredTransport:
    """A transport that lets through what `permissions` grant, and answers 403 Forbidden to everything else.

    Besides the request itself it asks what a server asks: `create` for an apply that creates the object, and `update`
    of `<owner>/finalizers` for an owner reference that blocks its owner's deletion (owners whose class is among
    `permissions`). What it refused stays in `missing` and `requests`.
    """

    def __init__(self, inner: Transport, permissions: Iterable[Permission]) -> None:
        self._inner = inner
        self._permissions = tuple(permissions)
        self._used: dict[tuple[int, str], None] = {}
        self._missing: dict[_Right, None] = {}
        self._requests: dict[str, None] = {}

    @property
    def host(self) -> str:
        return str(getattr(self._inner, "host", ""))

    @property
    def namespace(self) -> str | None:
        return getattr(self._inner, "namespace", None)

    @property
    def missing(self) -> list[Permission]:
        """What would have to be declared for the requests that were refused."""
        verbs: dict[tuple[str, str, str], list[str]] = {}
        for right in self._missing:
            verbs.setdefault((right.group, right.path, right.namespace), []).append(right.verb)
        return [
            replace(_Right("get", group, path, namespace).permission(), verbs=tuple(dict.fromkeys(found)))
            for (group, path, namespace), found in verbs.items()
        ]

    @property
    def requests(self) -> list[str]:
        """The requests that were refused, each once."""
        return list(self._requests)

    @property
    def unused(self) -> list[Permission]:
        """What was declared and not used by any request so far, verb by verb."""
        found = []
        for index, permission in enumerate(self._permissions):
            verbs = [verb for verb in permission.verbs if (index, verb) not in self._used]
            if verbs:
                found.append(replace(permission, verbs=tuple(verbs)))
        return found

    def check(self) -> None:
        """Raise Undeclared if anything was refused."""
        if self._missing:
            raise Undeclared(self.missing, self.requests)

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        return self._open(request)

    async def refresh(self) -> bool:
        return await self._inner.refresh()

    async def aclose(self) -> None:
        await self._inner.aclose()

    @asynccontextmanager
    async def _open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        info = classify(request)
        refused = [right for right in self._rights(request, info) if not self._allows(right)]
        creating = replace(_right(request, info), verb="create", name="")
        if not refused and info.apply and not self._grants(creating) and not await self._exists(request):
            refused = [creating]
        if refused:
            self._missing.update(dict.fromkeys(refused))
            self._requests[str(info)] = None
            yield _forbidden(info, [right.permission() for right in refused])
            return
        async with self._inner.open(request) as response:
            if info.apply and response.status == CREATED:
                self._allows(creating)
            yield response

    def _rights(self, request: TransportRequest, info: RequestInfo) -> Iterator[_Right]:
        if not info.resource:
            if not any(info.path == path or info.path.startswith(f"{path}/") for path in OPEN_PATHS):
                yield _Right(info.verb, "", info.path)
            return
        if info.verb == "create" and info.resource in SELF_REVIEWS:
            return
        yield _right(request, info)
        if info.verb in ("create", "update", "patch") and not info.subresource:
            yield from self._owners(request, info)

    def _owners(self, request: TransportRequest, info: RequestInfo) -> Iterator[_Right]:
        for owner in _blocked_owners(request.body):
            for permission in self._permissions:
                kind = _kind_of(permission)
                if kind is not None and (kind.api_version, kind.kind) == (owner.get("apiVersion"), owner.get("kind")):
                    namespace = info.namespace if kind.namespaced else ""
                    path = f"{kind.plural}/finalizers"
                    yield _Right("update", kind.group, path, namespace, str(owner.get("name", "")))
                    break

    def _allows(self, right: _Right) -> bool:
        """Whether it is granted; what granted it counts as used."""
        for index in self._grants(right):
            self._used[index, right.verb] = None
        return bool(self._grants(right))

    def _grants(self, right: _Right) -> list[int]:
        asked = (right.verb, right.group, right.path, right.namespace, right.name)
        return [index for index, permission in enumerate(self._permissions) if permission.allows(*asked)]

    async def _exists(self, request: TransportRequest) -> bool:
        headers = {name: value for name, value in request.headers.items() if name != "content-type"}
        async with self._inner.open(replace(request, method="GET", query=(), headers=headers, body=None)) as response:
            async for _ in response.chunks:
                pass
            return response.status != NOT_FOUND


@contextmanager
def declared(client: Client, permissions: Iterable[Permission]) -> Iterator[Client]:
    """A client that may do what `permissions` grant; raises Undeclared at the end if it was asked for more.

    An error of the body goes first, with a note of what was refused.
    """
    limits: list[DeclaredTransport] = []

    def limit(transport: Transport) -> Transport:
        limits.append(DeclaredTransport(transport, permissions))
        return limits[0]

    limited = client.through(limit)
    try:
        yield limited
    except BaseException as error:
        if limits[0].missing:
            error.add_note(str(Undeclared(limits[0].missing, limits[0].requests)))
        raise
    limits[0].check()


def _right(request: TransportRequest, info: RequestInfo) -> _Right:
    path = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    name = info.name
    if info.verb in ("list", "watch", "deletecollection"):
        name = _selected_name(dict(request.query).get("fieldSelector"))
    elif info.verb == "create" and not info.subresource:
        name = ""  # that in the body is not looked at
    return _Right(info.verb, info.group, path, info.namespace, name)


def _selected_name(fields: str | None) -> str:
    """The name that a field selector asks for, as apiserver's RequestInfoFactory takes it from there."""
    try:
        terms = FieldSelector.parse(fields).names
    except ValueError:
        return ""
    names = [value for term in terms if term.key == "metadata.name" and not term.negated for value in term.values or ()]
    return names[0] if len(names) == 1 else ""


def _blocked_owners(body: bytes | None) -> list[dict[str, Any]]:
    try:
        decoded: Any = msgspec.json.decode(body or b"null")
    except msgspec.DecodeError:
        return []
    metadata = decoded.get("metadata") if isinstance(decoded, dict) else None
    owners = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    found = owners if isinstance(owners, list) else []
    return [owner for owner in found if isinstance(owner, dict) and owner.get("blockOwnerDeletion") is True]


def _kind_of(permission: Permission) -> ResourceType | None:
    resource = permission.resource
    if isinstance(resource, str):
        return None
    return resource if isinstance(resource, ResourceType) else resource.resource_type


def _model(group: str, plural: str) -> type[Resource] | None:
    """The class of a resource, among all that were imported; the first that was made."""
    waiting: list[type[Resource]] = [Resource]
    for model in waiting:
        if issubclass(model, AnyResource):
            continue
        kind = getattr(model, "resource_type", None)
        if kind is not None and (kind.group, kind.plural) == (group, plural):
            return model
        waiting += model.__subclasses__()
    return None


def _forbidden(info: RequestInfo, missing: Sequence[Permission]) -> TransportResponse:
    what = f"{info.resource}.{info.group}" if info.group else info.resource or info.path
    name = f' "{info.name}"' if info.name else ""
    wanted = " and ".join(str(permission) for permission in missing)
    message = f"{what}{name} is forbidden: cannot {info}: declare {wanted}"
    details = {"name": info.name, "group": info.group, "kind": info.resource}
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403}
    body = msgspec.json.encode({**status, "message": message, "details": details})
    return TransportResponse(403, {"content-type": "application/json"}, _once(body))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body

"""The fake API server as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

import anyio

from kubernaut.fake.apiserver import authn, crds, discovery, dispatch, negotiation, rbac, requestinfo
from kubernaut.fake.apiserver.core import Call, State
from kubernaut.fake.apiserver.messages import Request, Response, Stream, User, json_response, parse_query
from kubernaut.fake.apiserver.registry import Registry, ResourceInfo
from kubernaut.fake.apiserver.requestinfo import RequestInfo
from kubernaut.fake.apiserver.status import StatusError, forbidden, unknown_resource
from kubernaut.fake.apiserver.storage import Storage
from kubernaut.timing import Clock

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request that was answered: when, by whom, what, and with which HTTP code."""

    time: datetime
    user: str
    verb: str
    path: str
    code: int


class ApiServer:
    """Speaks the Kubernetes REST API over objects in memory.

    `clock` gives creation times and the like (default: the running loop's clock, else the system's). `seed` makes uids
    and generated names the same in every run. With `rbac`, requests by others than system:masters need a Role or
    ClusterRole that allows them. `tokens` maps bearer tokens to users; without it every token is the administrator's,
    as is a request without one.

    Not thread-safe: call it from one event loop.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        seed: int | None = None,
        rbac: bool = False,
        tokens: Mapping[str, User] | None = None,
    ) -> None:
        self._state = State(Storage(), Registry(), Random(seed), clock)
        self._state.tokens.update(tokens or {})
        self._strict_tokens = tokens is not None
        self._rbac = rbac
        self.requests: list[LoggedRequest] = []
        for name in _NAMESPACES:
            self._write("/api/v1/namespaces", {"metadata": {"name": name}})

    # -- what tests and the control plane ask directly

    def dump(self) -> list[dict[str, Any]]:
        """Every object, a private copy of each, by kind and then by namespace and name."""
        storage = self._state.storage
        return [stored.decode() for kind in sorted(storage.kinds()) for stored in storage.iterate(kind)]

    def resource_for(self, api_version: str, kind: str) -> ResourceInfo | None:
        """The served resource of a kind, if any."""
        return self._state.registry.by_kind(api_version, kind)

    def set_pod_log(self, namespace: str, name: str, container: str, text: str) -> None:
        """What `pods/log` answers for a container from now on."""
        self._state.logs[namespace, name, container] = text

    def compact(self) -> None:
        """Forgets the history: watches and continued lists from older versions get 410."""
        self._state.storage.compact()

    @property
    def version(self) -> int:
        """The resourceVersion of the last write."""
        return self._state.storage.version

    def close(self) -> None:
        """Ends all watches. Writes are still answered."""
        self._state.storage.close()

    # -- the request path

    def handle(self, request: Request, groups: list[str] | None = None) -> Response | Stream:
        """Answers one request; never raises StatusError. `groups` are the Impersonate-Group headers."""
        info = requestinfo.parse(request.method, request.path, request.query)
        user = User("")
        try:
            user = self._user(request, groups or [])
            answer = self._serve(request, info, user)
        except StatusError as error:
            answer = json_response(error.code, error.body(), error.headers)
            answer.warnings = error.warnings
        code = answer.status if isinstance(answer, Response) else 200
        self.requests.append(LoggedRequest(self._state.now(), user.name, info.verb, request.path, code))
        return answer

    def _user(self, request: Request, groups: list[str]) -> User:
        known = self._state.tokens
        user = authn.authenticate(request.headers, known, strict=self._strict_tokens)
        wanted = authn.impersonated(request.headers, groups)
        if wanted is None:
            return user
        if self._rbac and "system:masters" not in user.groups:
            asked = rbac.Attributes("impersonate", resource="users", name=wanted.name)
            if not rbac.authorize(self._state.storage, user, asked).allowed:
                raise forbidden("", "users", wanted.name, rbac.refusal(user, asked))
        return wanted

    def _serve(self, request: Request, info: RequestInfo, user: User) -> Response | Stream:
        if self._rbac or "system:masters" not in user.groups:
            self._authorize(info, user)
        if not info.is_resource:
            return discovery.answer(self._state.registry, request)
        registry = self._state.registry
        resource = registry.find(info.group, info.version, info.resource)
        if resource is None:
            if any(item.version == info.version for item in registry.in_group(info.group)):
                raise unknown_resource()
            return discovery.not_found()
        call = Call(self._state, request, info, resource, user)
        before = self._state.storage.version
        try:
            answer = dispatch.serve(call)
        except StatusError as error:
            error.warnings = call.warnings
            raise
        if resource.store == crds.STORE or resource.custom is not None:
            crds.after_write(self._state, before)
        return answer

    def _authorize(self, info: RequestInfo, user: User) -> None:
        if not self._rbac:
            return
        wanted = rbac.attributes_of(info)
        if rbac.authorize(self._state.storage, user, wanted).allowed:
            return
        name = wanted.name if info.verb != "create" else ""
        if not info.is_resource:
            raise StatusError(403, "Forbidden", f"forbidden: {rbac.refusal(user, wanted)}", {})
        plural = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
        error = forbidden(info.group, plural, name, rbac.refusal(user, wanted))
        if error.details is not None:
            error.details["kind"] = info.resource
        raise error

    def _write(self, path: str, body: dict[str, Any]) -> None:
        answer = self.handle(Request("POST", path, {}, {"user-agent": "kube-apiserver/1"}, negotiation.encode(body)))
        assert isinstance(answer, Response) and answer.status == 201, answer
        self.requests.clear()

    # -- ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection event. Cancellation ends a watch."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
            groups = [value.decode() for key, value in scope["headers"] if key.lower() == b"impersonate-group"]
            query = parse_query(scope.get("query_string", b""))
            request = Request(scope["method"], scope["path"], query, headers, await _read_body(receive))
            answer = self.handle(request, groups)
            if isinstance(answer, Stream):
                await _send_stream(answer, receive, send)
            else:
                await _send_response(answer, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _read_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send_response(answer: Response, send: Send) -> None:
    headers = [(b"content-type", answer.content_type.encode()), (b"content-length", str(len(answer.body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    for warning in answer.warnings:
        shown = warning.replace("\\", "\\\\").replace('"', '\\"')
        headers.append((b"warning", f'299 - "{shown}"'.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _send_stream(answer: Stream, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", answer.content_type.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async with anyio.create_task_group() as group:

        async def leave() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(leave)
        async for chunk in answer.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        group.cancel_scope.cancel()

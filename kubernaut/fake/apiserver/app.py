"""The fake API server as an ASGI application."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any

import anyio

from kubernaut.fake.apiserver import crds, discovery, dispatch, impersonation, negotiation, protobuf, rbac, requestinfo
from kubernaut.fake.apiserver.admission import Admission
from kubernaut.fake.apiserver.admission.outside import WebhookTarget
from kubernaut.fake.apiserver.authn import Authenticator
from kubernaut.fake.apiserver.bootstrap import LAST_VERSION, bootstrap
from kubernaut.fake.apiserver.compression import compressed
from kubernaut.fake.apiserver.core import Call, State
from kubernaut.fake.apiserver.messages import ADMIN, Request, Response, Stream, User, json_response, parse_query
from kubernaut.fake.apiserver.pending import Memory, Pending, StoppedClock
from kubernaut.fake.apiserver.rbac import Access
from kubernaut.fake.apiserver.registry import Registry, ResourceInfo
from kubernaut.fake.apiserver.requestinfo import RequestInfo
from kubernaut.fake.apiserver.status import StatusError, forbidden, unknown_resource
from kubernaut.fake.apiserver.storage import Storage
from kubernaut.timing import Clock

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_READS = frozenset(["get", "list", "watch"])
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
    as is a request without one. Given, requests without a token are anonymous.

    `service_accounts` turns on the admission of pods' ServiceAccounts: they run as `default` unless they name one, and
    are refused where it does not exist. `quotas` keeps the status of ResourceQuotas, as a controller does elsewhere;
    without it they have none, and refuse what they count.

    Not thread-safe: call it from one event loop.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        seed: int | None = None,
        rbac: bool = False,
        tokens: Mapping[str, User] | None = None,
        service_accounts: bool = False,
        quotas: bool = False,
    ) -> None:
        storage = Storage()
        # not of the seed: servers of one seed have the same ServiceAccounts, and would take each other's tokens
        key = secrets.token_bytes(32)
        self._state = State(
            storage,
            Registry(),
            Random(seed),
            Access(storage, enforced=rbac),
            Authenticator(storage, tokens or {}, key, strict=tokens is not None),
            Admission(storage, service_accounts=service_accounts, quotas=quotas),
            clock,
        )
        self.requests: list[LoggedRequest] = []
        bootstrap(storage, self._state.now())
        for name in _NAMESPACES:
            self._write("/api/v1/namespaces", {"metadata": {"name": name}})

    # -- what tests and the control plane ask directly

    def dump(self) -> list[dict[str, Any]]:
        """Every object, a private copy of each, by kind and then by namespace and name.

        What every server starts with (the default roles, say) is left out, unless it was changed.
        """
        storage = self._state.storage
        found = (stored for kind in sorted(storage.kinds()) for stored in storage.iterate(kind))
        return [stored.decode() for stored in found if stored.version > LAST_VERSION]

    def resource_for(self, api_version: str, kind: str) -> ResourceInfo | None:
        """The served resource of a kind, if any."""
        return self._state.registry.by_kind(api_version, kind)

    def set_pod_log(self, namespace: str, name: str, container: str, text: str) -> None:
        """What `pods/log` answers for a container from now on."""
        self._state.logs[namespace, name, container] = text

    def add_token(self, token: str, user: User) -> None:
        """Makes a bearer token known as that user's."""
        self._state.authn.add(token, user)

    def route_webhook(self, url: str, target: WebhookTarget) -> None:
        """Where calls of webhooks at `url` go: an ASGI application, or the base URL of a server that stands for it.

        `url` is scheme, host and port, as in `https://name.namespace.svc:443` for a service of that name. Without a
        route, a webhook's own URL is called, and one of a service fails as on a cluster without that service.
        """
        self._state.admission.outside.route(url, target)

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

    def handle(self, request: Request, lines: impersonation.Lines | None = None) -> Response | Stream:
        """Answers one request at once; never raises StatusError. `lines` are the Impersonate- headers, if repeated.

        Raises Pending where a webhook has to be called, or something waited for: then use `answer`.
        """
        return self._attempt(request, lines, Memory())

    async def answer(self, request: Request, lines: impersonation.Lines | None = None) -> Response | Stream:
        """Answers one request, however long webhooks take; never raises StatusError. Cancellation abandons it."""
        memory = Memory()
        while True:
            try:
                return self._attempt(request, lines, memory)
            except Pending as pending:
                await pending.resolve()

    def _attempt(self, request: Request, lines: impersonation.Lines | None, memory: Memory) -> Response | Stream:
        info = requestinfo.parse(request.method, request.path, request.query)
        user = User("")
        try:
            user = self._state.authn.user(request.headers, self._state.now())
            given = impersonation.lines_of(request.headers) if lines is None else lines
            user = impersonation.impersonate(user, given, self._state.access)
            answer = self._serve(protobuf.as_json(request), info, user, memory)
        except StatusError as error:
            answer = json_response(error.code, error.body(), error.headers)
            answer.warnings = error.warnings
        code = answer.status if isinstance(answer, Response) else 200
        self.requests.append(LoggedRequest(self._state.now(), user.name, info.verb, request.path, code))
        return answer

    def _serve(self, request: Request, info: RequestInfo, user: User, memory: Memory) -> Response | Stream:
        self._authorize(info, user)
        if not info.is_resource:
            return discovery.answer(self._state.registry, request)
        registry = self._state.registry
        resource = registry.find(info.group, info.version, info.resource)
        if resource is None:
            if any(item.version == info.version for item in registry.in_group(info.group)):
                raise unknown_resource()
            return discovery.not_found()
        call = Call(self._pinned(info, resource, memory), request, info, resource, user, memory=memory)
        before = self._state.storage.version
        try:
            answer = dispatch.serve(call)
        except StatusError as error:
            error.warnings = call.warnings
            raise
        if self._state.storage.version != before:
            crds.after_write(self._state, resource)
            self._state.admission.settle(self._state, resource, info.namespace)
        return answer

    def _pinned(self, info: RequestInfo, resource: ResourceInfo, memory: Memory) -> State:
        """The state, with time and chance held still for writes that webhooks may hear of more than once."""
        converts = resource.custom is not None and resource.custom.converter is not None
        if info.verb in _READS or not (converts or self._state.admission.may_ask()):
            return self._state
        if memory.seed is None:
            memory.seed, memory.now = self._state.random.getrandbits(64), self._state.now()
        assert memory.now is not None
        return replace(self._state, random=Random(memory.seed), clock=StoppedClock(memory.now))

    def _authorize(self, info: RequestInfo, user: User) -> None:
        if not self._state.access.enforced:
            return
        wanted = rbac.attributes_of(info)
        decision = self._state.access.authorize(user, wanted)
        if decision.allowed:
            return
        text = rbac.refusal(user, wanted, decision.reason)
        if not info.is_resource:
            raise StatusError(403, "Forbidden", f"forbidden: {text}", {})
        raise forbidden(info.group, info.resource, wanted.name, text)

    def _write(self, path: str, body: dict[str, Any]) -> None:
        request = Request("POST", path, {}, {"user-agent": "kube-apiserver/1"}, negotiation.encode(body))
        answer = self._serve(request, requestinfo.parse("POST", path, {}), ADMIN, Memory())
        assert isinstance(answer, Response) and answer.status == 201, answer

    # -- ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection event. Cancellation ends a watch."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
            lines = [
                (key.decode("latin-1").lower(), value.decode("utf-8", "replace"))
                for key, value in scope["headers"]
                if key[:12].lower() == b"impersonate-"
            ]
            query = parse_query(scope.get("query_string", b""))
            request = Request(scope["method"], scope["path"], query, headers, await _read_body(receive))
            answer = await self.answer(request, lines)
            if isinstance(answer, Stream):
                await _send_stream(answer, receive, send)
            else:
                await _send_response(compressed(request, answer), send)

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

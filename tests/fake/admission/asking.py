"""Requests to an API server, and webhooks that answer from a function."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.messages import Request, Response, parse_query

Object = dict[str, Any]
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
MERGE = {"content-type": "application/merge-patch+json"}
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"


@dataclass
class Asker:
    """Asks as one user; `warnings` are those of the last answer."""

    server: ApiServer
    headers: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def acting(self, user: str, **more: str) -> Asker:
        return Asker(self.server, {**self.headers, "impersonate-user": user, **more})

    def bearing(self, token: str) -> Asker:
        return Asker(self.server, {"authorization": f"Bearer {token}"})

    async def __call__(
        self, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Object]:
        parts = urlsplit(url)
        data = b"" if body is None else json.dumps(body).encode()
        given = {"user-agent": "test/1", **self.headers, **(headers or {})}
        answer = await self.server.answer(Request(method, parts.path, parse_query(parts.query.encode()), given, data))
        assert isinstance(answer, Response)
        self.warnings = answer.warnings
        return answer.status, json.loads(answer.body)

    async def post(self, url: str, body: Any) -> Object:
        code, obj = await self("POST", url, body)
        assert code == 201, obj
        return obj

    async def get(self, url: str) -> Object:
        code, obj = await self("GET", url)
        assert code == 200, obj
        return obj

    async def merge(self, url: str, body: Any) -> tuple[int, Object]:
        return await self("PATCH", url, body, MERGE)


Decide = Callable[[Object], Object | Awaitable[Object]]


@dataclass
class Hook:
    """An ASGI application that answers AdmissionReviews with what `decide` makes of their requests."""

    decide: Callable[[Object], Object]
    status: int = 200
    seen: list[Object] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        body = (await receive())["body"]
        review = json.loads(body)
        self.paths.append(f"{scope['path']}?{scope['query_string'].decode()}")
        self.seen.append(review["request"])
        response = {"uid": review["request"]["uid"], **self.decide(review["request"])}
        answer = {"kind": "AdmissionReview", "apiVersion": review["apiVersion"], "response": response}
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def allowed(_: Object) -> Object:
    return {"allowed": True}


def patching(*operations: Object) -> Callable[[Object], Object]:
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return lambda _: {"allowed": True, "patchType": "JSONPatch", "patch": patch}


def rule(resource: str = "configmaps", *operations: str, group: str = "", version: str = "v1") -> Object:
    wanted = list(operations) or ["CREATE", "UPDATE"]
    return {"apiGroups": [group], "apiVersions": [version], "operations": wanted, "resources": [resource]}


def hook(name: str, **more: Any) -> Object:
    """One entry of a configuration: a webhook behind the service `hooks` of namespace `default`, path `/<name>`."""
    client = {"service": {"name": "hooks", "namespace": "default", "path": f"/{name}"}}
    base = {"name": f"{name}.example.com", "rules": [rule()], "clientConfig": client}
    return {**base, "sideEffects": "None", "admissionReviewVersions": ["v1"], **more}


HOOKS = "https://hooks.default.svc:443"


async def register(ask: Asker, kind: str, *hooks: Object, name: str = "test") -> None:
    await ask.post(f"{REGISTRATION}/{kind}webhookconfigurations", {"metadata": {"name": name}, "webhooks": list(hooks)})

"""Who may see the metrics: a bearer token and a rule for the path, both decided by the API server."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, TypeVar

import anyio
import msgspec

from kubernaut.client import Client, ClientError
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.serving.asgi import Scope
from kubernaut.reconcile.serving.exposition import Refusal

__all__ = ["TokenReview"]

# The numbers of controller-runtime's pkg/metrics/filters.
TOKEN_SECONDS = 60.0
ALLOWED_SECONDS = 300.0
DENIED_SECONDS = 30.0
REVIEW_SECONDS = 10.0
REMEMBERED = 1024
AT_ONCE = 4
"""Reviews under way: guessed tokens must not become a flood of requests to the API server."""

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

V = TypeVar("V")

_log = logger("kubernaut.serving")


@dataclass(frozen=True, slots=True)
class _User:
    name: str
    spec: dict[str, Any]
    """As a SubjectAccessReview names them."""


class _Recent(Generic[V]):
    """Answers by key, for a time; the oldest give way."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()

    def get(self, key: Hashable) -> tuple[V] | None:
        """The answer in a tuple, as it may be None; None when there is none that is still good."""
        found = self._answers.get(key)
        if found is None or found[0] <= asyncio.get_running_loop().time():
            return None
        return found[1:]

    def keep(self, key: Hashable, value: V, seconds: float) -> V:
        self._answers[key] = (asyncio.get_running_loop().time() + seconds, value)
        self._answers.move_to_end(key)
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return value


class TokenReview:
    """Asks the API server behind `client` who a request's bearer token is, and whether they may `get` its path.

        metrics_app(registry, TokenReview(client))

    401 without a token that it knows, 403 without a rule (a ClusterRole with `nonResourceURLs: ["/metrics"]`, `verbs:
    ["get"]`), 500 when it cannot be asked. Answers are kept for a minute (who), five (allowed), half a minute (denied);
    a request waits for at most `timeout` seconds. The client needs the rules of `system:auth-delegator`. `audiences`:
    the token must be for one of them; the API server's own when empty.
    """

    def __init__(self, client: Client, *, audiences: Sequence[str] = (), timeout: float = REVIEW_SECONDS) -> None:
        self._client = client
        self._audiences = list(audiences)
        self._timeout = timeout
        # Keyed by digest: the process need not hold the tokens of others longer than a request takes.
        self._users: _Recent[_User | None] = _Recent()
        self._rules: _Recent[bool] = _Recent()
        self._reviews = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope) -> Refusal | None:
        """None if the request may pass."""
        token = _bearer(scope)
        if token is None:
            return Refusal(401, "Unauthorized")
        try:
            with anyio.fail_after(self._timeout):
                user = await self._user(token)
                if user is None:
                    return Refusal(401, "Unauthorized")
                allowed = await self._allowed(user, scope["method"].lower(), scope["path"])
        except (ClientError, TimeoutError, msgspec.DecodeError) as error:
            _log.error(
                "the API server could not be asked who sees the metrics", error=str(error) or "no answer in time"
            )
            return Refusal(500, "Authentication failed")
        return None if allowed else Refusal(403, f"Authorization denied for user {user.name}")

    async def _user(self, token: str) -> _User | None:
        key = sha256(token.encode()).digest()
        known = self._users.get(key)
        if known is not None:
            return known[0]
        async with self._reviews:
            known = self._users.get(key)  # a request before this one may have asked
            if known is not None:
                return known[0]
            spec: dict[str, Any] = {"token": token}
            if self._audiences:
                spec["audiences"] = self._audiences
            status = await self._review(TOKEN_REVIEWS, "authentication.k8s.io/v1", "TokenReview", spec)
            return self._users.keep(key, self._recognised(status), TOKEN_SECONDS)

    def _recognised(self, status: dict[str, Any]) -> _User | None:
        if status.get("authenticated") is not True:
            return None
        # A server that knows nothing of audiences answers without them, and its word is not for us.
        if self._audiences and not any(audience in self._audiences for audience in status.get("audiences") or ()):
            return None
        user = status.get("user") or {}
        spec = {"user": user.get("username", "")}
        spec |= {name: user[name] for name in ("uid", "groups", "extra") if user.get(name)}
        return _User(spec["user"], spec)

    async def _allowed(self, user: _User, verb: str, path: str) -> bool:
        key = (sha256(msgspec.json.encode(user.spec, order="deterministic")).digest(), verb, path)
        known = self._rules.get(key)
        if known is not None:
            return known[0]
        async with self._reviews:
            known = self._rules.get(key)
            if known is not None:
                return known[0]
            spec = {**user.spec, "nonResourceAttributes": {"path": path, "verb": verb}}
            status = await self._review(ACCESS_REVIEWS, "authorization.k8s.io/v1", "SubjectAccessReview", spec)
            allowed = status.get("allowed") is True and status.get("denied") is not True
            return self._rules.keep(key, allowed, ALLOWED_SECONDS if allowed else DENIED_SECONDS)

    async def _review(self, path: str, api_version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        body = {"apiVersion": api_version, "kind": kind, "spec": spec}
        answer = msgspec.json.decode((await self._client.request("POST", path, body=body)).body)
        status = answer.get("status") if isinstance(answer, dict) else None
        return status if isinstance(status, dict) else {}


def _bearer(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").strip().partition(" ")
            if scheme.lower() == "bearer" and token.strip():
                return str(token.strip())
    return None

"""The ASGI application that serves webhooks: paths, limits, time-outs, and answers over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol
from urllib.parse import parse_qs

import anyio
import msgspec
from prometheus_client import CollectorRegistry

from kubernaut.reconcile.log import logger
from kubernaut.reconcile.serving.asgi import Receive, Scope, Send, not_found, respond
from kubernaut.reconcile.webhooks.metrics import WebhookMetrics
from kubernaut.reconcile.webhooks.request import BadReview
from kubernaut.resources import parse_duration

__all__ = ["Webhook", "WebhooksApp", "webhooks_app"]

JSON = "application/json"

_log = logger("kubernaut.webhook")


class Webhook(Protocol):
    """What is served at one path: AdmissionWebhook, ConversionWebhook."""

    @property
    def path(self) -> str:
        """Begins with a slash."""
        ...

    @property
    def max_body(self) -> int:
        """The longest body that is read, in bytes."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds that a review may take where the request does not say."""
        ...

    async def review(self, review: Any) -> dict[str, Any]:
        """Answer a review (decoded JSON). Raises BadReview for what is none; may be cancelled."""
        ...


def webhooks_app(webhooks: Iterable[Webhook], *, registry: CollectorRegistry | None = None) -> WebhooksApp:
    """The application that serves webhooks, each at its path, with metrics in ``registry`` if it is given.

    Raises ValueError for two webhooks at one path.
    """
    return WebhooksApp(webhooks, registry)


class _Refused(Exception):
    """The request is answered with plain text instead of a review; the API server then heeds the failurePolicy."""

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers


class WebhooksApp:
    """An ASGI 3 application; see `webhooks_app`. ``metrics`` is None without a registry."""

    def __init__(self, webhooks: Iterable[Webhook], registry: CollectorRegistry | None) -> None:
        self._webhooks: dict[str, Webhook] = {}
        for webhook in webhooks:
            if webhook.path in self._webhooks:
                raise ValueError(f"path: two webhooks are at {webhook.path}")
            self._webhooks[webhook.path] = webhook
        self.metrics = WebhookMetrics(registry, self.paths) if registry is not None else None

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that are served."""
        return tuple(self._webhooks)

    @property
    def webhooks(self) -> tuple[Webhook, ...]:
        """What is served."""
        return tuple(self._webhooks.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        webhook = self._webhooks.get(scope["path"])
        if webhook is None:
            await not_found(send)
            return
        if self.metrics is None:
            await _serve(webhook, scope, receive, send)
            return
        began, code = asyncio.get_running_loop().time(), 0
        self.metrics.started(webhook.path)
        try:
            code = await _serve(webhook, scope, receive, send)
        finally:
            self.metrics.ended(webhook.path, code, asyncio.get_running_loop().time() - began)


async def _serve(webhook: Webhook, scope: Scope, receive: Receive, send: Send) -> int:
    try:
        answer = await _answer(webhook, scope, receive)
    except _Refused as refused:
        _log.warning("a request to a webhook was refused", path=webhook.path, status=refused.status, why=refused.text)
        await respond(send, refused.status, refused.text + "\n", headers=refused.headers)
        return refused.status
    headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
    return 200


async def _answer(webhook: Webhook, scope: Scope, receive: Receive) -> bytes:
    if scope["method"] != "POST":
        raise _Refused(405, "a webhook is called with POST", {"allow": "POST"})
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    content_type = headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise _Refused(415, f"the content type is {content_type!r}, not {JSON}")
    seconds = _timeout(scope, webhook.timeout)
    with anyio.move_on_after(seconds) as limit:
        body = await _read(receive, webhook.max_body)
        try:
            return msgspec.json.encode(await webhook.review(_decode(body)))
        except BadReview as error:
            raise _Refused(400, str(error)) from None
    assert limit.cancelled_caught
    # No answer of ours: whether the request fails is for the failurePolicy to say.
    raise _Refused(504, f"the webhook took longer than {seconds:g} s")


def _timeout(scope: Scope, default: float) -> float:
    """The seconds that the API server waits: it sends a webhook's timeoutSeconds as ``?timeout=10s``."""
    given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("timeout")
    if not given:
        return default
    try:
        seconds = parse_duration(given[0]).total_seconds()
    except ValueError as error:
        raise _Refused(400, f"timeout: {error}") from None
    if seconds <= 0:
        raise _Refused(400, f"timeout: {given[0]!r} leaves no time")
    return seconds


async def _read(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    more = True
    # A client that is still sending when the connection closes never sees the answer, so what comes beyond the limit is
    # read as well, and dropped; up to a second limit.
    while more and size <= 2 * limit:
        message = await receive()
        if message["type"] != "http.request":
            raise _Refused(400, "the body ended early")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        else:
            chunks.clear()
        more = message.get("more_body", False)
    if size > limit:
        raise _Refused(413, f"the body is larger than {limit} bytes", {"connection": "close"})
    return b"".join(chunks)


def _decode(body: bytes) -> Any:
    if not body:
        raise BadReview("the body is empty")
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise BadReview(f"the body is no JSON: {error}") from None

"""The webhook: answers Alertmanager so that what may succeed later, and only that, is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import msgspec

from kubernaut.client import Client
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.serving import Authenticate, Receive, Scope, Send
from kubernaut.remediation.gateway.alertmanager import (
    SOURCE,
    Alert,
    Notification,
    Unreadable,
    fingerprint_of,
    notice_of,
    read,
)
from kubernaut.remediation.gateway.intake import Intake
from kubernaut.remediation.gateway.metrics import GatewayMetrics
from kubernaut.remediation.gateway.pressure import Full, Pressure
from kubernaut.remediation.gateway.results import RETRY_AFTER, SILENT, Outcome, Result

PATH = "/alertmanager"
ALERTS_AT_ONCE = 4
"""Of one notification."""
LATE = "the time for this request was over"

_log = logger("kubernaut.gateway")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one client, and all of them together, may cost. Seconds and bytes."""

    body_bytes: int = 4 * 1024 * 1024
    body_seconds: float = 10.0
    """A body must have come after this."""
    seconds: float = 30.0
    """A request must be answered after this; Alertmanager gives up after its group_interval."""
    at_once: int = 16
    queue: int = 64


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(text)
        self.status = status
        self.body = {"error": text, **more}
        self.headers = dict(headers or {})


class _Gone(Exception):
    """The client has hung up."""


class AlertmanagerWebhook:
    """POST `/alertmanager`: each alert that is taken becomes a RemediationRequest.

    `authenticate` decides who may send (None: everybody). 200 where every alert has been dealt with, whatever came of
    it; 503 with Retry-After where one may succeed later, or where there is no room (at 5xx alone Alertmanager tries
    again, notify.Retrier); 400, 401, 403, 404, 405, 408, 413, 415, 422 for what will not get better. Bodies are JSON.
    """

    def __init__(
        self,
        client: Client,
        intake: Intake,
        metrics: GatewayMetrics,
        *,
        authenticate: Authenticate | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._client = client
        self._intake = intake
        self._metrics = metrics
        self._authenticate = authenticate
        self._bounds = bounds or Bounds()
        self._pressure = Pressure(self._bounds.at_once, self._bounds.queue, metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = asyncio.get_running_loop().time()
        try:
            status, headers, body = 200, {}, await self._answer(scope, receive)
            if body["retry"]:
                status, headers = 503, _retry(body["retry"])
        except _Refused as refused:
            status, headers, body = refused.status, refused.headers, refused.body
        except _Gone:
            return
        body.pop("retry", None)
        self._metrics.answered(status, asyncio.get_running_loop().time() - began)
        await _respond(send, status, headers, body)

    async def _answer(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        await self._check_access(scope)
        _check_head(scope, self._bounds.body_bytes)
        try:
            with self._pressure.admitted():
                body = await self._body(receive)
                notification = _read(body)
                return await self._worked(notification)
        except Full:
            _log.warning("no room for a notification: it is told to come again", waiting=self._bounds.queue)
            raise _Refused(503, "too many requests at once", _retry(RETRY_AFTER)) from None

    async def _check_access(self, scope: Scope) -> None:
        # First who asks, then what for: somebody unknown learns nothing from the method.
        refusal = await self._authenticate(scope) if self._authenticate is not None else None
        if refusal is None:
            return
        client = (scope.get("client") or ("",))[0]
        _log.warning("a request was not let in", status=refusal.status, text=refusal.text, client=client)
        if refusal.status >= 500:  # that nobody can say who asks is our trouble: they may come again
            raise _Refused(503, refusal.text, _retry(RETRY_AFTER))
        realm = 'Bearer realm="kubernaut"'
        challenge = realm if refusal.status == 401 else f'{realm}, error="insufficient_scope"'
        raise _Refused(refusal.status, refusal.text, {"www-authenticate": challenge})

    async def _body(self, receive: Receive) -> bytes:
        chunks, size = [], 0
        with anyio.move_on_after(self._bounds.body_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > self._bounds.body_bytes:
                    raise _too_large(self._bounds.body_bytes)
                if not message.get("more_body", False):
                    return b"".join(chunks)
        text = f"the body did not come within {self._bounds.body_seconds:g} s"
        raise _Refused(408, text, {"connection": "close"})

    async def _worked(self, notification: Notification) -> dict[str, Any]:
        results: list[Result | None] = [None] * len(notification.alerts)
        with anyio.move_on_after(self._bounds.seconds):
            async with self._pressure.worked_on():
                await self._take_all(notification.alerts, results)
        left = notification.truncated_alerts
        if left:
            _log.warning(
                "Alertmanager has left alerts out of a notification", count=left, receiver=notification.receiver
            )
            self._metrics.truncated(left)
        late = Result(Outcome.FAILED, LATE, retry_after=RETRY_AFTER)
        done = [result or late for result in results]
        shown = []
        for alert, result in zip(notification.alerts, done, strict=True):
            self._tell(alert, result)
            shown.append({"fingerprint": alert.fingerprint, "status": alert.status, **result.to_dict()})
        counts = {one.value: count for one in Outcome if (count := sum(each.outcome is one for each in done))}
        retry = max((result.retry_after for result in done), default=0.0)
        return {"retry": retry, "outcomes": counts, "truncatedAlerts": left, "alerts": shown}

    async def _take_all(self, alerts: list[Alert], results: list[Result | None]) -> None:
        """Those of one fingerprint one after the other, in their order; others beside them."""
        groups: dict[str, list[int]] = {}
        for index, alert in enumerate(alerts):
            groups.setdefault(fingerprint_of(alert), []).append(index)
        places = anyio.CapacityLimiter(ALERTS_AT_ONCE)

        async def take(indexes: list[int]) -> None:
            async with places:
                for index in indexes:
                    notice = notice_of(alerts[index], self._intake.config)
                    results[index] = await self._intake.take(self._client, notice)

        async with anyio.create_task_group() as group:
            for indexes in groups.values():
                group.start_soon(take, indexes)

    def _tell(self, alert: Alert, result: Result) -> None:
        self._metrics.took(SOURCE, result)
        told = {"alert": alert.labels.get("alertname", ""), "fingerprint": alert.fingerprint, "status": alert.status}
        if result.request is not None:
            told["request"] = "/".join(result.request)
        if result.outcome is Outcome.CREATED:
            _log.info("a request was made", **told)
        elif result.outcome is Outcome.RESOLVED:
            _log.info("a signal has ceased", **told)
        elif result.outcome in SILENT:
            _log.debug("nothing to do about an alert", outcome=result.outcome.value, **told)
        else:
            _log.warning("an alert led to nothing", outcome=result.outcome.value, message=result.message, **told)


def _check_head(scope: Scope, body_bytes: int) -> None:
    """Refuse what the head of a request tells already."""
    headers = {bytes(name).lower(): bytes(value).decode("latin-1") for name, value in scope["headers"]}
    if scope["path"].rstrip("/") != PATH:
        raise _Refused(404, f"there is nothing here: notifications are sent to {PATH}")
    if scope["method"] != "POST":
        raise _Refused(405, "notifications are sent with POST", {"allow": "POST"})
    content_type = headers.get(b"content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        given = content_type[:64] or "nothing"
        raise _Refused(415, f"the content type must be application/json, not {given!r}", {"accept": "application/json"})
    if headers.get(b"content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise _Refused(415, "the body must not be compressed", {"accept-encoding": "identity"})
    length = headers.get(b"content-length", "")
    if length.isdigit() and int(length[:20]) > body_bytes:
        raise _too_large(body_bytes)


def _read(body: bytes) -> Notification:
    try:
        return read(body)
    except Unreadable as error:
        _log.warning("a body is no notification of Alertmanager", problem=str(error))
        if error.malformed:
            raise _Refused(400, str(error)) from None
        fields = [{"field": field, "message": text} for field, text in error.problems.items()]
        raise _Refused(422, f"this is no notification of Alertmanager: {error}", fields=fields) from None


def _too_large(most: int) -> _Refused:
    # What is still to come of the body must not be taken for the next request.
    return _Refused(413, f"the body must not be longer than {most} bytes", {"connection": "close"})


def _retry(seconds: float) -> dict[str, str]:
    return {"retry-after": str(max(1, round(seconds)))}


async def _respond(send: Send, status: int, headers: Mapping[str, str], body: Mapping[str, Any]) -> None:
    content = msgspec.json.encode(body) + b"\n"
    fields = {"content-type": "application/json", "x-content-type-options": "nosniff", **headers}
    fields["content-length"] = str(len(content))
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})

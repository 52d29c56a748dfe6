"""The application that shows a registry's metrics, to everybody or to those whom an API server lets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, make_asgi_app

from kubernaut.reconcile.serving.asgi import App, Receive, Scope, Send, not_found, only_reads, respond

__all__ = ["Authenticate", "Refusal", "metrics_app"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served: an HTTP status and a text."""

    status: int
    text: str


Authenticate = Callable[[Scope], Awaitable[Refusal | None]]
"""Decides about one request, by its ASGI scope: None lets it pass."""


def metrics_app(
    registry: CollectorRegistry, authenticate: Authenticate | None = None, *, path: str = "/metrics"
) -> App:
    """Answers `path` with the metrics of `registry`, as Prometheus's text or OpenMetrics, whichever is asked for.

    `name[]=...` in the query picks some; the answer is compressed for those who accept it. `authenticate` is asked
    first. A metric that cannot be read makes the answer a 500.
    """
    exposition = make_asgi_app(registry)

    async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].rstrip("/") != path.rstrip("/"):
            await not_found(send)
            return
        # First who asks, then what for: somebody unknown learns nothing from the method.
        if authenticate is not None:
            refusal = await authenticate(scope)
            if refusal is not None:
                challenge = {"www-authenticate": "Bearer"} if refusal.status == 401 else {}
                await respond(send, refusal.status, f"{refusal.text}\n", headers=challenge)
                return
        if await only_reads(scope, send):
            await exposition(scope, receive, send)

    return metrics

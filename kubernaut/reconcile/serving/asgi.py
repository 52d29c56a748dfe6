"""What our ASGI applications share: types, plain text answers, and composing several applications by path."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email.utils import formatdate
from typing import Any

from kubernaut.reconcile.log import logger

__all__ = ["App", "Receive", "Scope", "Send", "compose", "guarded", "not_found", "only_reads", "respond"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI 3 application for HTTP; it is sent no `lifespan` and no `websocket` scopes."""

TEXT = "text/plain; charset=utf-8"

_log = logger("kubernaut.serving")


async def respond(send: Send, status: int, text: str, *, headers: Mapping[str, str] | None = None) -> None:
    """Answer with plain text."""
    body = text.encode()
    fields = {"content-type": TEXT, "x-content-type-options": "nosniff", **(headers or {})}
    fields["content-length"] = str(len(body))
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def not_found(send: Send) -> None:
    """Answer 404."""
    await respond(send, 404, "404 page not found\n")


async def only_reads(scope: Scope, send: Send) -> bool:
    """Whether the method is GET or HEAD; any other is answered with 405."""
    if scope["method"] in ("GET", "HEAD"):
        return True
    await respond(send, 405, "method not allowed\n", headers={"allow": "GET, HEAD"})
    return False


def compose(apps: Mapping[str, App]) -> App:
    """One application that hands each request to the one whose path is the longest prefix of the request's.

        compose({"/metrics": metrics, "/healthz": probes, "/": rest})

    Prefixes end at a slash: "/healthz" takes "/healthz" and "/healthz/ping", not "/healthzz". The applications see the
    whole path. Nothing for a path: 404. Raises ValueError for a path that does not begin with a slash.
    """
    wrong = [path for path in apps if not path.startswith("/")]
    if wrong:
        raise ValueError(f"a path to serve begins with a slash, not {wrong[0]!r}")
    routes = sorted(((path.rstrip("/"), app) for path, app in apps.items()), key=lambda route: -len(route[0]))
    taken = [path for path, _ in routes]
    twice = [path or "/" for at, path in enumerate(taken) if path in taken[:at]]
    if twice:
        raise ValueError(f"the path {twice[0]!r} is given twice")

    async def composed(scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        for prefix, app in routes:
            if path == prefix or path.startswith(prefix + "/"):
                await app(scope, receive, send)
                return
        await not_found(send)

    return composed


def guarded(app: App) -> App:
    """`app` with a Date in each answer, and with an answer, and a line in our log, where it raises.

    uvicorn would write both into loggers of its own; what it logs is the host's business, not ours to set up.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def dated(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                date = (b"date", formatdate(usegmt=True).encode())
                message = {**message, "headers": [*message.get("headers", ()), date]}
            await send(message)

        try:
            await app(scope, receive, dated)
        except asyncio.CancelledError:
            if started:
                raise
            await respond(dated, 503, "the server is stopping\n", headers={"connection": "close"})
        except Exception:
            _log.exception("a request failed", method=scope["method"], path=scope["path"])
            if started:
                raise  # the answer is cut off: the connection must be too
            await respond(dated, 500, "internal server error\n")

    return guard

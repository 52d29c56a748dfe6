"""Lets answers that would go on for ever, which watches are, end in order when their server stops."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio

from kubernaut.reconcile.serving.asgi import App, Message, Receive, Scope, Send, respond


@dataclass(eq=False, slots=True)
class _Exchange:
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    started: bool = False
    complete: bool = False


class Ending:
    """Passes requests on to `app` until `end`, which completes the answers that are under way and refuses the rest."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._exchanges: dict[_Exchange, None] = {}
        self._ended = False

    def end(self) -> None:
        """Complete every answer that has begun. Requests whose answer has not are answered in full."""
        self._ended = True
        for exchange in self._exchanges:
            if exchange.started and not exchange.complete:
                exchange.scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if self._ended:
            await respond(send, 503, "the server is stopping\n", headers={"connection": "close"})
            return
        exchange = _Exchange()

        async def noted(message: Message) -> None:
            exchange.started = True
            exchange.complete = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        self._exchanges[exchange] = None
        try:
            with exchange.scope:
                await self._app(scope, receive, noted)
        finally:
            del self._exchanges[exchange]
        if exchange.scope.cancelled_caught:
            await send({"type": "http.response.body", "body": b""})

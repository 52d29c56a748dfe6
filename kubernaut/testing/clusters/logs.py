"""The logs of simulated containers, served as a kubelet serves them: the API server asks there for pods/log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self
from urllib.parse import parse_qs

from kubernaut.reconcile.serving import HttpServer, TlsFiles
from kubernaut.reconcile.serving.asgi import Receive, Scope, Send, respond

__all__ = ["PodLogs"]

OK, NOT_FOUND = 200, 404


class PodLogs:
    """Keeps what containers have written. A log is that of the last start of a container; it is not followed."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str, str], str] = {}
        self._http: HttpServer | None = None

    @property
    def port(self) -> int:
        """Where they are served; raises RuntimeError while they are not."""
        if self._http is None:
            raise RuntimeError("the logs are not served")
        return self._http.port

    def write(self, namespace: str, pod: str, container: str, text: str) -> None:
        """What the log of a container is from now on."""
        self._texts[namespace, pod, container] = text

    @asynccontextmanager
    async def serving(self, tls: TlsFiles) -> AsyncIterator[Self]:
        """Serve them on a free port of this machine. Raises BindError, CertificateError."""
        async with HttpServer(self._answer, "127.0.0.1:0", tls=tls, name="kubelet", grace=0.1) as http:
            self._http = http
            try:
                yield self
            finally:
                self._http = None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].strip("/").split("/")
        if len(parts) != 4 or parts[0] != "containerLogs":
            await respond(send, NOT_FOUND, "404 page not found\n")
            return
        namespace, pod, container = parts[1:]
        query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode()).items()}
        await respond(send, OK, _cut(self._texts.get((namespace, pod, container), ""), query))


def _cut(text: str, query: dict[str, str]) -> str:
    """As a kubelet does: the last lines, and of those the first bytes."""
    if (lines := query.get("tailLines", "")).isdigit():
        kept = text.splitlines(keepends=True)
        text = "".join(kept[max(0, len(kept) - int(lines)) :])
    if (limit := query.get("limitBytes", "")).isdigit():
        text = text.encode()[: int(limit)].decode(errors="ignore")
    return text

"""The seam between the client and the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["HeaderValue", "Transport", "TransportRequest", "TransportResponse"]


HeaderValue = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TransportRequest:
    """One HTTP request to the API server.

    ``path`` starts with ``/`` and is already percent-encoded; ``query`` is not. A header whose value is a tuple is
    sent once for each of its elements (``Impersonate-Group`` needs that).
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, HeaderValue] = field(default_factory=dict)
    body: bytes | None = None
    stream: bool = False
    """The body of the response has no end in sight (a watch, a followed log): hand it on as it arrives."""
    timeout: float | None = None
    """Seconds until the response is complete; for a stream, until its headers are there. None: no limit."""
    check: Callable[[], None] | None = field(default=None, compare=False)
    """Called when the request is sent, after all waiting for credentials, a free connection or a rate limit; what it
    raises keeps the request from being sent, and comes out of ``open``."""


@dataclass(frozen=True, slots=True)
class TransportResponse:
    """The response to one request. ``chunks`` may be read once, inside the context of ``open``."""

    status: int
    headers: Mapping[str, str]
    """Keys in lower case; repeated headers are joined by ``", "``."""
    chunks: AsyncIterator[bytes]


class Transport(Protocol):
    """Carries requests to one API server and adds the credentials for it.

    Implementations are safe for use by many tasks at once.
    """

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        """Send ``request``; the context holds the connection and leaving it releases it, read to its end or not.

        Any HTTP status is a response, not an error. Raises TransportError when no response arrived, or when the
        stream breaks while ``chunks`` is read; and when ``request.timeout`` has passed. Cancellation at any await
        releases the connection; a request that was sent may have taken effect all the same. Enter and leave the
        context in one task.
        """
        ...

    async def refresh(self) -> bool:
        """Get newer credentials, after an answer of 401; False where there are none, so that asking again is no use."""
        ...

    async def aclose(self) -> None:
        """Release all connections. Further requests raise TransportError."""
        ...

"""What a test's own clients asked a server for, recorded at their transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import msgspec

from kubernaut.client.requestinfo import RequestInfo, classify
from kubernaut.client.transport import Transport, TransportRequest, TransportResponse
from kubernaut.fake.apiserver import LoggedRequest
from kubernaut.timing import current_clock

__all__ = ["Made", "Recording", "RequestLog"]

CREATED = 201
# Creating these makes no object.
_REVIEWS = ("authorization.k8s.io", "authentication.k8s.io")


@dataclass(frozen=True, slots=True)
class Made:
    """An object that a request has made: where it is, and which one."""

    path: str
    uid: str
    info: RequestInfo


class _Metadata(msgspec.Struct):
    name: str = ""
    uid: str = ""


class _Object(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class RequestLog:
    """All requests that were answered and all objects that they made, oldest first."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.requests: list[LoggedRequest] = []
        self.made: list[Made] = []

    def add(self, request: TransportRequest, info: RequestInfo, code: int) -> None:
        """Note an answer; who acts for somebody else is named by that one."""
        user = str(request.headers.get("impersonate-user") or self.user)
        self.requests.append(LoggedRequest(current_clock().now(), user, info.verb, info.path, code))

    def note_object(self, info: RequestInfo, body: bytes) -> None:
        """Note what a request has made, from the answer to it."""
        if info.subresource or info.group in _REVIEWS:
            return
        try:
            metadata = msgspec.json.decode(body, type=_Object).metadata
        except msgspec.DecodeError:
            return
        if metadata.name and metadata.uid:
            path = info.path if info.verb == "patch" else f"{info.path}/{metadata.name}"
            self.made.append(Made(path, metadata.uid, info))


class Recording:
    """A transport that notes what its `inner` transport, which is closed with it, was asked for and answered."""

    def __init__(self, inner: Transport, log: RequestLog) -> None:
        self._inner = inner
        self._log = log

    @property
    def host(self) -> str:
        """The server's host and port, where the inner transport tells them."""
        return str(getattr(self._inner, "host", ""))

    @property
    def namespace(self) -> str | None:
        """The namespace that the configuration names."""
        return getattr(self._inner, "namespace", None)

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        """See Transport.open."""
        info = classify(request)
        async with self._inner.open(request) as response:
            self._log.add(request, info, response.status)
            if response.status != CREATED:
                yield response
                return
            chunks = _Read(response.chunks, lambda body: self._log.note_object(info, body))
            yield replace(response, chunks=chunks)

    async def refresh(self) -> bool:
        """See Transport.refresh."""
        return await self._inner.refresh()

    async def aclose(self) -> None:
        """See Transport.aclose."""
        await self._inner.aclose()


class _Read:
    """Chunks that are handed on; the whole is told at their end."""

    def __init__(self, chunks: AsyncIterator[bytes], tell: Callable[[bytes], None]) -> None:
        self._chunks = chunks
        self._tell = tell
        self._seen = bytearray()

    def __aiter__(self) -> _Read:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self._tell(bytes(self._seen))
            raise
        self._seen += chunk
        return chunk

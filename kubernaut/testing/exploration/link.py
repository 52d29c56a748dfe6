"""The transport of one life of the operator: each request passes the boundary at which faults strike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from random import Random

import msgspec

from kubernaut.client import TransportRequest, TransportResponse
from kubernaut.client.errors import TransportTimeout, error_from_object
from kubernaut.client.requestinfo import classify
from kubernaut.fake.apiserver.messages import Response, Stream
from kubernaut.testing.exploration.calls import LONGEST_WAY, Boundary
from kubernaut.testing.exploration.generations import Generation
from kubernaut.testing.exploration.site import Site, described
from kubernaut.testing.exploration.streams import OpenWatch

__all__ = ["Link", "PersonLink"]

_READS = ("get", "list", "watch")


class Link:
    """Implements Transport for one generation."""

    def __init__(self, site: Site, boundary: Boundary, generation: Generation) -> None:
        self._site = site
        self._boundary = boundary
        self._generation = generation
        pace = boundary.schedule.pace
        self._random = None if pace is None else Random(f"frames/{pace}/{generation.number}")
        self.watches: dict[OpenWatch, None] = {}

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        """See Transport.open."""
        return self._open(request)

    async def refresh(self) -> bool:
        """See Transport.refresh."""
        return False

    async def aclose(self) -> None:
        """See Transport.aclose; streams end with their readers."""

    @asynccontextmanager
    async def _open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        info = classify(request)
        what = described(info)

        async def send() -> Response | Stream:
            if request.check is not None:
                request.check()
            return await self._site.answer(request, self._generation.name)

        answer = await self._boundary.call(
            self._generation,
            what,
            str(info),
            send,
            _Fails(request),
            write=info.verb not in _READS,
            timeout=request.timeout,
            told=_code,
            tell=self._site.tell,
        )
        if isinstance(answer, Response):
            yield _response(answer)
            return
        resource = what.partition(" ")[2]
        watch = OpenWatch(resource, self._generation, answer.chunks, self._way)
        self.watches[watch] = None
        try:
            yield TransportResponse(200, {"content-type": answer.content_type}, watch)
        finally:
            del self.watches[watch]
            watch.abandon()

    def _way(self) -> float:
        return 0.0 if self._random is None else self._random.uniform(0, LONGEST_WAY)


class PersonLink:
    """Implements Transport for people and for the control plane, whose requests meet no fault."""

    def __init__(self, site: Site, actor: str = "person") -> None:
        self._site = site
        self._actor = actor

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        """See Transport.open."""
        await asyncio.sleep(0)
        info = classify(request)
        answer = await self._site.answer(request, self._actor)
        if not isinstance(answer, Response):
            try:
                yield TransportResponse(200, {"content-type": answer.content_type}, answer.chunks)
            finally:
                await answer.chunks.aclose()  # type: ignore[attr-defined]
            return
        if info.verb not in _READS:
            self._site.trace.add(self._actor, f"{info} -> {answer.status}")
            self._site.tell()
        yield _response(answer)

    async def refresh(self) -> bool:
        """See Transport.refresh."""
        return False

    async def aclose(self) -> None:
        """See Transport.aclose; there is nothing to release."""


@dataclass(frozen=True, slots=True)
class _Fails:
    request: TransportRequest

    def refused(self, code: int) -> Response:
        reason = error_from_object({"code": code}).default_reason or "Unknown"
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": f"{HTTPStatus(code).phrase} (injected)", "reason": reason, "code": code}  # type: ignore[dict-item]
        headers = {"retry-after": "1"} if code == HTTPStatus.TOO_MANY_REQUESTS else {}
        return Response(code, msgspec.json.encode(body), headers=headers)

    def late(self) -> Exception:
        return TransportTimeout(f"{self.request.method} {self.request.path}: no answer in time (injected)")


def _code(answer: Response | Stream) -> str:
    return str(answer.status) if isinstance(answer, Response) else "200 and stays open"


def _response(answer: Response) -> TransportResponse:
    headers = {"content-type": answer.content_type, **{name.lower(): value for name, value in answer.headers.items()}}
    if answer.warnings:
        headers["warning"] = ", ".join(f'299 - "{warning}"' for warning in answer.warnings)
    return TransportResponse(answer.status, headers, _Once(answer.body))


class _Once:
    """A body that is there already."""

    __slots__ = ("_body",)

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    def __aiter__(self) -> _Once:
        return self

    async def __anext__(self) -> bytes:
        body, self._body = self._body, None
        if body is None:
            raise StopAsyncIteration
        return body

"""The transport of one life of the operator: each request passes the boundary at which faults strike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from random import Random

import msgspec

from kubernaut.client import TransportRequest, TransportResponse
from kubernaut.client.errors import TransportTimeout, error_from_object
from kubernaut.client.requestinfo import classify
from kubernaut.fake.apiserver.messages import Response, Stream
from kubernaut.reconcile.election.errors import LeadershipLost
from kubernaut.testing.exploration.calls import LONGEST_WAY, Boundary
from kubernaut.testing.exploration.generations import Generation
from kubernaut.testing.exploration.site import Site, told
from kubernaut.testing.exploration.streams import OpenWatch

__all__ = ["Link", "PersonLink"]

_READS = ("get", "list", "watch")


class Link:
    """Implements Transport for one generation."""

    def __init__(self, site: Site, boundary: Boundary, generation: Generation) -> None:
        self.site = site
        self.boundary = boundary
        self.generation = generation
        pace = boundary.schedule.pace
        self._random = None if pace is None else Random(f"frames/{pace}/{generation.number}")
        self.watches: dict[OpenWatch, None] = {}

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        """See Transport.open."""
        return _Opened(self, request)

    async def refresh(self) -> bool:
        """See Transport.refresh."""
        return False

    async def aclose(self) -> None:
        """See Transport.aclose; streams end with their readers."""

    def way(self) -> float:
        """How long the next frame of a watch takes, in seconds."""
        return 0.0 if self._random is None else self._random.uniform(0, LONGEST_WAY)


class _Opened:
    """One request of the operator, and what stays open of it. Implements Sent and Lethal."""

    __slots__ = ("_info", "_link", "_request", "_watch")

    def __init__(self, link: Link, request: TransportRequest) -> None:
        self._link = link
        self._request = request
        self._info = classify(request)
        self._watch: OpenWatch | None = None

    async def __aenter__(self) -> TransportResponse:
        info, link = self._info, self._link
        what, text = told(info)
        answer = await link.boundary.call(
            link.generation, what, text, self, write=info.verb not in _READS, timeout=self._request.timeout
        )
        if isinstance(answer, Response):
            return _response(answer)
        watch = self._watch = OpenWatch(what.partition(" ")[2], link.generation, answer.chunks, link.way)
        link.watches[watch] = None
        return TransportResponse(200, {"content-type": answer.content_type}, watch)

    async def __aexit__(self, *_: object) -> None:
        if self._watch is not None:
            del self._link.watches[self._watch]
            self._watch.abandon()

    async def send(self) -> Response | Stream:
        """See Sent.send."""
        if self._request.check is not None:
            self._request.check()
        return await self._link.site.answer(self._request, self._info, self._link.generation.name)

    def came(self, answer: Response | Stream) -> str:
        """See Sent.came."""
        return str(answer.status) if isinstance(answer, Response) else "200 and stays open"

    def tell(self) -> None:
        """See Sent.tell."""
        self._link.site.tell()

    def refused(self, code: int) -> Response:
        """See Sent.refused."""
        reason = error_from_object({"code": code}).default_reason or "Unknown"
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": f"{HTTPStatus(code).phrase} (injected)", "reason": reason, "code": code}  # type: ignore[dict-item]
        headers = {"retry-after": "1"} if code == HTTPStatus.TOO_MANY_REQUESTS else {}
        return Response(code, msgspec.json.encode(body), headers=headers)

    def late(self) -> Exception:
        """See Sent.late."""
        return TransportTimeout(f"{self._request.method} {self._request.path}: no answer in time (injected)")

    def fenced(self) -> Exception:
        """See Sent.fenced."""
        return LeadershipLost("of the scenario", "another one leads (injected)")


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
        answer = await self._site.answer(request, info, self._actor)
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


def _response(answer: Response) -> TransportResponse:
    headers = {"content-type": answer.content_type}
    if answer.headers:
        headers |= {name.lower(): value for name, value in answer.headers.items()}
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

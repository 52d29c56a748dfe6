"""What can happen to a request between a process and the server: the fault transport of the exploration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

import msgspec

from kubernaut.client import Transport, TransportError, TransportRequest, TransportResponse
from kubernaut.client.errors import TransportTimeout

FAIR, REFUSED, SILENT, DEAF, LATE, SPLIT, ERRORS = "fair", "refused", "silent", "deaf", "late", "split", "errors"
LATER, LATEST = 8.0, 30.0
"""Seconds by which a request or its response may be late: more than a client waits for it, and than a lease lasts."""


class Witness(Protocol):
    """Told of what happens, at the moment it happens."""

    def sent(self, process: str, request: TransportRequest) -> None:
        """The process hands the request to the wire."""
        ...

    def applied(self, process: str, request: TransportRequest, status: int, sent_at: float) -> None:
        """The server has carried it out."""
        ...

    def answered(self, process: str, request: TransportRequest, status: int, sent_at: float) -> None:
        """The process gets the response."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    body: bytes

    @property
    def response(self) -> TransportResponse:
        return TransportResponse(self.status, {"content-type": "application/json"}, _once(self.body))


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one request. Delays in seconds; `status`: the server's answer is replaced by this error."""

    out: float = 0.0
    back: float = 0.0
    refused: bool = False
    arrives: bool = True
    returns: bool = True
    status: int | None = None


class Wire:
    """One process's connection to the server. Implements Transport; `mode` says how the network is now."""

    def __init__(self, name: str, server: Transport, random: Random, witness: Witness) -> None:
        self.name = name
        self.mode = FAIR
        self.trouble_until = 0.0
        """When the last request that the network harmed was over for its sender."""
        self._server = server
        self._random = random
        self._witness = witness
        self._carriers: dict[asyncio.Task[None], None] = {}

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        """See Transport.open."""
        return self._stream(request) if request.stream else self._exchange(request)

    async def refresh(self) -> bool:
        """See Transport.refresh."""
        return False

    async def aclose(self) -> None:
        """Drop what is under way."""
        for carrier in list(self._carriers):
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)

    @asynccontextmanager
    async def _exchange(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        mode, fate = self.mode, self._fate(request)
        if request.check is not None:
            request.check()  # this is the moment of sending; what the network does later is no longer the sender's
        self._witness.sent(self.name, request)
        if fate.refused:
            raise TransportError("connection refused")
        answer: asyncio.Future[Answer] = loop.create_future()
        # The network is no part of the process: it delivers while the process is paused, and after it gave up.
        carrier = loop.create_task(self._carry(request, fate, answer, sent_at), context=Context())
        self._carriers[carrier] = None
        carrier.add_done_callback(self._carriers.pop, context=Context())
        try:
            async with asyncio.timeout(request.timeout):
                got = await answer
        except TimeoutError:
            raise TransportTimeout("no response") from None
        finally:
            if mode != FAIR:
                self.trouble_until = loop.time()
        self._witness.answered(self.name, request, got.status, sent_at)
        yield got.response

    async def _carry(
        self, request: TransportRequest, fate: Fate, answer: asyncio.Future[Answer], sent_at: float
    ) -> None:
        if fate.out:
            await asyncio.sleep(fate.out)
        if not fate.arrives:
            return
        async with self._server.open(replace(request, timeout=None, check=None)) as response:
            got = Answer(response.status, b"".join([chunk async for chunk in response.chunks]))
        self._witness.applied(self.name, request, got.status, sent_at)
        if fate.back:
            await asyncio.sleep(fate.back)
        if fate.returns and not answer.done():
            answer.set_result(got if fate.status is None else _error(fate.status))

    @asynccontextmanager
    async def _stream(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        if self.mode in (REFUSED, SILENT, DEAF):
            raise TransportError("connection refused")
        async with self._server.open(request) as response:
            yield response

    def _fate(self, request: TransportRequest) -> Fate:
        random, mode = self._random, self.mode
        # Now the way there takes time, now the way back.
        delay = random.uniform(0.001, 0.1)
        out, back = (delay, 0.0) if random.random() < 0.5 else (0.0, delay)
        if mode == REFUSED:
            return Fate(refused=True)
        if mode == SILENT:
            return Fate(out, back, arrives=False)
        if mode == DEAF:
            return Fate(out, back, returns=False)
        if mode == SPLIT and "/leases" in request.path:
            return Fate(out, back, arrives=False)
        if mode == SPLIT and request.method != "GET":
            return Fate(random.uniform(0.0, LATEST), back)
        if mode == LATE:
            return Fate(_late(random), _late(random))
        if mode == ERRORS and random.random() < 0.5:
            return Fate(out, back, arrives=random.random() < 0.5, status=random.choice((500, 503, 409)))
        return Fate(out, back)


def _late(random: Random) -> float:
    bound = random.choices((0.5, LATER, LATEST), (5, 3, 2))[0]
    return random.uniform(0.0, bound)


def _error(status: int) -> Answer:
    reason = {500: "InternalError", 503: "ServiceUnavailable", 409: "Conflict"}[status]
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "reason": reason, "message": "x"}
    return Answer(status, msgspec.json.encode(body))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body

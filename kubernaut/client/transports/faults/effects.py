"""What can go wrong with one request before its answer is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from kubernaut.client.errors import TransportError, TransportTimeout
from kubernaut.client.transport import TransportRequest, TransportResponse

__all__ = ["Answer", "AnswerLost", "Delay", "Effect", "Forward", "Hang", "NeverArrives", "Refused", "Site"]

Forward = Callable[[TransportRequest], AbstractAsyncContextManager[TransportResponse]]


@dataclass(frozen=True, slots=True)
class Site:
    """Where an effect takes place. ``note`` records that it did; ``healed`` is set when its rule is removed."""

    forward: Forward
    note: Callable[[], None]
    healed: asyncio.Event


class Effect(Protocol):
    """One kind of fault."""

    def open(self, request: TransportRequest, site: Site) -> AbstractAsyncContextManager[TransportResponse]:
        """Stand in for Transport.open; ``site.forward`` goes on to the server."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """The server answers an error Status, and does nothing."""

    code: int
    status: dict[str, Any]
    headers: dict[str, str]

    @asynccontextmanager
    async def open(self, request: TransportRequest, site: Site) -> AsyncIterator[TransportResponse]:
        site.note()
        await asyncio.sleep(0)
        yield TransportResponse(self.code, self.headers, Chunks(msgspec.json.encode(self.status)))


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody listens."""

    @asynccontextmanager
    async def open(self, request: TransportRequest, site: Site) -> AsyncIterator[TransportResponse]:
        site.note()
        await asyncio.sleep(0)
        raise TransportError(f"{request.method} {request.path}: connection refused (injected)")
        yield  # makes this function a generator


@dataclass(frozen=True, slots=True)
class NeverArrives:
    """The request is lost on its way; ``seconds`` None: until the request's own timeout."""

    seconds: float | None

    @asynccontextmanager
    async def open(self, request: TransportRequest, site: Site) -> AsyncIterator[TransportResponse]:
        site.note()
        await asyncio.sleep(_patience(self.seconds, request))
        raise _timeout(request)
        yield  # makes this function a generator


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """The request takes effect and its answer never comes; ``seconds`` as for NeverArrives."""

    seconds: float | None

    @asynccontextmanager
    async def open(self, request: TransportRequest, site: Site) -> AsyncIterator[TransportResponse]:
        began = asyncio.get_running_loop().time()
        # A stream is opened and left: what it would have sent is lost with it.
        async with site.forward(request) as response:
            if not request.stream:
                async for _ in response.chunks:
                    pass
        site.note()
        left = _patience(self.seconds, request) - (asyncio.get_running_loop().time() - began)
        await asyncio.sleep(max(left, 0))
        raise _timeout(request)
        yield  # makes this function a generator


@dataclass(frozen=True, slots=True)
class Delay:
    """The request is slow on its way; one that is slower than its timeout never arrives."""

    seconds: float

    @asynccontextmanager
    async def open(self, request: TransportRequest, site: Site) -> AsyncIterator[TransportResponse]:
        site.note()
        if request.timeout is not None:
            if self.seconds >= request.timeout:
                await asyncio.sleep(request.timeout)
                raise _timeout(request)
            request = replace(request, timeout=request.timeout - self.seconds)
        await asyncio.sleep(self.seconds)
        async with site.forward(request) as response:
            yield response


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing happens, whatever the request's timeout, until the caller is cancelled or the rule is removed."""

    @asynccontextmanager
    async def open(self, request: TransportRequest, site: Site) -> AsyncIterator[TransportResponse]:
        site.note()
        await site.healed.wait()
        async with site.forward(request) as response:
            yield response


class Chunks:
    """A body that is there already."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = iter(chunks)

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


def _patience(seconds: float | None, request: TransportRequest) -> float:
    return seconds if seconds is not None else request.timeout or 0.0


def _timeout(request: TransportRequest) -> TransportTimeout:
    return TransportTimeout(f"{request.method} {request.path}: no answer in time (injected)")

"""Transports that let a write pass only while its fence is open, and that bound how long requests take."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from kubernaut.client import Transport, TransportRequest, TransportResponse
from kubernaut.reconcile.election.fence import Fence

__all__ = ["BoundedTransport", "FencedTransport"]

READS = ("GET", "HEAD", "OPTIONS")


class BoundedTransport:
    """A transport on which no request that ends may take longer than `timeout` seconds."""

    def __init__(self, inner: Transport, timeout: float) -> None:
        self._inner = inner
        self._timeout = timeout

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        """See Transport.open."""
        return self._inner.open(_bounded(request, self._timeout))

    async def refresh(self) -> bool:
        """See Transport.refresh."""
        return await self._inner.refresh()

    async def aclose(self) -> None:
        """See Transport.aclose."""
        await self._inner.aclose()


class FencedTransport:
    """A transport that sends no write once `fence` has closed; reads always pass.

    A write is every request but GET, HEAD and OPTIONS: also one that changes nothing, such as a dry run or a
    SubjectAccessReview. The fence is asked when the request is handed to `inner`, and by the innermost transport again
    in the very step of the event loop that sends it (`TransportRequest.check`): a write that waited for a connection, a
    rate limit or credentials, a loop that was blocked, or a process that was paused, sends nothing late. A write may
    take at most `timeout` seconds (LeaderElection.write_timeout), so that its outcome is known, or given up, before
    anybody else can lead.

    A write that was sent in time may still reach the server late, when the network held it up; only its preconditions
    (a resourceVersion, a uid) stop it then. `open` raises NotLeading or LeadershipLost on entering its context.
    """

    def __init__(self, inner: Transport, fence: Fence, timeout: float) -> None:
        self._inner = inner
        self._fence = fence
        self._timeout = timeout

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        """See Transport.open."""
        return self._inner.open(request) if request.method in READS else self._write(request)

    @asynccontextmanager
    async def _write(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        self._fence.check()
        fenced = replace(_bounded(request, self._timeout), check=_both(request.check, self._fence.check))
        async with self._inner.open(fenced) as response:
            yield response

    async def refresh(self) -> bool:
        """See Transport.refresh."""
        return await self._inner.refresh()

    async def aclose(self) -> None:
        """See Transport.aclose."""
        await self._inner.aclose()


def _both(first: Callable[[], None] | None, second: Callable[[], None]) -> Callable[[], None]:
    if first is None:
        return second
    outer = first

    def check() -> None:
        outer()
        second()

    return check


def _bounded(request: TransportRequest, timeout: float) -> TransportRequest:
    if request.timeout is not None and request.timeout <= timeout:
        return request
    return replace(request, timeout=timeout)

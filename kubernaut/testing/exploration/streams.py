"""The watches of the operator: frames that can be held back, lost, doubled or cut off."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec

from kubernaut.client import TransportError
from kubernaut.testing.exploration.generations import Generation

__all__ = ["OpenWatch"]

_GONE = msgspec.json.encode(
    {
        "type": "ERROR",
        "object": {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "too old resource version (injected)",
            "reason": "Expired",
            "code": 410,
        },
    }
)
END_AFTER = 0.001
"""Seconds after which an ended stream looks again whether all its frames have arrived."""
BOOKMARK = b'{"type":"BOOKMARK"'


@dataclass(slots=True)
class _Held:
    """A frame on its way: due after `events` later ones, or at `until`, or at the time `at` at the earliest."""

    frame: bytes
    events: int = 0
    until: float = 0.0


class OpenWatch:
    """The stream of one watch between the server and one reader. `what`: the resource, as signatures have it."""

    def __init__(
        self, what: str, generation: Generation, chunks: AsyncIterator[bytes], way: Callable[[], float]
    ) -> None:
        self.what = what
        self.generation = generation
        self._chunks = chunks
        self._way = way
        self._held: deque[_Held] = deque()
        self._under_way: deque[bytes] = deque()
        self._ready: deque[bytes] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._over: Exception | bool = False
        self._late: tuple[int, float] = (0, 0.0)
        self._lose = 0
        self._twice = 0
        self._arrives = 0.0
        self._pump = asyncio.get_running_loop().create_task(self._carry(), name=f"watch {what}")

    # What faults do.

    def delay(self, events: int, until: float) -> None:
        """From now on each frame waits for so many later ones, until that time of the loop."""
        self._late = (events, until)
        asyncio.get_running_loop().call_at(until, self._release, until)

    def lose(self, events: int, until: float) -> None:
        """The next frames never come; after them, or at that time of the loop, the reader is told that history is gone.

        No server loses frames of a watch that goes on: a reader could not notice.
        """
        self._lose = events
        asyncio.get_running_loop().call_at(until, self._forget)

    def repeat(self, events: int) -> None:
        """The next frames come twice."""
        self._twice = events

    def expire(self) -> None:
        """Tell the reader that history is gone."""
        self._push(_GONE + b"\n")
        self._end(True)

    def cut(self) -> None:
        """Break the connection; what is on its way is lost."""
        self._held.clear()
        self._under_way.clear()
        self._ready.clear()
        self._end(TransportError("the connection was reset (injected)"))

    # The reader's side.

    def __aiter__(self) -> OpenWatch:
        return self

    async def __anext__(self) -> bytes:
        while True:
            if self.generation.dead:
                await self.generation.hang()
            if self._ready:
                return self._ready.popleft()
            if self._over:
                if isinstance(self._over, Exception):
                    raise self._over
                raise StopAsyncIteration
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None

    async def aclose(self) -> None:
        """End it; returns when its task has ended."""
        self._pump.cancel()
        await asyncio.wait((self._pump,))

    def abandon(self) -> asyncio.Task[None]:
        """End it without a reader; the task is to be awaited."""
        self._pump.cancel()
        return self._pump

    # The server's side.

    async def _carry(self) -> None:
        try:
            async for chunk in self._chunks:
                for line in chunk.split(b"\n"):
                    if line:
                        self._arrive(line + b"\n")
            self._end(True)
        finally:
            await self._chunks.aclose()  # type: ignore[attr-defined]

    def _forget(self) -> None:
        if self._lose:
            self._lose = 0
            self.expire()

    def _arrive(self, frame: bytes) -> None:
        if self._over:
            return
        if frame.startswith(BOOKMARK):
            if not self._held and not self._lose:  # a bookmark never goes ahead of what was delivered
                self._push(frame)
            return
        if self._lose:
            self._lose -= 1
            if not self._lose:
                self.expire()
            return
        copies = 1
        if self._twice:
            self._twice, copies = self._twice - 1, 2
        for held in self._held:
            held.events -= 1
        events, until = self._late
        loop = asyncio.get_running_loop()
        late = until > loop.time()
        for _ in range(copies):
            self._held.append(_Held(frame, events if late else 0, until if late else 0.0))
        self._release()

    def _release(self, now: float | None = None) -> None:
        # A timer may run a rounding error before its time: it tells which time it stands for.
        now = asyncio.get_running_loop().time() if now is None else now
        if self._late[1] <= now:
            self._late = (0, 0.0)  # what arrives at this very moment would be held with no timer to come
        while self._held and (self._held[0].events <= 0 or self._held[0].until <= now):
            self._push(self._held.popleft().frame)

    def _push(self, frame: bytes) -> None:
        way = self._way()
        if not way:
            self._deliver(frame)
            return
        loop = asyncio.get_running_loop()
        # Frames keep their order, however long each takes.
        self._arrives = max(self._arrives, loop.time() + way)
        # Timers that fall due together have no order: whichever comes first delivers the frame that was sent first.
        self._under_way.append(frame)
        loop.call_at(self._arrives, self._next)

    def _next(self) -> None:
        if self._under_way:
            self._deliver(self._under_way.popleft())

    def _deliver(self, frame: bytes) -> None:
        if isinstance(self._over, Exception):
            return
        self._ready.append(frame)
        self._rouse()

    def _end(self, how: Exception | bool) -> None:
        loop = asyncio.get_running_loop()
        if how is True and self._under_way:
            loop.call_later(END_AFTER, self._end, how)
            return
        self._over = self._over or how
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

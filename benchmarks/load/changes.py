"""Streams of changes: number N gives object N (modulo the keys) `observedSize` N, and `phase` the time of sending.

So whoever reads an object knows which change it shows, and how old that is. Watchers that read slowly hold a stream up:
nothing piles up in the server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load.collection import Collection, chunk, modified
from benchmarks.load.objects import Recorded

TOGETHER = 256
"""Frames in one write: large enough that writing costs next to nothing."""
TICK = 0.005
"""Seconds between two writes of a paced stream; what is due goes out together."""


def _status(number: int, phase: str) -> bytes:
    return b'{"phase":"%s","observedSize":%d,"observedGeneration":1}' % (phase.encode(), number)


@dataclass
class Stream:
    """The changes of one collection: made before (`prepare`, `go`) or on the way (`change`)."""

    collection: Collection
    sent: int = 0
    sending: bool = False
    seconds: float = 0.0
    """How long sending has taken: the watchers' reading included, where they are slower."""
    _prepared: list[bytes] = field(default_factory=list)
    _final: list[tuple[Recorded, int, bytes]] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None

    def prepare(self, frames: int, keys: int) -> None:
        """Make changes over the first `keys` objects; until they are sent the lists show none of them."""
        chosen, base = self.collection.objects[:keys], self.collection.version
        last = range(max(0, frames - keys), frames)
        self._final = [(chosen[number % keys], base + number + 1, _status(number + 1, "")) for number in last]
        self._prepared = []
        for first in range(0, frames, TOGETHER):
            made = (
                modified(chosen[number % keys].at(base + number + 1, _status(number + 1, "")))
                for number in range(first, min(first + TOGETHER, frames))
            )
            self._prepared.append(chunk(b"".join(made)))
        self.sent = frames

    def go(self, watchers: int) -> None:
        """Send what was prepared as fast as it is read, once so many watch."""
        pieces, self._prepared = self._prepared, []
        self._start(self._all(iter(pieces), watchers))

    def change(self, frames: int, keys: int, rate: int, seconds: int) -> None:
        """Send changes made on the way: `rate` a second, or with 0 as fast as they are read; for `seconds` at most."""
        self.sent = 0
        self._start(self._paced(frames, keys, rate) if rate else self._fast(frames, keys, seconds))

    def _start(self, stream: Coroutine[Any, Any, None]) -> None:
        self.sending = True
        self._task = asyncio.get_running_loop().create_task(self._timed(stream))

    async def _timed(self, stream: Coroutine[Any, Any, None]) -> None:
        began = time.monotonic()
        try:
            await stream
        finally:
            self.seconds = time.monotonic() - began
            self.sending = False

    async def _all(self, pieces: Iterator[bytes], watchers: int) -> None:
        await self.collection.watched(watchers)
        # Not before: whoever opens a watch is sent what changed since its list, and must not get the end first.
        for each, version, status in self._final:
            each.version, each.status = version, status
            self.collection.version = max(self.collection.version, version)
        for piece in pieces:
            await self._write(piece)

    async def _fast(self, frames: int, keys: int, seconds: int) -> None:
        await self.collection.watched(1)
        end = time.monotonic() + seconds
        while self.sent < frames and time.monotonic() < end:
            await self._write(self._next(min(self.sent + TOGETHER, frames), keys))
            await asyncio.sleep(0)

    async def _paced(self, frames: int, keys: int, rate: int) -> None:
        await self.collection.watched(1)
        began = time.monotonic()
        while self.sent < frames:
            due = min(frames, int((time.monotonic() - began) * rate) + 1)
            if due > self.sent:
                await self._write(self._next(due, keys))
            await asyncio.sleep(TICK)

    def _next(self, until: int, keys: int) -> bytes:
        """The changes up to number `until`, made now."""
        collection, stamp = self.collection, str(time.monotonic_ns() // 1000)
        made = []
        for number in range(self.sent, until):
            found = collection.objects[number % keys]
            collection.version += 1
            found.version, found.status = collection.version, _status(number + 1, stamp)
            made.append(modified(found.encoded()))
        self.sent = until
        return chunk(b"".join(made))

    async def _write(self, piece: bytes) -> None:
        for watcher in self.collection.watchers:
            await watcher.writable.wait()
            watcher.raw(piece)

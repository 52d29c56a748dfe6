"""What can go wrong with the frames of a watch that is open."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from kubernaut.client.errors import TransportError
from kubernaut.client.frames import Lines, RawFrame, decode_head
from kubernaut.client.transport import TransportRequest, TransportResponse
from kubernaut.client.transports.faults.effects import Site

__all__ = ["END", "Cut", "CutMidFrame", "Frames", "Insert", "Lag", "Repeat", "Silence", "StreamEffect", "Widen"]

PIECE_SIZE = 64 * 1024


class End:
    """The stream ends, as if the server had ended it."""


END = End()
Piece = bytes | End | TransportError
"""Bytes to hand on, or how the stream ends."""


class Frames(Protocol):
    """The state of one fault on one stream. Lines come and go without their newline where they are whole frames."""

    def begin(self) -> Iterable[Piece]:
        """What comes before the first frame."""
        ...

    def feed(self, line: bytes) -> Iterable[Piece]:
        """What comes in the place of the next frame."""
        ...

    def end(self) -> Iterable[Piece]:
        """What comes after the last frame, when the server ends the stream."""
        ...


@dataclass(frozen=True, slots=True)
class StreamEffect:
    """A fault of watches: ``start(request, note)`` begins it on one stream."""

    start: Callable[[TransportRequest, Callable[[], None]], Frames]

    @asynccontextmanager
    async def open(self, request: TransportRequest, site: Site) -> AsyncIterator[TransportResponse]:
        async with site.forward(request) as response:
            if response.status >= 300:
                yield response
                return
            frames = self.start(request, site.note)
            yield replace(response, chunks=_Filtered(response.chunks, frames))


class _Filtered:
    def __init__(self, chunks: AsyncIterator[bytes], frames: Frames) -> None:
        self._lines = Lines(chunks)
        self._frames = frames
        self._ready: deque[Piece] = deque(frames.begin())
        self._over = False

    def __aiter__(self) -> _Filtered:
        return self

    async def __anext__(self) -> bytes:
        while not self._ready:
            if self._over:
                raise StopAsyncIteration
            try:
                line = await anext(self._lines)
            except StopAsyncIteration:
                self._over = True
                self._ready.extend(self._frames.end())
            else:
                self._ready.extend(self._frames.feed(line))
        piece = self._ready.popleft()
        if isinstance(piece, bytes):
            return piece
        self._over = True
        self._ready.clear()
        raise StopAsyncIteration if isinstance(piece, End) else piece


class _Passing:
    """The base: every frame passes."""

    def __init__(self, note: Callable[[], None]) -> None:
        self._note = note
        self._seen = 0

    def begin(self) -> Iterable[Piece]:
        return ()

    def feed(self, line: bytes) -> Iterable[Piece]:
        self._seen += 1
        return (line + b"\n",)

    def end(self) -> Iterable[Piece]:
        return ()


class Insert(_Passing):
    """``pieces`` come after ``after`` frames."""

    def __init__(self, note: Callable[[], None], after: int, pieces: tuple[Piece, ...]) -> None:
        super().__init__(note)
        self._after, self._pieces = after, pieces

    def begin(self) -> Iterable[Piece]:
        return self._inserted()

    def feed(self, line: bytes) -> Iterable[Piece]:
        return (*super().feed(line), *self._inserted())

    def _inserted(self) -> tuple[Piece, ...]:
        if self._seen != self._after:
            return ()
        self._note()
        return self._pieces


class Cut(Insert):
    """The connection breaks after ``after`` frames; ``clean``: as if the server had ended the watch."""

    def __init__(self, note: Callable[[], None], after: int, clean: bool) -> None:
        ending = END if clean else TransportError("the connection was reset (injected)")
        super().__init__(note, after, (ending,))


class CutMidFrame(_Passing):
    """The stream ends in the middle of the frame that follows ``after`` others."""

    def __init__(self, note: Callable[[], None], after: int) -> None:
        super().__init__(note)
        self._after = after

    def feed(self, line: bytes) -> Iterable[Piece]:
        if self._seen == self._after:
            self._note()
            return (line[: len(line) // 2], END)
        return super().feed(line)


class Repeat(_Passing):
    """The frame number ``at`` (from 1; None: each) comes ``times`` times; 0 drops it."""

    def __init__(self, note: Callable[[], None], at: int | None, times: int) -> None:
        super().__init__(note)
        self._at, self._times = at, times

    def feed(self, line: bytes) -> Iterable[Piece]:
        passed = tuple(super().feed(line))
        if self._at not in (None, self._seen):
            return passed
        self._note()
        return passed * self._times


class Lag(_Passing):
    """The frame number ``at`` (None: each) comes only after ``by`` later ones have come in."""

    def __init__(self, note: Callable[[], None], by: int, at: int | None) -> None:
        super().__init__(note)
        self._by, self._at = by, at
        self._held: deque[tuple[int, bytes]] = deque()  # with the number of the frame that lets it go

    def feed(self, line: bytes) -> Iterable[Piece]:
        passed = list(super().feed(line))
        if self._at in (None, self._seen):
            self._held.append((self._seen + self._by, line + b"\n"))
            self._note()
            passed = []
        while self._held and self._held[0][0] <= self._seen:
            passed.append(self._held.popleft()[1])
        return passed

    def end(self) -> Iterable[Piece]:
        return [line for _, line in self._held]


class Silence(_Passing):
    """After ``after`` frames nothing comes but, with ``bookmarks``, bookmarks of the version told so far.

    A bookmark never goes ahead of what was delivered, as no server's may: whoever resumes from it misses nothing.
    """

    def __init__(self, note: Callable[[], None], request: TransportRequest, after: int, bookmarks: bool) -> None:
        super().__init__(note)
        self._after, self._bookmarks = after, bookmarks
        self._version = dict(request.query).get("resourceVersion", "")
        self._silent = False

    def feed(self, line: bytes) -> Iterable[Piece]:
        frame = _decode(line)
        if self._seen < self._after:
            if frame is not None and frame.type != "ERROR":
                self._version = decode_head(frame.object).resource_version
            return super().feed(line)
        if not self._silent:
            self._silent = True
            self._note()
        if self._bookmarks and self._version and frame is not None and frame.type == "BOOKMARK":
            return (_bookmark(frame, self._version),)
        return ()


class Widen(_Passing):
    """The frame number ``at`` (None: each) takes at least ``size`` bytes, by white space before its object."""

    def __init__(self, note: Callable[[], None], at: int | None, size: int) -> None:
        super().__init__(note)
        self._at, self._size = at, size

    def feed(self, line: bytes) -> Iterable[Piece]:
        passed = super().feed(line)
        frame = _decode(line)
        if self._at not in (None, self._seen) or frame is None:
            return passed
        self._note()
        head, body = b'{"type":"' + frame.type.encode() + b'","object":', bytes(frame.object) + b"}\n"
        wide = head + b" " * max(self._size - len(head) - len(body), 0) + body
        # In pieces, as a socket would deliver it.
        return [wide[start : start + PIECE_SIZE] for start in range(0, len(wide), PIECE_SIZE)]


def _decode(line: bytes) -> RawFrame | None:
    try:
        return msgspec.json.decode(line, type=RawFrame)
    except msgspec.DecodeError:
        return None


def _bookmark(frame: RawFrame, version: str) -> bytes:
    obj: dict[str, Any] = msgspec.json.decode(frame.object)
    obj["metadata"] = {"resourceVersion": version}
    return msgspec.json.encode({"type": "BOOKMARK", "object": obj}) + b"\n"

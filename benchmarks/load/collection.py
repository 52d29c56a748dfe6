"""A collection of recorded objects: its pages, its watchers, and what a change sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

import msgspec

from benchmarks.load.objects import Recorded

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Watcher(Protocol):
    """An open watch."""

    @property
    def writable(self) -> asyncio.Event:
        """Set while not too much is waiting to be sent."""

    def raw(self, pieces: bytes) -> None:
        """Send what is in HTTP's chunks already."""


class Collection:
    """The objects of one kind, in the order of their names."""

    def __init__(self, kind: str, api_version: str, objects: list[Recorded]) -> None:
        self._opening = f'{{"kind":"{kind}List","apiVersion":"{api_version}","metadata":'.encode()
        self._all = self.objects = objects
        self._by_name = {each.name: each for each in objects}
        self.version = len(objects)
        self._watchers: dict[int, Watcher] = {}
        self._watched = asyncio.Event()
        self._waiting: list[bytes] = []
        self.patched = 0
        self._recorded = [each.status for each in objects]

    def serve(self, count: int) -> None:
        """Only the first so many from now on, for whoever lists anew."""
        self.objects = self._all[:count]

    def reset(self) -> None:
        """The statuses as they were recorded."""
        for each, status in zip(self._all, self._recorded, strict=True):
            each.status = status
        self.patched = 0

    def all_have(self, status: bytes) -> None:
        """The same status for every object, without telling anybody."""
        for each in self._all:
            each.status = status

    def page(self, token: str, limit: int) -> Iterator[bytes]:
        """A list answer in pieces, from where the token of the page before says; a limit of 0 is none.

        All pages are of the first one's version: a watch from there misses nothing that changed meanwhile.
        """
        begin, _, first_version = token.partition(":")
        start, version = int(begin or 0), int(first_version or self.version)
        end = min(start + limit, len(self.objects)) if limit else len(self.objects)
        rest = len(self.objects) - end
        more = b',"continue":"%d:%d","remainingItemCount":%d' % (end, version, rest) if rest else b""
        yield b'%s{"resourceVersion":"%d"%s},"items":[' % (self._opening, version, more)
        for first in range(start, end, 500):
            last = min(first + 500, end)
            encoded = b",".join(each.encoded() for each in self.objects[first:last])
            yield encoded if last == end else encoded + b","
        yield b"]}\n"

    def get(self, name: str) -> bytes | None:
        found = self._by_name.get(name)
        return None if found is None else found.encoded()

    def patch_status(self, name: str, status: bytes) -> bytes | None:
        """Merge the fields of a status into that of the object; every watcher hears of it."""
        found = self._by_name.get(name)
        if found is None:
            return None
        self.patched += 1
        self.version += 1
        found.version = self.version
        found.status = msgspec.json.encode(_FIELDS.decode(found.status) | _FIELDS.decode(status))
        encoded = found.encoded()
        self._send(encoded)
        return encoded

    def _send(self, encoded: bytes) -> None:
        """A MODIFIED frame to everybody, together with those of the same turn of the loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(modified(encoded))

    def _flush(self) -> None:
        pieces, self._waiting = chunk(b"".join(self._waiting)), []
        for watcher in self.watchers:
            watcher.raw(pieces)

    def watch(self, key: int, watcher: Watcher, since: int) -> None:
        """Send what changed after the version `since` (each object once, as it is now), and all changes from now on."""
        changed = sorted((each for each in self.objects if each.version > since), key=lambda each: each.version)
        for first in range(0, len(changed), 256):
            watcher.raw(chunk(b"".join(modified(each.encoded()) for each in changed[first : first + 256])))
        # Frames that wait for the end of this turn would come a second time, which is harmless.
        self._watchers[key] = watcher
        self._watched.set()

    def unwatch(self, key: int) -> None:
        self._watchers.pop(key, None)

    @property
    def watchers(self) -> list[Watcher]:
        return list(self._watchers.values())

    async def watched(self, by: int) -> None:
        """Wait until so many watch."""
        while len(self._watchers) < by:
            self._watched.clear()
            await self._watched.wait()


def modified(encoded: bytes) -> bytes:
    """A watch's frame."""
    return b'{"type":"MODIFIED","object":%s}\n' % encoded


def chunk(piece: bytes) -> bytes:
    """HTTP's form of a part of a body."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)

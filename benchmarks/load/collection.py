"""A collection of recorded objects: its pages, its watchers, and what a change sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import msgspec

from benchmarks.load.objects import Recorded

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Collection:
    """The objects of one kind, in the order of their names."""

    def __init__(self, kind: str, api_version: str, objects: list[Recorded]) -> None:
        self._opening = f'{{"kind":"{kind}List","apiVersion":"{api_version}","metadata":'.encode()
        self.objects = objects
        self._by_name = {each.name: each for each in objects}
        self.version = len(objects)
        self._watchers: dict[int, Callable[[bytes], None]] = {}
        self._waiting: list[bytes] = []
        self.patched = 0
        self._recorded = [each.status for each in objects]

    def reset(self) -> None:
        """The statuses as they were recorded."""
        for each, status in zip(self.objects, self._recorded, strict=True):
            each.status = status
        self.patched = 0

    def page(self, start: int, limit: int) -> Iterator[bytes]:
        """A list answer in pieces, from the object number `start`; a limit of 0 is none."""
        end = min(start + limit, len(self.objects)) if limit else len(self.objects)
        rest = len(self.objects) - end
        more = b',"continue":"%d","remainingItemCount":%d' % (end, rest) if rest else b""
        yield b'%s{"resourceVersion":"%d"%s},"items":[' % (self._opening, self.version, more)
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
        found.status = msgspec.json.encode(_FIELDS.decode(found.status) | _FIELDS.decode(status))
        encoded = self.touch(found)
        self.send(encoded)
        return encoded

    def touch(self, found: Recorded) -> bytes:
        """The object at a new version."""
        self.version += 1
        found.version = self.version
        return found.encoded()

    def send(self, encoded: bytes) -> None:
        """A MODIFIED frame to everybody, together with those of the same turn of the loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(b'{"type":"MODIFIED","object":%s}\n' % encoded)

    def _flush(self) -> None:
        frames, self._waiting = b"".join(self._waiting), []
        for write in list(self._watchers.values()):
            write(frames)

    def watch(self, key: int, write: Callable[[bytes], None]) -> None:
        self._watchers[key] = write

    def unwatch(self, key: int) -> None:
        self._watchers.pop(key, None)

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    def burst(self, frames: int, keys: int) -> list[bytes]:
        """`frames` changes over the first `keys` objects, in chunks of 256 frames, not yet sent."""
        chosen = self.objects[:keys]
        made = [b'{"type":"MODIFIED","object":%s}\n' % self.touch(chosen[each % keys]) for each in range(frames)]
        return [b"".join(made[first : first + 256]) for first in range(0, frames, 256)]

    def write_all(self, chunk: bytes) -> None:
        """The same bytes to every watcher."""
        for write in list(self._watchers.values()):
            write(chunk)

"""watch: replay from a version, then what happens, as frames of one line each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import anyio
import msgspec

from kubernaut.fake.apiserver import conversion
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.options import ListOptions, list_options
from kubernaut.fake.apiserver.pending import Pending
from kubernaut.fake.apiserver.status import StatusError
from kubernaut.fake.apiserver.storage import Compacted, Cursor, Event, Stored
from kubernaut.fake.apiserver.verbs.read import Passes, selection

BOOKMARK_SECONDS = 60.0
_LONGEST = 1800.0
Render = Callable[[bytes], bytes]


def frame(kind: str, obj: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + obj + b"}\n"


class Watch:
    """One watch. Problems with the parameters are raised by the constructor, before the answer begins."""

    def __init__(self, call: Call, render: Render) -> None:
        self._call, self._render = call, render
        self._options: ListOptions = list_options(call.request)
        self._passes: Passes = selection(call, self._options)
        self._initial: list[Stored] = []
        self._failed: StatusError | None = None
        # a real server ends watches after half an hour to an hour, each at a time of its own
        self._seconds = self._options.timeout or _LONGEST * (1 + call.state.random.random())
        self._told = 0
        self._cursor = self._start()

    def _start(self) -> Cursor:
        storage, store, version = self._call.state.storage, self._call.resource.store, self._options.version
        self._told = storage.version
        if self._options.initial_events or (not version and self._options.initial_events is None):
            self._initial = [item for item in storage.iterate(store, self._call.namespace) if self._passes(item)]
            return storage.cursor(store, None)
        try:
            return storage.cursor(store, version or None)
        except Compacted as error:
            self._failed = StatusError(410, "Expired", str(error))
            return storage.cursor(store, None)

    async def frames(self) -> AsyncIterator[bytes]:
        """The frames, until the time is over, the kind is gone, or the log was compacted ahead of this reader."""
        if self._failed is not None:
            yield frame("ERROR", msgspec.json.encode(self._failed.body()))
            return
        if problem := await self._convert(self._initial):
            yield problem
            return
        if self._initial:
            # one chunk: thousands of small ones cost more than the frames
            yield b"".join(frame("ADDED", self._bytes(item)) for item in self._initial)
            self._initial = []
        if self._options.initial_events and self._options.bookmarks:
            # of the version at which the list was taken: what was written since is still to come
            yield self._bookmark(self._told, {"k8s.io/initial-events-end": "true"})
        end = anyio.current_time() + self._seconds
        while not self._cursor.ended and (left := end - anyio.current_time()) > 0:
            with anyio.move_on_after(min(left, BOOKMARK_SECONDS) if self._options.bookmarks else left):
                await self._cursor.wait()
            reached = self._call.state.storage.version
            try:
                events = self._cursor.take()
            except Compacted as error:
                yield frame("ERROR", msgspec.json.encode(StatusError(410, "Expired", str(error)).body()))
                return
            if problem := await self._convert([each for event in events for each in (event.object, event.previous)]):
                yield problem
                return
            chunk = b"".join(self._told_of(event) for event in events)
            before, self._told = self._told, reached
            if chunk:
                yield chunk
            elif self._options.bookmarks and before < reached and end > anyio.current_time():
                yield self._bookmark(reached)

    async def _convert(self, objects: Sequence[Stored | None]) -> bytes:
        """Has a webhook convert them, where one does; the frame that tells why it could not, else nothing."""
        try:
            while True:
                try:
                    conversion.prime([each for each in objects if each is not None], self._call.resource)
                    return b""
                except Pending as pending:
                    await pending.resolve()
        except StatusError as error:
            return frame("ERROR", msgspec.json.encode(error.body()))

    def _told_of(self, event: Event) -> bytes:
        """The frame for one change; an object that enters or leaves the selection is added or deleted."""
        namespace = self._call.namespace
        if namespace and event.object.namespace != namespace:
            return b""
        now = event.type != "DELETED" and self._passes(event.object)
        before = event.previous is not None and self._passes(event.previous)
        if now:
            return frame("MODIFIED" if before else "ADDED", self._bytes(event.object))
        if not before or event.previous is None:
            return b""
        if event.type == "DELETED":
            return frame("DELETED", self._bytes(event.object))
        # it left the selection: its last state inside, under the version of the change
        left = conversion.read(event.previous, self._call.resource)
        left["metadata"]["resourceVersion"] = str(event.version)
        return frame("DELETED", self._render(msgspec.json.encode(left)))

    def _bytes(self, stored: Stored) -> bytes:
        return self._render(conversion.read_bytes(stored, self._call.resource))

    def _bookmark(self, version: int, annotations: dict[str, str] | None = None) -> bytes:
        """That this reader has been told of everything up to `version`."""
        resource = self._call.resource
        metadata: dict[str, Any] = {"resourceVersion": str(version)}
        if annotations:
            metadata["annotations"] = annotations
        body = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        return frame("BOOKMARK", self._render(msgspec.json.encode(body)))

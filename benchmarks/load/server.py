"""The load server: HTTP/1.1 by hand, because whatever it costs is taken from the clients on the same cores."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import msgspec

from benchmarks.load.changes import Stream
from benchmarks.load.collection import Collection, chunk
from benchmarks.load.discovery import DISCOVERY
from benchmarks.load.leases import PREFIX as LEASES
from benchmarks.load.leases import Leases

_HEAD: Final = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_CHUNKED: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

READY: Final = b'{"phase":"Ready","observedSize":0,"observedGeneration":1}'


class _Status(msgspec.Struct):
    status: msgspec.Raw = msgspec.Raw(b"{}")


class World:
    """What is served: collections by path, their streams of changes by plural, and leases."""

    def __init__(self, collections: dict[str, Collection]) -> None:
        self.collections = collections
        self.streams = {path.rpartition("/")[2]: Stream(each) for path, each in collections.items()}
        self.leases = Leases()

    def find(self, path: str) -> tuple[Collection, str] | None:
        """The collection of a path, and the name in it, if the path has one."""
        for prefix, collection in self.collections.items():
            base, _, resource = prefix.rpartition("/")
            if not path.startswith(base):
                continue
            rest = path[len(base) :]
            if rest.startswith("/namespaces/"):
                rest = "/" + rest.split("/", 3)[3] if rest.count("/") > 2 else rest
            parts = rest.split("/")
            if len(parts) > 1 and parts[1] == resource:
                return collection, parts[2] if len(parts) > 2 else ""
        return None


class Connection(asyncio.Protocol):
    """One client's connection; requests are answered in their order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._buffer = b""
        self._watching: Collection | None = None
        self.writable = asyncio.Event()
        self.writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        # Whoever waits to write must not wait for ever; what is written now goes nowhere.
        self.writable.set()
        if self._watching is not None:
            self._watching.unwatch(id(self))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._take():
            pass

    def _take(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._buffer[:end]
        lowered = head.lower()
        length, at = 0, lowered.find(b"\r\ncontent-length:")
        if at >= 0:
            length = int(lowered[at + 17 :].split(b"\r\n", 1)[0])
        total = end + 4 + length
        if len(self._buffer) < total:
            if b"100-continue" in lowered:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return False
        body, self._buffer = self._buffer[end + 4 : total], self._buffer[total:]
        method, target, _ = head.split(b"\r\n", 1)[0].split(b" ")
        path, _, query = target.decode().partition("?")
        self._answer(method.decode(), unquote(path), query, body)
        return True

    def _answer(self, method: str, path: str, query: str, body: bytes) -> None:
        if path.startswith("/control/"):
            return self._control(path, query)
        if path.startswith(LEASES):
            line, answer = self._world.leases.answer(method, path, parse_qs(query), body)
            return self._send(msgspec.json.encode(answer), line.encode())
        found = self._world.find(path)
        if found is None and "watch=true" in query:
            # Of what never changes.
            return self._transport.write(_CHUNKED)
        if found is None:
            return self._small(path, method, body)
        collection, name = found
        options = parse_qs(query)
        if method == "GET" and not name:
            if options.get("watch", ["0"])[0] in ("1", "true", "True"):
                return self._watch(collection, options)
            return self._list(collection, options)
        if method == "GET":
            return self._send(collection.get(name))
        if method in ("PATCH", "PUT"):
            status = msgspec.json.decode(body, type=_Status).status
            return self._send(collection.patch_status(name, bytes(status)))
        return self._send(None)

    def _small(self, path: str, method: str, body: bytes) -> None:
        if method == "POST":
            return self._send(body, b"201 Created")
        return self._send(DISCOVERY.get(path.rstrip("/")))

    def _send(self, body: bytes | None, status: bytes = b"200 OK") -> None:
        if body is None:
            status = b"404 Not Found"
            body = b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}'
        self._transport.write(_HEAD % (status, len(body)) + body)

    def _list(self, collection: Collection, options: dict[str, list[str]]) -> None:
        token = options.get("continue", [""])[0]
        # As the API server does: out of its cache (version 0) there are no pages.
        whole = options.get("resourceVersion") == ["0"]
        limit = 0 if whole else int(options.get("limit", ["0"])[0])
        if limit:
            return self._send(b"".join(collection.page(token, limit)))
        self._transport.write(_CHUNKED)
        for piece in collection.page(token, limit):
            self._chunk(piece)
        self._transport.write(b"0\r\n\r\n")
        return None

    def _watch(self, collection: Collection, options: dict[str, list[str]]) -> None:
        if options.get("sendInitialEvents") == ["true"]:
            body = b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,'
            return self._send(
                body + b'"message":"sendInitialEvents is forbidden for watch unless the WatchList feature gate is on"}',
                b"422 Unprocessable Entity",
            )
        self._transport.write(_CHUNKED)
        self._watching = collection
        since = int(options.get("resourceVersion", ["0"])[0] or 0)
        # Of a watch from no version the initial events are left out: nobody here opens one.
        collection.watch(id(self), self, since or collection.version)
        return None

    def _chunk(self, piece: bytes) -> None:
        self._transport.write(chunk(piece))

    def raw(self, pieces: bytes) -> None:
        """See Watcher.raw."""
        self._transport.write(pieces)

    def _control(self, path: str, query: str) -> None:
        """`/control/<kind>/<verb>`, with whole numbers as options; answers the state.

        `serve?count=` of the objects only; `reset` the statuses; `ready`: all are Ready already;
        `prepare?frames=&keys=` and `go?watchers=`, or `change?frames=&keys=&rate=&seconds=`: see Stream.
        Anything else is only a question.
        """
        _, _, kind, verb = path.split("/")
        stream = self._world.streams[kind]
        options = {key: int(value[0]) for key, value in parse_qs(query).items()}
        match verb:
            case "serve":
                stream.collection.serve(options["count"])
            case "reset":
                stream.collection.reset()
            case "ready":
                stream.collection.all_have(READY)
            case "prepare":
                stream.prepare(options["frames"], options["keys"])
            case "go":
                stream.go(options.get("watchers", 1))
            case "change":
                stream.change(**options)
        self._send(msgspec.json.encode(self._state(stream)))

    def _state(self, stream: Stream) -> dict[str, Any]:
        of = stream.collection
        return {
            "watchers": len(of.watchers),
            "version": of.version,
            "patched": of.patched,
            "bytes": len(of.objects[0].encoded()) if of.objects else 0,
            "sent": stream.sent,
            "sending": stream.sending,
            "sending_seconds": stream.seconds,
            "leases": self._world.leases.holders(),
        }

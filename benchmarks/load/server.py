"""The load server: HTTP/1.1 by hand, because whatever it costs is taken from the clients on the same cores."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import parse_qs, unquote

import msgspec

from benchmarks.load.collection import Collection
from benchmarks.load.discovery import DISCOVERY

_HEAD: Final = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_CHUNKED: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


class _Status(msgspec.Struct):
    status: msgspec.Raw = msgspec.Raw(b"{}")


class World:
    """What is served: collections by path, and one way to say that something has begun or ended."""

    def __init__(self, collections: dict[str, Collection]) -> None:
        self.collections = collections
        self.commands: dict[str, list[bytes]] = {}

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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
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
        start = int(options.get("continue", ["0"])[0] or 0)
        # As the API server does: out of its cache (version 0) there are no pages.
        whole = options.get("resourceVersion") == ["0"]
        limit = 0 if whole else int(options.get("limit", ["0"])[0])
        if limit:
            return self._send(b"".join(collection.page(start, limit)))
        self._transport.write(_CHUNKED)
        for piece in collection.page(start, limit):
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
        collection.watch(id(self), self._chunk)
        return None

    def _chunk(self, piece: bytes) -> None:
        self._transport.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def _control(self, path: str, query: str) -> None:
        """`/control/<kind>/prepare?frames=&keys=`, `/control/<kind>/go`, `reset` and `state`; answers the state."""
        _, _, kind, verb = path.split("/")
        collection = next(each for key, each in self._world.collections.items() if key.endswith(f"/{kind}"))
        options = {key: int(value[0]) for key, value in parse_qs(query).items()}
        if verb == "prepare":
            self._world.commands[kind] = collection.burst(options["frames"], options["keys"])
        elif verb == "reset":
            collection.reset()
        elif verb == "go":
            for chunk in self._world.commands.pop(kind):
                collection.write_all(chunk)
        state = {"watchers": collection.watchers, "version": collection.version, "patched": collection.patched}
        self._send(msgspec.json.encode(state))

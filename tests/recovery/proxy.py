"""A TCP proxy before the API server, which can be cut, or go deaf without closing anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 1 << 16


class Proxy:
    """Forwards connections of 127.0.0.1 to the server's port."""

    def __init__(self, target: int) -> None:
        self.refusing = False
        """New connections are closed at once."""
        self.accepted = 0
        self._target = target
        self._port = 0
        self._links: list[_Link] = []

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            while self._links:
                await asyncio.sleep(0.01)

    def cut(self) -> None:
        """Break all connections of now."""
        for link in self._links:
            link.cut()

    def deafen(self) -> None:
        """Forward nothing more on the connections of now, and leave them open: their peers' systems still answer."""
        for link in self._links:
            link.open.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self.refusing:
            writer.transport.abort()
            return
        link = _Link()
        self._links.append(link)
        try:
            await link.run(reader, writer, self._target)
        finally:
            self._links.remove(link)


class _Link:
    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self._writers: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        self.open.set()
        for writer in self._writers:
            writer.transport.abort()

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
        self._writers.append(writer)
        with suppress(OSError):
            there, to = await asyncio.open_connection("127.0.0.1", target)
            self._writers.append(to)
            await asyncio.gather(self._pump(reader, to), self._pump(there, writer))
        for each in self._writers:
            each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self.open.wait()
                writer.write(data)
                await writer.drain()
        # A side that ends before the other is deaf too: whoever deafened it must not see it closed.
        await self.open.wait()
        writer.close()

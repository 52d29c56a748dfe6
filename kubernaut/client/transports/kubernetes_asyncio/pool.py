"""The connections of one transport: those that new requests use, and older ones until their last request is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import anyio

__all__ = ["Pool"]

# Turns of the loop in which closed transports let go of their sockets.
CLOSING_TURNS = 5


class _Lot:
    """Connections that were made together."""

    def __init__(self, session: aiohttp.ClientSession, made: float) -> None:
        self.session = session
        self.made = made
        self.uses = 0


class Pool:
    """Sessions of aiohttp, one at a time for new requests.

    When a request got no answer in time, its idle companions are under suspicion: whatever silenced one connection (a
    firewall that forgot it, a node that vanished) has most likely silenced all, and each would cost another timeout. A
    leader whose lease depends on the next attempt cannot afford that.
    """

    def __init__(self, make: Callable[[], aiohttp.ClientSession]) -> None:
        self._make = make
        self._now = asyncio.get_running_loop().time
        self._lot = _Lot(make(), self._now())
        self._older: dict[_Lot, None] = {}
        self._closed = False

    @property
    def session(self) -> aiohttp.ClientSession:
        """The one that new requests use."""
        return self._lot.session

    @asynccontextmanager
    async def use(self) -> AsyncIterator[aiohttp.ClientSession]:
        """The session for one request, until its answer was read."""
        lot = self._lot
        lot.uses += 1
        try:
            yield lot.session
        finally:
            lot.uses -= 1
            await self._close_unused()

    def suspect(self, began: float) -> None:
        """A request that began at that loop time got no answer: new ones get new connections.

        Harmless when that has happened since. What is under way, watches for instance, goes on.
        """
        if self._closed or self._lot.made > began:
            return
        self._older[self._lot] = None
        self._lot = _Lot(self._make(), self._now())

    async def aclose(self) -> None:
        """Close all connections; what is under way ends."""
        self._closed = True
        for lot in (*self._older, self._lot):
            await _close(lot.session)
        self._older.clear()

    async def _close_unused(self) -> None:
        for lot in [lot for lot in self._older if not lot.uses]:
            del self._older[lot]
            await _close(lot.session)


async def _close(session: aiohttp.ClientSession) -> None:
    with anyio.CancelScope(shield=True):
        await session.close()
        for _ in range(CLOSING_TURNS):
            await asyncio.sleep(0)

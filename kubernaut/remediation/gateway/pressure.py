"""How much is worked on at once, and how much may wait: what comes beyond that is told to come again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio

from kubernaut.remediation.gateway.metrics import GatewayMetrics


class Full(Exception):
    """There is no room to wait in."""


class Pressure:
    """`admitted` counts a request from its beginning, `worked_on` gives it one of the places."""

    def __init__(self, at_once: int, queue: int, metrics: GatewayMetrics) -> None:
        self._most = at_once + queue
        self._here = 0
        self._places = anyio.Semaphore(at_once)
        self._metrics = metrics

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Around everything that a request costs memory for. Raises Full."""
        if self._here >= self._most:
            raise Full
        self._here += 1
        try:
            yield
        finally:
            self._here -= 1

    @asynccontextmanager
    async def worked_on(self) -> AsyncIterator[None]:
        """Around the work; waits for a place, in the order of arrival."""
        with self._metrics.waiting.track_inprogress():
            await self._places.acquire()
        try:
            with self._metrics.in_flight.track_inprogress():
                yield
        finally:
            self._places.release()

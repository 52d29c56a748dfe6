"""A limit on the requests that one client sends, for servers without priority and fairness."""

from __future__ import annotations

import asyncio

__all__ = ["RateLimit"]


class RateLimit:
    """``qps`` requests a second on average, ``burst`` at once. First come, first served."""

    def __init__(self, qps: float, burst: int) -> None:
        if not qps > 0 or burst < 1:
            raise ValueError(f"qps={qps}, burst={burst}: qps must be above 0 and burst at least 1")
        self._qps = qps
        self._burst = burst
        self._tokens = float(burst)
        self._filled: float | None = None
        self._turn = asyncio.Lock()

    async def acquire(self) -> None:
        """Wait until one more request may go. A cancelled wait takes nothing."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            if (missing := 1 - self._fill(loop.time())) > 0:
                await asyncio.sleep(missing / self._qps)
                self._fill(loop.time())
            # May end a rounding error below zero, which the next one waits for.
            self._tokens -= 1

    def _fill(self, now: float) -> float:
        if self._filled is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._qps)
        self._filled = now
        return self._tokens

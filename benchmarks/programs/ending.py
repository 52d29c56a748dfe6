"""When a program is done: every object was seen."""

from __future__ import annotations

import asyncio
import json
import time


class Ending:
    """Counts distinct objects. `read` is what was read of it, so that nothing can leave the reading out."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._seen: set[str] = set()
        self._sum = 0
        self._began = time.monotonic()
        self._done = asyncio.Event()

    def saw(self, name: str, read: int) -> None:
        if name in self._seen:
            return
        self._seen.add(name)
        self._sum += read
        self._left -= 1
        if self._left == 0:
            self._done.set()

    async def wait(self) -> None:
        await self._done.wait()

    def tell(self) -> None:
        print(json.dumps({"seen": len(self._seen), "sum": self._sum, "seconds": time.monotonic() - self._began}))

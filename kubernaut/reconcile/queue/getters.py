"""Tasks that wait for a key, woken one by one in the order in which they came, without losing a wake-up."""

from __future__ import annotations

import asyncio
from collections import OrderedDict


class Getters:
    """The waiting tasks. A wake-up says that there may be something to take, not what: the task looks again.

    One wake-up for each thing that becomes available is enough: a task that is cancelled after its wake-up passes it
    on, and whoever takes a thing without having waited leaves a woken task that finds nothing and waits again.
    """

    def __init__(self) -> None:
        # waiting: one future for each task in `wait` that no wake-up was meant for yet, the longest waiting first.
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    async def wait(self) -> None:
        """Return at a wake-up. A cancelled wait passes on a wake-up that was meant for it."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[woken] = None
        try:
            await woken
        except BaseException:
            if woken in self._waiting:
                del self._waiting[woken]
            else:
                self.wake()
            raise

    def wake(self) -> None:
        """Wake the task that has waited longest, if there is one."""
        if self._waiting:
            woken, _ = self._waiting.popitem(last=False)
            if not woken.done():  # if it was cancelled, its task passes the wake-up on as soon as it runs
                woken.set_result(None)

    def wake_all(self) -> None:
        """Wake every waiting task."""
        while self._waiting:
            self.wake()

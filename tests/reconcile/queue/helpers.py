"""What the tests of the queue share: the loop's time, and gets that say when nothing comes."""

import asyncio
from typing import TypeVar

from kubernaut.reconcile.queue import Queue, QueueShutDown

K = TypeVar("K")


def now() -> float:
    return asyncio.get_running_loop().time()


async def settle() -> None:
    """Let every task run that can, without any time passing."""
    for _ in range(10):
        await asyncio.sleep(0)


async def taken(queue: Queue[str], number: int) -> list[str]:
    """The next keys, in order; they stay in process."""
    return [await queue.get() for _ in range(number)]


async def nothing_comes(queue: Queue[str], seconds: float) -> bool:
    """Whether the queue hands out nothing for so long."""
    try:
        async with asyncio.timeout(seconds):
            await queue.get()
    except TimeoutError:
        return True
    return False


async def is_over(queue: Queue[str]) -> bool:
    """Whether `get` says that the queue is shut down and has nothing to hand out."""
    try:
        await queue.get()
    except QueueShutDown:
        return True
    return False

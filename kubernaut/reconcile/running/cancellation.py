"""Tells a cancellation that the runtime asked for from one that users' code let escape."""

from __future__ import annotations

import asyncio
import math

import anyio
from anyio.lowlevel import checkpoint


def is_stray() -> bool:
    """Whether no scope around this task is cancelled: a CancelledError then is the called code's own mistake.

    The task is no longer marked as cancelled afterwards. Without this, code that cancels the task it runs in, or lets
    the cancellation of another task escape, would end the worker, and with it silently its whole group.
    """
    if anyio.current_effective_deadline() == -math.inf:
        return False
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
    return True


async def surface() -> None:
    """Raise a cancellation of this task that was asked for and has not been delivered yet."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        await checkpoint()
        is_stray()

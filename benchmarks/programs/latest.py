"""When every change was seen, and what that took: for programs that are sent streams of changes.

Only the standard library: kopf's program runs in an environment of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = os.sysconf("SC_PAGE_SIZE")


class Latest:
    """The newest change that was seen of each key; `benchmarks.load.changes` tells how changes are numbered."""

    def __init__(self, keys: int, lags: bool = False) -> None:
        self._last = array("q", [-1]) * keys
        self._unseen = keys
        self._touched, self._from, self._left = 0, 0, -1
        self.reconciles = 0
        self.lags: array[float] | None = array("d") if lags else None
        self.synced, self.done = asyncio.Event(), asyncio.Event()

    def saw(self, name: str, number: int, phase: str = "") -> None:
        """A reconcile began, and read this."""
        self.reconciles += 1
        index = int(name[-6:])
        before = self._last[index]
        if number <= before:
            return
        self._last[index] = number
        if before < 0:
            self._unseen -= 1
            if not self._unseen:
                self.synced.set()
        if self.lags is not None and phase:
            self.lags.append(time.monotonic() * 1000 - int(phase) / 1000)
        if before <= self._from < number and index < self._touched:
            self._left -= 1
            if not self._left:
                self.done.set()

    def expect(self, sent: int) -> None:
        """So many changes were, or will be, sent: done when the last one of each key has been seen."""
        self._touched = min(len(self._last), sent)
        self._from = sent - self._touched
        self._left = sum(last <= self._from for last in self._last[: self._touched])
        if not self._left:
            self.done.set()

    @property
    def sum(self) -> int:
        """Of what was read of all keys: proof that it was read."""
        return sum(self._last)


class Spent:
    """What this process uses from now on."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.monotonic()

    def so_far(self) -> dict[str, float]:
        """Seconds of the processor and of the wall."""
        return {"cpu": time.process_time() - self._cpu, "wall": time.monotonic() - self._wall}


def resident() -> float:
    """MiB in memory at present."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / (1 << 20)


def control(command: str) -> dict[str, Any]:
    """Ask the load server for something, such as `items/go`."""
    config = json.loads(Path(os.environ["KUBECONFIG"]).read_text())
    url = config["clusters"][0]["cluster"]["server"]
    with urllib.request.urlopen(f"{url}/control/{command}", timeout=60) as answer:
        state: dict[str, Any] = json.load(answer)
    return state


async def burst(latest: Latest, frames: int) -> Callable[[], None]:
    """Have the prepared changes sent once all keys are there; answers what tells what they took."""
    await latest.synced.wait()
    before = latest.reconciles
    latest.expect(frames)
    spent = Spent()
    await asyncio.to_thread(control, "items/go")
    await latest.done.wait()
    took = spent.so_far()
    said = {"frames": frames, "reconciles": latest.reconciles - before, "sum": latest.sum, **took}
    return lambda: print(json.dumps(said))

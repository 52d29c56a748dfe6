"""The event loop of a run: virtual time that asks the operating system for nothing while nothing is held."""

from __future__ import annotations

from typing import Any

from kubernaut.testing.virtualtime import NeverAtRest, VirtualTimeLoop

__all__ = ["ExplorationLoop"]

ROUNDS = 2_000_000
"""Rounds of the loop in which something was ready all the time: more than any run has."""


class ExplorationLoop(VirtualTimeLoop):
    """A virtual-time loop that polls no files while no hold is open, and counts its rounds instead of its seconds.

    A run waits for nothing outside its process, and is over in milliseconds: the system calls of an ordinary loop would
    be a large part of it. How long something may be ready without a rest is counted, so that every machine gives up at
    the same place. Raises NeverAtRest then.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rounds = 0
        selector: Any = vars(self)["_selector"]
        self._poll = selector.select
        selector.select = self._select

    def _select(self, timeout: float | None = None) -> Any:
        if self._holds:
            return self._poll(timeout)
        if timeout is not None and timeout <= 0:
            self._rounds += 1
            if self._rounds > ROUNDS:
                raise NeverAtRest(f"something was ready to run for {ROUNDS} rounds of the loop")
            return ()
        self._rounds = 0
        if self._nothing_ready(timeout) == 0:
            return ()
        return self._poll(timeout)

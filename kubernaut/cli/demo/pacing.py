"""Time to read: pauses between the lines of a timeline whose own time is virtual."""

from __future__ import annotations

import time

BUDGET = 5.5
"""Seconds that a demo takes with its pauses; where the machine is slow, the pauses are shorter."""
SHARE = 0.12
"""Of what is left of that, the most that one pause takes: long stories go faster towards their end."""


class Pace:
    """Pauses before lines, by how much there is to read; time that went by anyway counts."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._end = self._last + BUDGET

    def pause(self, wanted: float) -> None:
        """Wait until `wanted` seconds have passed since the last line. Blocks: virtual time stands still meanwhile."""
        now = time.monotonic()
        due = min(wanted, (self._end - now) * SHARE) - (now - self._last)
        if due > 0:
            time.sleep(due)
        self._last = time.monotonic()

"""Time to read: pauses between the lines of a timeline whose own time is virtual."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

BUDGET = 6.5
"""Seconds that a demo takes with its pauses; where the machine is slow, the pauses are shorter."""
SHARE = 0.12
"""Of what is left of that, the most that one pause takes: long stories go faster towards their end."""


@dataclass(slots=True)
class Pace:
    """Pauses before lines, by how much there is to read; time that went by anyway counts."""

    end: float = field(default_factory=lambda: time.monotonic() + BUDGET)
    """When the last pause must be over, by the machine's monotonic clock."""
    _last: float = field(default_factory=time.monotonic)

    def pause(self, wanted: float) -> None:
        """Wait until `wanted` seconds have passed since the last line. Blocks: virtual time stands still meanwhile."""
        now = time.monotonic()
        due = min(wanted, (self.end - now) * SHARE) - (now - self._last)
        if due > 0:
            time.sleep(due)
        self._last = time.monotonic()

"""How long to wait after a failure."""

from __future__ import annotations

from random import Random

from kubernaut.reconcile.intake import RETRY_SECONDS

HEALTHY = 120.0
"""After this many seconds without a failure the back-off starts anew."""


class RetryDelay:
    """Delays of `base` seconds doubling to `cap`, with jitter; anew after two minutes without a failure."""

    def __init__(self, random: Random, *, base: float = RETRY_SECONDS[0], cap: float = RETRY_SECONDS[1]) -> None:
        self._random = random
        self._base = base
        self._cap = cap
        self.failures = 0
        """Failures since the back-off last started anew."""
        self._due = 0.0  # when the last delay was over

    def next(self, now: float) -> float:
        """Note a failure at loop time `now`; the seconds to wait before the next try."""
        if self.failures and now - self._due > HEALTHY:
            self.failures = 0
        delay = min(self._cap, self._base * 2.0 ** min(self.failures, 16) * (1.0 + self._random.random()))
        self.failures += 1
        self._due = now + delay
        return delay

"""A lease's record as one process sees it, timed by that process's own clock."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from kubernaut.resources.builtin.coordination_v1 import LeaseSpec

__all__ = ["ObservedRecord"]

TICK = timedelta(microseconds=1)


class ObservedRecord:
    """The record as last seen, and since when it has not changed.

    The times in a record were written by another machine's clock, so they are only ever compared for equality. What
    counts is the loop's monotonic time at which a change was *received*: the server had it before, so the holder's own
    count began no later.
    """

    def __init__(self, default_seconds: float) -> None:
        self._default_seconds = default_seconds
        self._since = 0.0
        self.spec: LeaseSpec | None = None

    def see(self, spec: LeaseSpec) -> None:
        """Take note of the record that the server just gave."""
        if self.spec is None or spec.to_dict() != self.spec.to_dict():
            self.spec, self._since = spec, asyncio.get_running_loop().time()

    @property
    def holder(self) -> str:
        """Who holds the lease; "" for nobody, or when nothing was seen yet."""
        return (self.spec.holder_identity or "") if self.spec else ""

    @property
    def left(self) -> float:
        """Seconds until the holder's time is over; 0 when it is, or when nobody holds the lease.

        A holder that stated no duration is given the default.
        """
        if self.spec is None or not self.holder:
            return 0.0
        duration = self.spec.lease_duration_seconds or self._default_seconds
        return max(0.0, self._since + duration - asyncio.get_running_loop().time())

    def renewal(self, now: datetime, identity: str) -> datetime:
        """The renewTime to write at `now`: `now`, or just after our last one if the clock stands still or goes back.

        Others would take a record that does not change for one that nobody renews.
        """
        last = self.spec.renew_time if self.spec and self.holder == identity else None
        return now if last is None else max(now, last + TICK)

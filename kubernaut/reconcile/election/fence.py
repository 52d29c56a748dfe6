"""Says, at any moment, whether this replica may still send a write."""

from __future__ import annotations

import asyncio
from typing import Protocol

from kubernaut.reconcile.election.errors import LeadershipLost, NotLeading

__all__ = ["Fence", "LeaseFence"]


class Fence(Protocol):
    """Asked immediately before each write is sent."""

    @property
    def deadline(self) -> float | None:
        """The moment, in the running loop's `time()`, from which no write may be sent; None while not leading."""
        ...

    def check(self) -> None:
        """Do nothing while writes may be sent. Raises NotLeading before and LeadershipLost after that."""
        ...


class LeaseFence:
    """The fence of one lease.

    Open until the deadline, which counts from before the last successful renewal was *sent*: others count from when
    they saw that renewal, which is later, so they wait at least the lease duration from the same moment. A deadline
    that passes closes the fence for good, even if a renewal's response should come after it: a loop that was blocked
    runs what waited in any order, and what was told to stop cannot start again.
    """

    def __init__(self, lease: str) -> None:
        self.lease = lease
        self._deadline: float | None = None
        self._lost: str | None = None

    @property
    def deadline(self) -> float | None:
        """See Fence.deadline."""
        return self._deadline

    @property
    def open(self) -> bool:
        """Whether writes may be sent now."""
        return self._deadline is not None and self._lost is None and _now() < self._deadline

    def check(self) -> None:
        """See Fence.check."""
        if self._deadline is None:
            raise NotLeading(self.lease)
        if self._lost is None and _now() >= self._deadline:
            self._lost = "it was not renewed before the renew deadline"
        if self._lost is not None:
            raise LeadershipLost(self.lease, self._lost)

    def extend(self, deadline: float) -> bool:
        """Let writes be sent until `deadline`; False when that is past, or when the one before was missed."""
        if self._deadline is not None and (self._lost is not None or _now() >= self._deadline):
            return False
        if _now() >= deadline:
            return False
        self._deadline = deadline
        return True

    def lose(self, reason: str) -> None:
        """Close for good: another has the lease."""
        if self._deadline is not None and self._lost is None:
            self._lost = reason

    def close(self) -> None:
        """Back to not leading, for an orderly end."""
        self._deadline = None
        self._lost = None


def _now() -> float:
    return asyncio.get_running_loop().time()

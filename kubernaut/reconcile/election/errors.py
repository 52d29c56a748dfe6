"""What stops a replica from acting: it lost its lease, or never had it."""

from __future__ import annotations

__all__ = ["LeadershipLost", "NotLeading"]


class NotLeading(Exception):
    """Raised instead of sending a write: this replica does not hold the lease, yet or any more."""

    def __init__(self, lease: str) -> None:
        self.lease = lease
        super().__init__(f"this replica does not hold the lease {lease}: the write was not sent")


class LeadershipLost(Exception):
    """The lease was not renewed in time, or another holder took it: everything it covers must stop at once."""

    def __init__(self, lease: str, reason: str) -> None:
        self.lease = lease
        self.reason = reason
        super().__init__(f"the lease {lease} is lost: {reason}")

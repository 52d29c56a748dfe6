"""What a reconcile is asked for, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec

PRIORITY_INITIAL = -100
"""Priority of keys that come from an initial list or a resync."""
PRIORITY_EVENT = 0
"""Priority of keys that come from a change."""


class Request(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """The key of one object. `namespace` is None for cluster-scoped kinds; `cluster` is "" for the manager's own.

    Requests are ordered by namespace, name and cluster; those without a namespace come first. Each is looked up in a
    dozen tables on its way: so its hash is kept.
    """

    namespace: str | None
    name: str
    cluster: str = ""

    def __lt__(self, other: Request) -> bool:
        return self._order() < other._order()

    def __le__(self, other: Request) -> bool:
        return self._order() <= other._order()

    def __gt__(self, other: Request) -> bool:
        return self._order() > other._order()

    def __ge__(self, other: Request) -> bool:
        return self._order() >= other._order()

    def _order(self) -> tuple[str, str, str]:
        return self.namespace or "", self.name, self.cluster

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.cluster}:{name}" if self.cluster else name


@dataclass(frozen=True, slots=True)
class Result:
    """The answer of a reconcile that did not raise; `None` means the same as `Result()`.

    `requeue_after`: run again after this time (the back-off count is forgotten). A time that is not positive (a
    deadline that has passed, say) means at once, with back-off as long as it goes on; in controller-runtime zero means
    no requeue. `priority`: of that next run; None keeps the ordinary priority of events. Raises TypeError where either
    is of another type.
    """

    requeue_after: timedelta | None = None
    priority: int | None = None

    def __post_init__(self) -> None:
        if self.requeue_after is not None and not isinstance(self.requeue_after, timedelta):
            raise TypeError(f"requeue_after is {self.requeue_after!r}: it must be a timedelta or None")
        if self.priority is not None and (not isinstance(self.priority, int) or isinstance(self.priority, bool)):
            raise TypeError(f"priority is {self.priority!r}: it must be an int or None")


class TerminalError(Exception):
    """Raised by a reconciler: retrying cannot help. The key is not retried until its object changes."""


class RequeueError(Exception):
    """Raised by the runtime or a reconciler: the view was stale. Retried with back-off, logged without a traceback."""

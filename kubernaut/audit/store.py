"""The audit seam: what every store must do, what can be asked of it, and how it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from kubernaut.audit.records import AuditEntry, AuditRecord

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class AuditUnavailable(Exception):
    """The store cannot be reached or cannot work now: try again later. Nothing was lost."""


class AuditRefused(Exception):
    """The store will never take this: the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which records; None asks for all. In the order of `position`, at most `limit` (1 to 1000) after `after`: the
    first ones, or with `newest` the last ones.

    `since` is inclusive and `until` exclusive, both by the time of the entry. Raises ValueError naming the field.
    """

    uid: str | None = None
    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    action: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0
    limit: int = DEFAULT_LIMIT
    newest: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise ValueError(f"limit: must be 1 to {MAX_LIMIT}, got {self.limit}")
        for field in ("since", "until"):
            moment = getattr(self, field)
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{field}: needs a time zone, such as 2024-01-01T00:00:00Z, got {moment.isoformat()}")

    def matches(self, record: AuditRecord) -> bool:
        """Whether a record is asked for, `limit` aside."""
        entry, subject = record.entry, record.entry.subject
        wanted = (
            (self.uid, subject.uid),
            (self.kind, subject.kind),
            (self.namespace, subject.namespace),
            (self.name, subject.name),
            (self.action, entry.action),
            (self.outcome, entry.outcome),
        )
        return (
            record.position > self.after
            and all(value is None or value == found for value, found in wanted)
            and (self.since is None or entry.time >= self.since)
            and (self.until is None or entry.time < self.until)
        )


@runtime_checkable
class AuditStore(Protocol):
    """Keeps records for good. Every method raises AuditUnavailable where the store cannot work now.

    A cancelled `append` has been done or not, and may be repeated in both cases.
    """

    async def append(self, entry: AuditEntry) -> AuditRecord:
        """Record an entry durably, once: for an id that is there already the first record is returned, unchanged.

        The entries of one subject are numbered in the order in which they are appended. Raises AuditRefused.
        """
        ...

    async def query(self, query: AuditQuery) -> Sequence[AuditRecord]:
        """The records asked for. Raises AuditRefused."""
        ...

    async def purge(self, before: datetime) -> int:
        """Forget the subjects to whom nothing has happened since `before`: their whole chains, so that those which
        stay still verify. A store may keep a chain that does not hold. Returns the number of records that went. Raises
        AuditRefused."""
        ...

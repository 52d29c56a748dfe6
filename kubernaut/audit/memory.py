"""An audit store in memory, for tests and demonstrations; it forgets everything with its process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kubernaut.audit.chain import record_after
from kubernaut.audit.records import AuditEntry, AuditRecord
from kubernaut.audit.store import AuditQuery, AuditUnavailable
from kubernaut.timing import current_clock


class MemoryAuditStore:
    """Keeps records in a list. Set `unavailable` to a text to have every call fail with it."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []
        self.unavailable: str | None = None
        self._by_id: dict[str, AuditRecord] = {}
        self._last: dict[str, AuditRecord] = {}
        self._position = 0

    async def append(self, entry: AuditEntry) -> AuditRecord:
        self._check()
        if entry.id in self._by_id:
            return self._by_id[entry.id]
        last = self._last.get(entry.subject.uid)
        self._position += 1
        record = record_after(
            entry,
            last=(last.sequence, last.hash) if last is not None else None,
            position=self._position,
            recorded_at=current_clock().now(),
        )
        self.records.append(record)
        self._by_id[entry.id] = self._last[entry.subject.uid] = record
        return record

    async def query(self, query: AuditQuery) -> Sequence[AuditRecord]:
        self._check()
        found = [record for record in self.records if query.matches(record)]
        return found[-query.limit :] if query.newest else found[: query.limit]

    async def purge(self, before: datetime) -> int:
        self._check()
        latest: dict[str, datetime] = {}
        for record in self.records:
            uid = record.entry.subject.uid
            latest[uid] = max(latest.get(uid, record.entry.time), record.entry.time)
        kept = [record for record in self.records if latest[record.entry.subject.uid] >= before]
        gone = len(self.records) - len(kept)
        self.records = kept
        self._by_id = {record.entry.id: record for record in kept}
        self._last = {record.entry.subject.uid: record for record in kept}
        return gone

    def _check(self) -> None:
        if self.unavailable is not None:
            raise AuditUnavailable(self.unavailable)

"""The chain of hashes that makes tampering evident: each record of a subject carries the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kubernaut.audit.records import MAX_BODY, AuditEntry, AuditRecord
from kubernaut.audit.store import AuditRefused

START = "0" * 64


def canonical(entry: AuditEntry) -> str:
    """The entry as the text that is hashed and stored: JSON with sorted keys and nothing to choose.

    Raises AuditRefused for an entry that is too large.
    """
    body = _text(entry)
    if len(body) > MAX_BODY:
        raise AuditRefused(f"entry {entry.id}: has {len(body)} bytes, at most {MAX_BODY} are kept: shorten its details")
    return body


def body_size(entry: AuditEntry) -> int:
    """Bytes of the entry's canonical text, of which MAX_BODY are kept at most."""
    return len(_text(entry))


def _text(entry: AuditEntry) -> str:
    return json.dumps(entry.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(body: str, sequence: int, previous: str) -> str:
    """The hash of a record: SHA-256, hexadecimal, over its place, the hash before and its canonical text."""
    return hashlib.sha256(f"{sequence}\n{previous}\n{body}".encode()).hexdigest()


def record_after(
    entry: AuditEntry, *, last: tuple[int, str] | None, position: int, recorded_at: datetime
) -> AuditRecord:
    """The record of `entry` that follows `last` (sequence and hash of the subject's last one, None for its first)."""
    sequence, previous = (1, START) if last is None else (last[0] + 1, last[1])
    return AuditRecord(
        position=position,
        sequence=sequence,
        recorded_at=recorded_at,
        previous_hash=previous,
        hash=digest(canonical(entry), sequence, previous),
        entry=entry,
    )


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a chain does not hold."""

    uid: str
    sequence: int
    problem: str

    def __str__(self) -> str:
        return f"{self.uid} record {self.sequence}: {self.problem}"


def verify(records: Iterable[AuditRecord]) -> list[Break]:
    """Where the chains of these records do not hold; empty when all is well.

    Give whole chains, those of one subject in the order of their sequence. A cut at the end, and a chain that is gone
    as a whole, cannot be seen from the chain alone: compare the last hash with the one that the object's status keeps.
    """
    last: dict[str, AuditRecord] = {}
    breaks: list[Break] = []
    for record in records:
        uid = record.entry.subject.uid
        before = last.get(uid)
        breaks += [Break(uid, record.sequence, problem) for problem in _problems(record, before)]
        last[uid] = record
    return breaks


def _problems(record: AuditRecord, before: AuditRecord | None) -> Iterable[str]:
    expected, previous = (1, START) if before is None else (before.sequence + 1, before.hash)
    if record.sequence != expected:
        yield f"record {expected} is missing"
    elif record.previous_hash != previous:
        yield "does not follow the record before"
    if record.hash != digest(canonical(record.entry), record.sequence, record.previous_hash):
        yield "was changed after it was written"
    if record.altered:
        yield f"is kept under another {', '.join(record.altered)} than it was recorded with"

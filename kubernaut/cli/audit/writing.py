"""Writes records for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from kubernaut.audit import AuditRecord

COLUMNS = (
    "position", "sequence", "time", "recordedAt", "kind", "namespace", "name", "uid", "transition", "action", "target",
    "actor", "approver", "outcome", "reason", "message", "details", "previousHash", "hash",
)  # fmt: skip
_HEADING = ("TIME", "EXECUTION", "TRANSITION", "ACTION", "TARGET", "ACTOR", "OUTCOME", "REASON")
# A cell that a spreadsheet would take for a formula is made a text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(records: Sequence[AuditRecord]) -> str:
    """One object per line."""
    return "".join(json.dumps(record.to_dict(), ensure_ascii=False) + "\n" for record in records)


def as_csv(records: Sequence[AuditRecord], *, heading: bool = True) -> str:
    """Comma-separated values (RFC 4180)."""
    text = io.StringIO()
    writer = csv.writer(text)
    if heading:
        writer.writerow(COLUMNS)
    writer.writerows([_safe(_flat(record)[column]) for column in COLUMNS] for record in records)
    return text.getvalue()


def _flat(record: AuditRecord) -> dict[str, str]:
    whole = record.to_dict()
    entry = whole.pop("entry")
    flat = {**entry.pop("subject"), **entry, **whole}
    flat["details"] = json.dumps(flat.get("details") or {}, ensure_ascii=False)
    return {column: str(flat.get(column, "")) for column in COLUMNS}


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def table(records: Sequence[AuditRecord]) -> str:
    """One line each, in columns."""
    rows = [_HEADING, *(_cells(record) for record in records)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(_HEADING))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows
    )


def _cells(record: AuditRecord) -> tuple[str, ...]:
    entry = record.entry
    subject = "/".join(part for part in (entry.subject.namespace, entry.subject.name) if part)
    cells = (subject, entry.transition, entry.action, entry.target, entry.actor, entry.outcome, entry.reason)
    return (f"{entry.time:%Y-%m-%dT%H:%M:%SZ}", *(cell or "-" for cell in cells))


def as_text(records: Sequence[AuditRecord]) -> str:
    """The whole story of a subject, a paragraph for each record."""
    return "".join(_paragraph(record) for record in records)


def _paragraph(record: AuditRecord) -> str:
    entry = record.entry
    head = f"{record.sequence}. {entry.time:%Y-%m-%d %H:%M:%S}  {entry.transition}  {entry.outcome}".rstrip()
    lines = [head]
    for name, value in (
        ("action", entry.action),
        ("target", entry.target),
        ("asked by", entry.actor),
        ("approved by", entry.approver),
        ("reason", entry.reason),
        ("message", entry.message),
        *((key, json.dumps(value, ensure_ascii=False)) for key, value in entry.details.items()),
        ("hash", record.hash),
    ):
        if value:
            lines.append(f"   {name}: {value}")
    return "\n".join(lines) + "\n"

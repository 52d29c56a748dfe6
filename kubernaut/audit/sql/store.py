"""The store in an SQL database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import URL, ColumnElement, Row, delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kubernaut.audit.chain import canonical, record_after
from kubernaut.audit.records import AuditEntry, AuditRecord
from kubernaut.audit.sql.tables import records
from kubernaut.audit.store import AuditQuery, AuditUnavailable
from kubernaut.timing import current_clock, hold

_TRIES = 5
"""How often a number that another writer took is chosen anew; a subject has one writer but for a change of leader."""

_APPEND_LOCK = 0x6B75_6265_6170_7064
_EQUAL = ("uid", "kind", "namespace", "name", "action", "outcome")


class SqlAuditStore:
    """Keeps records in the table `kubernaut_audit`. What is appended is on disk when the call returns."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def append(self, entry: AuditEntry) -> AuditRecord:
        body = canonical(entry)
        with hold(), told(self._engine.url):
            for _ in range(_TRIES):
                try:
                    async with self._engine.begin() as connection:
                        return await _append(connection, entry, body)
                except IntegrityError:
                    # The id, or the place in the chain, was taken since we looked.
                    continue
        raise AuditUnavailable(f"entry {entry.id}: others append to the same subject all the time")

    async def query(self, query: AuditQuery) -> Sequence[AuditRecord]:
        order = records.c.position.desc() if query.newest else records.c.position
        statement = select(records).where(*_conditions(query)).order_by(order).limit(query.limit)
        with hold(), told(self._engine.url):
            async with self._engine.connect() as connection:
                found = [_record(row) for row in await connection.execute(statement)]
        return found[::-1] if query.newest else found

    async def purge(self, before: datetime) -> int:
        done = select(records.c.uid).group_by(records.c.uid).having(func.max(records.c.time) < before)
        with hold(), told(self._engine.url):
            async with self._engine.begin() as connection:
                result = await connection.execute(delete(records).where(records.c.uid.in_(done)))
                return int(result.rowcount)


async def _append(connection: AsyncConnection, entry: AuditEntry, body: str) -> AuditRecord:
    if connection.dialect.name == "postgresql":
        # One writer at a time: else a position could become visible after a higher one, and a reader that goes on from
        # the highest it has seen would never see it.
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})
    found = (await connection.execute(select(records).where(records.c.id == entry.id))).one_or_none()
    if found is not None:
        return _record(found)
    uid = entry.subject.uid
    newest = select(records.c.sequence, records.c.hash).where(records.c.uid == uid)
    last = (await connection.execute(newest.order_by(records.c.sequence.desc()).limit(1))).one_or_none()
    record = record_after(
        entry,
        last=(last.sequence, last.hash) if last is not None else None,
        position=0,
        recorded_at=current_clock().now(),
    )
    result = await connection.execute(insert(records).values(_row(record, body)))
    key: Any = result.inserted_primary_key
    return record.model_copy(update={"position": key.position})


def _row(record: AuditRecord, body: str) -> dict[str, Any]:
    entry, subject = record.entry, record.entry.subject
    return {
        "id": entry.id,
        "uid": subject.uid,
        "sequence": record.sequence,
        "kind": subject.kind,
        "namespace": subject.namespace,
        "name": subject.name,
        "action": entry.action,
        "outcome": entry.outcome,
        "time": entry.time,
        "recorded_at": record.recorded_at,
        "previous_hash": record.previous_hash,
        "hash": record.hash,
        "body": body,
    }


def _record(row: Row[Any]) -> AuditRecord:
    recorded: datetime = row.recorded_at
    return AuditRecord(
        position=row.position,
        sequence=row.sequence,
        # SQLite keeps no zone; what was written was in UTC.
        recorded_at=recorded if recorded.tzinfo is not None else recorded.replace(tzinfo=UTC),
        previous_hash=row.previous_hash,
        hash=row.hash,
        entry=AuditEntry.model_validate(json.loads(row.body)),
    )


def _conditions(query: AuditQuery) -> Iterator[ColumnElement[bool]]:
    yield records.c.position > query.after
    for name in _EQUAL:
        if (value := getattr(query, name)) is not None:
            yield records.c[name] == value
    if query.since is not None:
        yield records.c.time >= query.since.astimezone(UTC)
    if query.until is not None:
        yield records.c.time < query.until.astimezone(UTC)


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Turn what drivers raise into AuditUnavailable, without the statement, which holds what was to be recorded."""
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        reason = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        raise AuditUnavailable(f"{url.render_as_string(hide_password=True)}: {reason}") from error

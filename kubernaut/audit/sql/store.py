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

from kubernaut.audit.chain import canonical, record_after, verify
from kubernaut.audit.records import AuditEntry, AuditRecord
from kubernaut.audit.sql.tables import records
from kubernaut.audit.store import AuditQuery, AuditRefused, AuditUnavailable
from kubernaut.timing import current_clock, hold

_TRIES = 5
"""How often a number that another writer took is chosen anew; a subject has one writer but for a change of leader."""

_APPEND_LOCK = 0x6B75_6265_6170_7064
_PURGED_AT_ONCE = 100
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
        """See AuditStore. A chain that does not hold stays: it is evidence, and its times cannot be believed."""
        with hold(), told(self._engine.url):
            async with self._engine.begin() as connection:
                gone, after = 0, ""
                while uids := await _finished(connection, before, after):
                    after = uids[-1]
                    holding = await _holding(connection, uids)
                    if holding:
                        result = await connection.execute(delete(records).where(records.c.uid.in_(holding)))
                        gone += int(result.rowcount)
                return gone


async def _finished(connection: AsyncConnection, before: datetime, after: str) -> list[str]:
    """The next subjects to whom nothing has happened since `before`."""
    done = select(records.c.uid).where(records.c.uid > after).group_by(records.c.uid)
    done = done.having(func.max(records.c.time) < before).order_by(records.c.uid).limit(_PURGED_AT_ONCE)
    return list(await connection.scalars(done))


async def _holding(connection: AsyncConnection, uids: list[str]) -> list[str]:
    statement = select(records).where(records.c.uid.in_(uids)).order_by(records.c.uid, records.c.sequence)
    chains: dict[str, list[AuditRecord]] = {}
    for row in await connection.execute(statement):
        chains.setdefault(row.uid, []).append(_record(row))
    return [uid for uid, chain in chains.items() if not verify(chain)]


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
    return {
        **_found_by(record.entry),
        "sequence": record.sequence,
        "recorded_at": record.recorded_at,
        "previous_hash": record.previous_hash,
        "hash": record.hash,
        "body": body,
    }


def _record(row: Row[Any]) -> AuditRecord:
    """Raises AuditRefused for a row that no writer of this package left."""
    try:
        entry = AuditEntry.model_validate(json.loads(row.body))
    except ValueError:
        raise AuditRefused(f"the row at position {row.position} was changed after it was written: no entry") from None
    record = AuditRecord(
        position=row.position,
        sequence=row.sequence,
        recorded_at=_in_utc(row.recorded_at),
        previous_hash=row.previous_hash,
        hash=row.hash,
        entry=entry,
    )
    altered = tuple(name for name, value in _found_by(entry).items() if _in_utc(getattr(row, name)) != value)
    return record.model_copy(update={"altered": altered}) if altered else record


def _found_by(entry: AuditEntry) -> dict[str, Any]:
    """The columns by which an entry is found; they repeat what is in its body."""
    subject = entry.subject
    return {
        "id": entry.id,
        "uid": subject.uid,
        "kind": subject.kind,
        "namespace": subject.namespace,
        "name": subject.name,
        "action": entry.action,
        "outcome": entry.outcome,
        "time": entry.time,
    }


def _in_utc(value: Any) -> Any:
    # SQLite keeps no zone; what was written was in UTC.
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


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

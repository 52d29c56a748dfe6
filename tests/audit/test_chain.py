"""Tampering is evident."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from kubernaut.audit import AuditQuery, AuditRecord, AuditRefused, MemoryAuditStore, open_store, verify
from kubernaut.audit.sql.engine import make_engine
from tests.audit.entries import START, entry


async def chain() -> list[AuditRecord]:
    store = MemoryAuditStore()
    for transition in ("validating", "validated", "executing", "failed"):
        await store.append(entry(transition=transition))
    return store.records


async def test_a_whole_chain_verifies() -> None:
    assert verify(await chain()) == []


async def test_a_changed_record_is_told() -> None:
    records = await chain()
    forged = records[3].entry.model_copy(update={"outcome": "succeeded"})
    records[3] = records[3].model_copy(update={"entry": forged})
    assert [str(found) for found in verify(records)] == ["u1 record 4: was changed after it was written"]


async def test_a_removed_record_is_told() -> None:
    records = await chain()
    del records[1]
    assert "u1 record 3: record 2 is missing" in [str(found) for found in verify(records)]


async def test_a_record_whose_hash_was_made_to_fit_breaks_the_next_one() -> None:
    records, other = await chain(), MemoryAuditStore()
    await other.append(entry(transition="validating"))
    forged = await other.append(entry(transition="validated", actor="somebody else"))
    records[1] = forged
    assert [str(found) for found in verify(records)] == ["u1 record 3: does not follow the record before"]


async def test_a_change_in_the_database_is_told(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    async with open_store(url) as store:
        await store.append(entry())
    engine = make_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE kubernaut_audit SET body = replace(body, 'jane', 'mary')"))
    await engine.dispose()
    async with open_store(url) as store:
        (broken,) = verify(await store.query(AuditQuery()))
    assert broken.problem == "was changed after it was written"


@pytest.mark.parametrize("zone", ["+00:00", "+05:30", "-08:00"])
async def test_the_zone_in_which_a_time_was_written_does_not_change_the_hash(zone: str) -> None:
    one, other = MemoryAuditStore(), MemoryAuditStore()
    given = entry()
    moved = type(given).model_validate({**given.to_dict(), "time": given.time.astimezone().isoformat()})
    assert (await one.append(given)).hash == (await other.append(moved)).hash


async def altered(url: str, statement: str) -> None:
    engine = make_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("outcome = 'succeeded'", "outcome"),
        ("namespace = 'elsewhere'", "namespace"),
        ("namespace = NULL", "namespace"),
        ("name = 'another'", "name"),
        ("action = 'drain-node'", "action"),
        ("kind = 'Pod'", "kind"),
        ("uid = 'u2'", "uid"),
        ("id = 'u1:other'", "id"),
        ("time = '2001-01-01 00:00:00.000000'", "time"),
    ],
)
async def test_a_column_that_differs_from_what_was_recorded_is_told(tmp_path: Path, change: str, column: str) -> None:
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    async with open_store(url) as store:
        await store.append(entry())
    await altered(url, f"UPDATE kubernaut_audit SET {change}")
    async with open_store(url) as store:
        (broken,) = verify(await store.query(AuditQuery()))
    assert (broken.uid, broken.problem) == ("u1", f"is kept under another {column} than it was recorded with")


async def test_a_chain_that_was_tampered_with_is_not_purged(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    async with open_store(url) as store:
        await store.append(entry("old"))
        await store.append(entry("new", minutes=60))
    await altered(url, "UPDATE kubernaut_audit SET time = '2001-01-01 00:00:00.000000' WHERE uid = 'new'")
    async with open_store(url) as store:
        assert await store.purge(START + timedelta(minutes=30)) == 1
        (left,) = await store.query(AuditQuery())
    assert left.entry.subject.uid == "new"


async def test_a_body_that_is_no_entry_any_more_is_told(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    async with open_store(url) as store:
        await store.append(entry())
    await altered(url, "UPDATE kubernaut_audit SET body = '{}'")
    async with open_store(url) as store:
        with pytest.raises(AuditRefused, match="position 1 was changed"):
            await store.query(AuditQuery())

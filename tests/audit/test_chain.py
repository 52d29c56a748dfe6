"""Tampering is evident."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from kubernaut.audit import AuditQuery, AuditRecord, MemoryAuditStore, open_store, verify
from kubernaut.audit.sql.engine import make_engine
from tests.audit.entries import entry


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

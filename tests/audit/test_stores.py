"""What every store does, in memory, SQLite, PostgreSQL and behind HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta, timezone

import pytest

from kubernaut.audit import AuditQuery, AuditRefused, AuditStore, verify
from tests.audit.entries import START, entry

PHASES = ("validating", "validated", "executing", "completed")


async def told(store: AuditStore, **query: object) -> list[str]:
    return [record.entry.id for record in await store.query(AuditQuery(**query))]  # type: ignore[arg-type]


async def test_what_was_appended_can_be_read_back_as_it_was(store: AuditStore) -> None:
    given = entry(
        message="naïve – «ünïcode» \N{ROCKET}",
        reason="Approved",
        approver="john",
        target="apps/v1 Deployment shop/web",
        details={"exitCode": 0, "nested": {"list": [1, "two", None, 3.5, True]}},
    )
    record = await store.append(given)
    (read,) = await store.query(AuditQuery())
    assert read == record
    assert read.entry == given
    assert (read.sequence, read.previous_hash) == (1, "0" * 64)


async def test_appending_again_is_harmless_and_gives_the_first_record(store: AuditStore) -> None:
    first = await store.append(entry(message="first"))
    again = await store.append(entry(message="told differently the second time"))
    assert again == first
    assert len(await store.query(AuditQuery())) == 1


async def test_the_records_of_one_subject_are_numbered_and_chained_in_the_order_they_came(store: AuditStore) -> None:
    for transition in PHASES:
        for uid in ("u1", "u2"):
            await store.append(entry(uid, transition))
    for uid in ("u1", "u2"):
        chain = list(await store.query(AuditQuery(uid=uid)))
        assert [record.entry.transition for record in chain] == list(PHASES)
        assert [record.sequence for record in chain] == [1, 2, 3, 4]
        assert [record.previous_hash for record in chain[1:]] == [record.hash for record in chain[:-1]]
    everything = await store.query(AuditQuery())
    assert verify(everything) == []
    assert [record.position for record in everything] == sorted({record.position for record in everything})


async def test_many_writers_at_once_make_whole_chains_and_nothing_twice(store: AuditStore) -> None:
    entries = [entry(f"u{uid}", f"step-{step}") for step in range(10) for uid in range(3)]
    await asyncio.gather(*(store.append(each) for each in entries * 2))
    records = await store.query(AuditQuery(limit=1000))
    assert sorted(record.entry.id for record in records) == sorted(each.id for each in entries)
    assert verify(records) == []


async def test_records_are_found_by_name_action_outcome_and_time(store: AuditStore) -> None:
    await store.append(entry("u1", "validating", 0))
    await store.append(entry("u1", "failed", 5, outcome="failed"))
    await store.append(entry("u2", "validating", 5, namespace="billing"))
    await store.append(entry("u3", "validating", 9, action="restart-pod", name="other"))
    assert await told(store, namespace="billing") == ["u2:validating"]
    assert await told(store, name="other") == ["u3:validating"]
    assert await told(store, kind="Job") == []
    assert await told(store, action="restart-pod") == ["u3:validating"]
    assert await told(store, outcome="failed") == ["u1:failed"]
    five = START + timedelta(minutes=5)
    assert await told(store, since=five) == ["u1:failed", "u2:validating", "u3:validating"]
    assert await told(store, until=five) == ["u1:validating"]
    elsewhere = five.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert await told(store, since=elsewhere, until=elsewhere + timedelta(minutes=1)) == ["u1:failed", "u2:validating"]


async def test_records_are_read_page_by_page(store: AuditStore) -> None:
    for number in range(7):
        await store.append(entry(f"u{number}"))
    read, after = list[str](), 0
    while page := await store.query(AuditQuery(after=after, limit=3)):
        assert len(page) <= 3
        read += [record.entry.subject.uid for record in page]
        after = page[-1].position
    assert read == [f"u{number}" for number in range(7)]


async def test_the_newest_records_come_in_their_order(store: AuditStore) -> None:
    for number in range(5):
        await store.append(entry(f"u{number}"))
    assert await told(store, newest=True, limit=2) == ["u3:validating", "u4:validating"]


async def test_purging_takes_whole_chains_of_those_to_whom_nothing_happened_since(store: AuditStore) -> None:
    await store.append(entry("old", "validating", 0))
    await store.append(entry("old", "failed", 1))
    await store.append(entry("living", "validating", 0))
    await store.append(entry("living", "executing", 60))
    assert await store.purge(START + timedelta(minutes=30)) == 2
    left = await store.query(AuditQuery())
    assert [record.entry.id for record in left] == ["living:validating", "living:executing"]
    assert verify(left) == []
    assert await store.purge(START + timedelta(minutes=30)) == 0


async def test_a_position_is_never_given_twice(store: AuditStore) -> None:
    last = await store.append(entry("old"))
    await store.purge(START + timedelta(minutes=1))
    assert (await store.append(entry("new"))).position > last.position


async def test_an_entry_that_is_too_large_is_refused_for_good(store: AuditStore) -> None:
    with pytest.raises(AuditRefused, match="shorten its details"):
        await store.append(entry(details={"log": "x" * 300_000}))
    assert await store.query(AuditQuery()) == []


def test_a_query_that_makes_no_sense_names_the_field() -> None:
    with pytest.raises(ValueError, match="limit: must be 1 to 1000, got 0"):
        AuditQuery(limit=0)
    with pytest.raises(ValueError, match="since: needs a time zone"):
        AuditQuery(since=START.replace(tzinfo=None))

"""What is particular to databases: durability, migration, outages, virtual time."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from kubernaut.audit import AuditQuery, AuditRefused, AuditUnavailable, DeferredStore, open_store, verify
from kubernaut.audit.opening import check_url
from kubernaut.audit.sql.engine import make_engine
from kubernaut.audit.sql.tables import metadata
from tests.audit import postgres
from tests.audit.conftest import _emptied
from tests.audit.entries import entry


async def execute(url: str, statement: str) -> None:
    engine = make_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'audit.db'}"
    found: str = request.getfixturevalue("postgresql").url
    await _emptied(found)
    return found


async def test_records_outlive_the_process_that_wrote_them(url: str) -> None:
    async with open_store(url) as store:
        await store.append(entry())
    async with open_store(url) as store:
        assert [record.entry.id for record in await store.query(AuditQuery())] == ["u1:validating"]


async def test_replicas_that_start_together_migrate_once(url: str) -> None:
    async def start() -> None:
        async with open_store(url) as store:
            await store.append(entry())

    await asyncio.gather(start(), start(), start())
    async with open_store(url, migrate=False) as store:
        assert len(await store.query(AuditQuery())) == 1


async def test_the_migrations_lead_to_the_tables_that_the_code_uses(url: str) -> None:
    async with open_store(url):
        pass
    engine = make_engine(url)
    async with engine.connect() as connection:
        made = await connection.run_sync(lambda sync: inspect(sync).get_columns("kubernaut_audit"))
        indexes = await connection.run_sync(lambda sync: inspect(sync).get_indexes("kubernaut_audit"))
    await engine.dispose()
    (table,) = metadata.tables.values()
    assert [(column["name"], column["nullable"]) for column in made] == [
        (column.name, column.nullable) for column in table.columns
    ]
    assert {index.name for index in table.indexes} <= {index["name"] for index in indexes}


async def test_tables_that_are_behind_are_refused_where_migration_is_off(url: str) -> None:
    await execute(url, "SELECT 1")
    with pytest.raises(AuditRefused, match=r"of version none, this is version 0001: .*kubernaut audit migrate"):
        async with open_store(url, migrate=False):
            pass


async def test_reading_leaves_no_empty_database_behind(tmp_path: Path) -> None:
    with pytest.raises(AuditUnavailable, match="there is no such file"):
        async with open_store(f"sqlite:///{tmp_path}/audit.db", migrate=False):
            pass
    assert not os.listdir(tmp_path)


async def test_tables_of_a_newer_version_are_refused(url: str) -> None:
    async with open_store(url):
        pass
    await execute(url, "UPDATE kubernaut_audit_version SET version_num = '9999'")
    with pytest.raises(AuditRefused, match="a version that is not known here"):
        async with open_store(url):
            pass


async def test_a_database_that_is_killed_loses_nothing_that_was_acknowledged(
    postgresql: postgres.Server,
) -> None:
    await _emptied(postgresql.url)
    acknowledged: list[str] = []
    refused = 0
    async with open_store(postgresql.url) as store:
        for number in range(60):
            if number in (20, 40):
                postgresql.kill()
            if number in (25, 45):
                postgresql.start()
            try:
                acknowledged.append((await store.append(entry(f"u{number % 7}", f"step-{number}"))).entry.id)
            except AuditUnavailable as error:
                assert "secret-word" not in str(error)
                refused += 1
        assert refused >= 10
        # What was refused may have been written all the same, so everything is told again.
        for number in range(60):
            await store.append(entry(f"u{number % 7}", f"step-{number}"))
        records = await store.query(AuditQuery(limit=1000))
    ids = [record.entry.id for record in records]
    assert len(ids) == len(set(ids)) == 60
    assert set(acknowledged) <= set(ids)
    assert verify(records) == []


async def test_a_database_that_cannot_be_reached_is_told_without_its_password() -> None:
    with pytest.raises(AuditUnavailable) as caught:
        async with open_store("postgresql://audit:secret-word@127.0.0.1:1/postgres"):
            pass
    assert "127.0.0.1:1" in str(caught.value) and "secret-word" not in str(caught.value)


async def test_a_wrong_password_is_told(postgresql: postgres.Server) -> None:
    with pytest.raises(AuditUnavailable, match="password authentication failed"):
        async with open_store(postgresql.url.replace("secret-word", "guess")):
            pass


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AuditUnavailable, match="there is no folder"):
        async with open_store(f"sqlite:///{tmp_path}/nowhere/audit.db"):
            pass


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mysql://host/db", "'mysql' is not known; a URL begins with one of sqlite:, postgresql:"),
        ("audit.db", "'' is not known"),
        ("postgresql://", "write it as postgresql://user:password@host/database"),
        ("postgresql://host", "write it as postgresql://"),
        ("postgresql:///database", "write it as postgresql://"),
        ("postgresql+psycopg2://host/db", "the driver psycopg2 is not known"),
        ("postgresql://host:port/db", "is no URL: Port could not be cast"),
        ("sqlite:", "write it as sqlite:///audit.db"),
        ("sqlite://", "write it as sqlite:///audit.db"),
        ("sqlite://audit.db", "write it as sqlite:///audit.db"),
        ("https://", "write it as https://host/prefix"),
        ("http:", "write it as http://host/prefix"),
        ("https:///prefix", "write it as https://host/prefix"),
        ("https://host/prefix?a=b", "write it as https://host/prefix"),
        ("http://[::1/x", "is no URL"),
        ("memory:x", "write it as memory:"),
    ],
)
async def test_a_url_that_names_no_store_is_told(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        async with open_store(url):
            pass
    with pytest.raises(ValueError, match=problem):
        DeferredStore(url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/lib/audit.db",
        "sqlite+aiosqlite:///audit.db",
        "postgresql://user:pass%23word@host:5432/db",
        "postgresql://[::1]/db",
        "postgresql:///db?host=/run/postgresql",
        "https://host:8443/prefix/",
        "http://host",
        "memory:",
    ],
)
def test_a_url_that_can_work_is_taken(url: str) -> None:
    assert url.startswith(check_url(url))


async def test_a_deferred_store_that_cannot_be_opened_is_unavailable_and_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(url: str, **options: object) -> object:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("kubernaut.audit.deferred.open_store", broken)
    store = DeferredStore("sqlite:///audit.db")
    with pytest.raises(AuditUnavailable, match="cannot be opened: RuntimeError") as told:
        await store.append(entry())
    assert "hunter2" not in str(told.value)
    monkeypatch.undo()
    await store.aclose()


async def test_tables_of_another_version_do_not_count_against_an_entry(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    async with open_store(url):
        pass
    engine = make_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE kubernaut_audit_version SET version_num = '9999'"))
    await engine.dispose()
    store = DeferredStore(url)
    with pytest.raises(AuditUnavailable, match="of a version that is not known here"):
        await store.append(entry())
    await store.aclose()


@pytest.mark.virtual_time
async def test_in_virtual_time_no_timeout_fires_for_the_database_s_own_time(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path / 'audit.db'}") as store:
        for number in range(20):
            async with asyncio.timeout(0.001):
                await store.append(entry(f"u{number}"))
        assert len(await store.query(AuditQuery())) == 20


async def test_a_cancelled_append_may_be_repeated(url: str) -> None:
    async with open_store(url) as store:
        for turns in range(12):
            task = asyncio.create_task(store.append(entry("u1", f"step-{turns}")))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        for turns in range(12):
            await store.append(entry("u1", f"step-{turns}"))
        records = await store.query(AuditQuery())
    assert len(records) == 12
    assert verify(records) == []

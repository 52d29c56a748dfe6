"""The stores, one suite for all of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from kubernaut.audit import AuditStore, MemoryAuditStore, open_store
from kubernaut.audit.http import HttpAuditStore
from kubernaut.audit.sql.engine import make_engine
from tests.audit import postgres
from tests.audit.service import Service


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """A real PostgreSQL for the session."""
    if postgres.programs() is None:
        pytest.skip("no PostgreSQL here: install Debian's package postgresql")
    # Not pytest's folder: the server runs as another user, who may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="kubernaut-pg-"))
    folder.chmod(0o755)
    try:
        with postgres.server(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _emptied(url: str) -> None:
    engine = make_engine(url)
    async with engine.begin() as connection:
        for table in ("kubernaut_audit", "kubernaut_audit_version"):
            await connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    await engine.dispose()


@pytest.fixture(params=["memory", "sqlite", "postgresql", "http"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AuditStore]:
    """An empty store of each kind."""
    opened: AbstractAsyncContextManager[AuditStore]
    if request.param == "http":
        service = Service(MemoryAuditStore())
        opened = HttpAuditStore("http://audit/v1", token="secret-token", transport=httpx.ASGITransport(app=service))
    elif request.param == "postgresql":
        url = request.getfixturevalue("postgresql").url
        await _emptied(url)
        opened = open_store(url)
    else:
        opened = open_store("memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'audit.db'}")
    async with opened as made:
        yield made

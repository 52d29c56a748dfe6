"""Opens a database: its driver, what must be set on each connection, and its tables brought up to date."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubernaut.audit.store import AuditRefused, AuditUnavailable
from kubernaut.distribution import install_hint
from kubernaut.timing import hold

if TYPE_CHECKING:
    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncEngine

    from kubernaut.audit.sql.store import SqlAuditStore

EXTRA = "sql"
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_BUSY_MILLISECONDS = 5000
_CONNECT_SECONDS = 10.0


@asynccontextmanager
async def open_sql(url: str, *, migrate: bool = True) -> AsyncIterator[SqlAuditStore]:
    """The store in the database at `url`; see `kubernaut.audit.open_store` for arguments and errors."""
    try:
        from kubernaut.audit.sql.migrating import bring_up_to_date, check_version
        from kubernaut.audit.sql.store import SqlAuditStore, told
    except ModuleNotFoundError as error:
        raise AuditRefused(f"{error.name} is not installed: {install_hint(EXTRA)}") from error
    engine = make_engine(url, create=migrate)
    try:
        with hold(), told(engine.url):
            await (bring_up_to_date if migrate else check_version)(engine)
        yield SqlAuditStore(engine)
    finally:
        with hold():
            await engine.dispose()


def make_engine(url: str, *, create: bool = True) -> AsyncEngine:
    """An engine for the database at `url`; without `create` a file must be there, and reading leaves none behind.

    Raises ValueError for a URL that names no database, AuditUnavailable for a file or folder that is not there.
    """
    from sqlalchemy import event
    from sqlalchemy.ext.asyncio import create_async_engine

    parsed = parse_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite and parsed.database and parsed.database != ":memory:":
        _check_file(Path(parsed.database), create)
    arguments: dict[str, Any] = {} if sqlite else {"timeout": _CONNECT_SECONDS, "command_timeout": _CONNECT_SECONDS}
    engine = create_async_engine(parsed, pool_pre_ping=not sqlite, connect_args=arguments)
    if sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _check_file(file: Path, create: bool) -> None:
    if not file.parent.is_dir():
        raise AuditUnavailable(f"{file}: there is no folder {file.parent}")
    if not create and not file.is_file():
        raise AuditUnavailable(f"{file}: there is no such file")


def parse_url(url: str) -> URL:
    """The URL with the driver that is used. Raises ValueError."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("audit store: is no URL such as sqlite:///audit.db or postgresql://user@host/name") from None
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise ValueError(f"audit store: {backend!r} is not known; use one of {', '.join(_DRIVERS)}")
    if not parsed.database:
        raise ValueError(f"audit store: {parsed!r} names no database")
    return parsed.set(drivername=_DRIVERS[backend])


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # The driver must not begin transactions by itself: it begins them too late to lock anything.
    connection.isolation_level = None
    cursor = connection.cursor()
    # First: the next line needs a lock that another process may hold.
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    # Taken at once: two writers that begin by reading would both be refused when they come to write.
    connection.exec_driver_sql("BEGIN IMMEDIATE")

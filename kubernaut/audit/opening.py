"""Opens the audit store that a URL names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from kubernaut.audit.memory import MemoryAuditStore
from kubernaut.audit.store import AuditStore

SCHEMES = ("sqlite", "postgresql", "https", "http", "memory")
_DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg"}


_FORMS = {
    "sqlite": "sqlite:///audit.db",
    "postgresql": "postgresql://user:password@host/database",
    "https": "https://host/prefix",
    "http": "http://host/prefix",
    "memory": "memory:",
}


def check_url(url: str) -> str:
    """The scheme of a store's URL. Raises ValueError for one that names no store, or lacks the host, file or database.

    Nothing is opened, and the message holds no password.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
        # Read for the error that it raises.
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"audit store: is no URL: {_words(error)}") from None
    scheme, _, driver = parts.scheme.partition("+")
    if scheme not in SCHEMES:
        known = ", ".join(f"{each}:" for each in SCHEMES)
        raise ValueError(f"audit store: {scheme!r} is not known; a URL begins with one of {known}")
    if driver not in ("", _DRIVERS.get(scheme, "")):
        raise ValueError(f"audit store: the driver {driver} is not known for {scheme}: leave it out")
    path, asked = parts.path.strip("/"), parse_qs(parts.query)
    complete = {
        "sqlite": url.partition(":")[2].startswith("///") and bool(path),
        "postgresql": bool(host or asked.get("host")) and bool(path),
        "memory": url == "memory:",
    }.get(scheme, bool(host) and not parts.query and not parts.fragment)
    if not complete:
        raise ValueError(f"audit store: is incomplete, or more than a store's URL: write it as {_FORMS[scheme]}")
    return scheme


def _words(error: ValueError) -> str:
    # What is quoted may be a part of a password.
    return str(error).partition("'")[0].strip() or "it cannot be read"


@asynccontextmanager
async def open_store(url: str, *, migrate: bool = True, token: str | None = None) -> AsyncIterator[AuditStore]:
    """The store at `url`, closed with the block.

    `sqlite:///audit.db` (a path relative to the working directory; four slashes for an absolute one),
    `postgresql://user:password@host/database`, `https://host/prefix` (see `HttpAuditStore`; `token` is sent as a bearer
    token), or `memory:`. `migrate` brings an SQL database to this version's tables first; without it one that is
    behind is refused. Raises ValueError for a URL that is none of these, AuditUnavailable where the database cannot be
    reached, AuditRefused for tables of a newer version.
    """
    scheme = check_url(url)
    if scheme == "memory":
        yield MemoryAuditStore()
    elif scheme in ("http", "https"):
        from kubernaut.audit.http import HttpAuditStore

        async with HttpAuditStore(url, token=token) as remote:
            yield remote
    else:
        from kubernaut.audit.sql import open_sql

        async with open_sql(url, migrate=migrate) as store:
            yield store

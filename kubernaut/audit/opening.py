"""Opens the audit store that a URL names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from kubernaut.audit.memory import MemoryAuditStore
from kubernaut.audit.store import AuditStore

SCHEMES = ("sqlite", "postgresql", "https", "http", "memory")


def check_url(url: str) -> str:
    """The scheme of a store's URL. Raises ValueError for one that names no store."""
    scheme = urlsplit(url).scheme.partition("+")[0]
    if scheme not in SCHEMES:
        known = ", ".join(f"{each}:" for each in SCHEMES)
        raise ValueError(f"audit store: {scheme or url!r} is not known; a URL begins with one of {known}")
    return scheme


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

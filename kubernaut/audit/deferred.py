"""A store that is opened when it is first used: a process may start while its database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime

from kubernaut.audit.opening import check_url, open_store
from kubernaut.audit.records import AuditEntry, AuditRecord
from kubernaut.audit.store import AuditQuery, AuditStore


class DeferredStore:
    """The store at `url` (see `open_store`), opened by the first call and again by the next while that fails.

    Close it with `aclose`. Raises ValueError at once for a URL that names no store.
    """

    def __init__(self, url: str, *, token: str | None = None) -> None:
        check_url(url)
        self._url, self._token = url, token
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._store: AuditStore | None = None

    async def append(self, entry: AuditEntry) -> AuditRecord:
        """See AuditStore."""
        return await (await self._opened()).append(entry)

    async def query(self, query: AuditQuery) -> Sequence[AuditRecord]:
        """See AuditStore."""
        return await (await self._opened()).query(query)

    async def purge(self, before: datetime) -> int:
        """See AuditStore."""
        return await (await self._opened()).purge(before)

    async def aclose(self) -> None:
        """Close its connections."""
        self._store = None
        await self._stack.aclose()

    async def _opened(self) -> AuditStore:
        async with self._opening:
            if self._store is None:
                self._store = await self._stack.enter_async_context(open_store(self._url, token=self._token))
            return self._store

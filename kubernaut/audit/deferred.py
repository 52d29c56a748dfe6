"""A store that is opened when it is first used: a process may start while its database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime

from kubernaut.audit.opening import check_url, open_store
from kubernaut.audit.records import AuditEntry, AuditRecord
from kubernaut.audit.store import AuditQuery, AuditRefused, AuditStore, AuditUnavailable


class DeferredStore:
    """The store at `url` (see `open_store`), opened by the first call and again by the next while that fails.

    Close it with `aclose`. Raises ValueError at once for a URL that names no store. Whatever keeps it from being opened
    later is AuditUnavailable, also what a person must put right: nothing was said against an entry yet, so none is
    given up.
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
                self._store = await self._open()
            return self._store

    async def _open(self) -> AuditStore:
        try:
            return await self._stack.enter_async_context(open_store(self._url, token=self._token))
        except AuditUnavailable:
            raise
        except AuditRefused as error:
            raise AuditUnavailable(str(error)) from error
        except Exception as error:
            # Drivers and what they are configured by fail in ways of their own; the URL may be in the text.
            raise AuditUnavailable(f"the audit store cannot be opened: {type(error).__name__}") from error

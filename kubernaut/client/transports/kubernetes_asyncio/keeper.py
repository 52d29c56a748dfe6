"""Keeps credentials fresh: one reading at a time, before they run out, and after the server refused them."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from kubernaut.client.errors import TransportError
from kubernaut.client.transports.kubernetes_asyncio.access import Access, AccessSource
from kubernaut.client.transports.kubernetes_asyncio.errors import ConfigError
from kubernaut.timing import current_clock

__all__ = ["Keeper"]

FILE_PERIOD = 60.0
"""Seconds after which files are read again (client-go: a minute for tokens)."""
AHEAD = timedelta(seconds=60)
"""How long before they run out credentials are renewed; a fifth of a life that is shorter than five times this."""
RETRY_PERIOD = 10.0
"""Seconds between attempts to renew credentials that are still good."""

_log = logging.getLogger("kubernaut.client")


class Keeper:
    """Holds the current credentials of one transport. Used by many tasks of one loop."""

    def __init__(self, source: AccessSource) -> None:
        self._source = source
        self._lock = asyncio.Lock()
        self._readings = 0
        self._renewals = 0
        self._failure: ConfigError | None = None
        self._check_at: float | None = None
        self._renew_at: datetime | None = None
        self._retry_at = 0.0
        self._fruitless_until = 0.0
        self._refused: int | None = None
        self.generation = 0
        """Grows with each change of the credentials."""
        self.access = Access()

    async def start(self) -> None:
        """The first reading. Raises ConfigError."""
        self._accept(await self._source.load(renew=True), renewed=True)

    async def current(self) -> Access:
        """The credentials to use now. Raises TransportError when they have run out and cannot be renewed."""
        if self._check_at is None and self._renew_at is None:
            return self.access
        if self._lock.locked() and not self._expired():
            return self.access  # what is in use is good while somebody else renews it
        now = asyncio.get_running_loop().time()
        if self._renew_at is not None and now >= self._retry_at and current_clock().now() >= self._renew_at:
            await self._attempt(renew=True)
        elif self._check_at is not None and now >= self._check_at:
            await self._attempt(renew=False)
        if self._failure is not None and self._expired():
            raise TransportError(f"the credentials have run out: {self._failure}") from self._failure
        return self.access

    def refused(self, generation: int) -> None:
        """The server answered 401 to the credentials of that generation."""
        self._refused = max(generation, self._refused or 0)

    def distrusted(self) -> None:
        """A connection failed: certificates may have changed on disk, so look before the next request."""
        if self._check_at is not None:
            self._check_at = asyncio.get_running_loop().time()

    async def refresh(self) -> bool:
        """Get newer credentials than those that were refused; False where there are none."""
        if self._refused is not None and self._refused < self.generation:
            return True  # somebody else's 401 brought newer ones already
        before, now = self.access, asyncio.get_running_loop().time()
        # An issuer that had nothing newer a moment ago is not asked again for each of a hundred refused requests.
        await self._attempt(renew=now >= self._fruitless_until)
        if self.access != before:
            return True
        self._fruitless_until = max(self._fruitless_until, now + RETRY_PERIOD)
        return False

    async def _attempt(self, *, renew: bool) -> None:
        """One reading for all who wait for one; whoever comes first does it, and a failure is everybody's."""
        ended = self._renewals if renew else self._readings
        async with self._lock:
            if ended != (self._renewals if renew else self._readings):
                return
            try:
                access = await self._source.load(renew=renew)
            except ConfigError as error:
                self._failed(error)
            except asyncio.CancelledError:
                # A request that gave up on a slow issuer: the next ones do not pay for it as well.
                self._retry_at = asyncio.get_running_loop().time() + RETRY_PERIOD
                raise
            else:
                self._accept(access, renewed=renew)
            self._readings += 1
            self._renewals += renew

    def _failed(self, error: ConfigError) -> None:
        now = asyncio.get_running_loop().time()
        self._retry_at = now + RETRY_PERIOD
        if self._check_at is not None:
            self._check_at = now + RETRY_PERIOD
        if str(error) != str(self._failure):
            _log.warning("credentials could not be read again, the old ones stay in use: %s", error)
        self._failure = error

    def _accept(self, access: Access, *, renewed: bool) -> None:
        self._failure = None
        now = asyncio.get_running_loop().time()
        self._check_at = now + FILE_PERIOD if self._source.from_files else None
        if access.expires is None:
            self._renew_at = None
        elif access.expires != self.access.expires:
            margin = min(AHEAD, (access.expires - current_clock().now()) / 5)
            self._renew_at = access.expires - max(margin, timedelta())
        elif renewed:  # an issuer that gives the same until the end is not asked with each request
            self._retry_at = now + RETRY_PERIOD
        if access != self.access:
            self.generation += 1
        self.access = access

    def _expired(self) -> bool:
        return self.access.expires is not None and current_clock().now() >= self.access.expires

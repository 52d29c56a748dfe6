"""When a real cluster has come to rest: nothing of ours is in flight, and the server's revision stays what it is."""

from __future__ import annotations

import asyncio
import time

import msgspec

from kubernaut.client import Client
from kubernaut.fake.settling import NotSettled
from kubernaut.testing.clusters.offsettime import OffsetTimeLoop
from kubernaut.testing.clusters.recording import RequestLog

__all__ = ["Rest"]

LEASES = "/apis/coordination.k8s.io/v1/leases"
# Real seconds after which a cluster that is still written, or a test that is never idle, is given up.
LIMIT = 30.0
TOLD = 5
READS = ("get", "list", "watch")


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = "0"


class _Item(msgspec.Struct):
    metadata: _Metadata


class _List(msgspec.Struct):
    metadata: _Metadata
    items: list[_Item]


class Rest:
    """Follows the revision of one API server, which every write to it moves, whoever writes.

    ``seconds`` of real time without a change are rest. What changes Leases alone does not count: a leader renews its
    own for ever.
    """

    def __init__(self, client: Client, loop: OffsetTimeLoop, seconds: float, log: RequestLog) -> None:
        self._client = client
        self._log = log
        self._loop = loop
        self._seconds = seconds
        self._revision = 0
        self._rested = -1.0

    async def reached(self) -> bool:
        """Wait for rest; whether anything was written since rest was last found. Raises NotSettled.

        Costs no request when nothing has come from outside since then.
        """
        try:
            async with asyncio.timeout(LIMIT):
                return await self._reached()
        except TimeoutError:
            raise NotSettled(f"no rest in {LIMIT:g} s; the last writes were {self._last_writes()}") from None

    async def _reached(self) -> bool:
        await self._loop.idle()
        if self._loop.stirred == self._rested:
            return False
        moved, written = await self._moved(), False
        since = time.monotonic()
        while moved or (written and time.monotonic() - since < self._seconds):
            if moved:
                written, since = True, time.monotonic()
            await self._loop.idle()
            moved = await self._moved()
        if written:
            await self._loop.idle()
        self._rested = self._loop.stirred
        return written

    def _last_writes(self) -> str:
        writes = [request for request in self._log.requests if request.verb not in READS][-TOLD:]
        told = ", ".join(f"{request.user} {request.verb} {request.path} {request.code}" for request in writes)
        return told or "none of the test's"

    async def revision(self) -> int:
        """The revision of the last write."""
        await self._moved()
        return self._revision

    async def _moved(self) -> bool:
        """Whether anything but Leases was written since the last look."""
        answer = await self._client.request("GET", LEASES, query=(("resourceVersion", ""),))
        found = msgspec.json.decode(answer.body, type=_List)
        before, self._revision = self._revision, int(found.metadata.resource_version)
        renewals = sum(int(item.metadata.resource_version) > before for item in found.items)
        return self._revision - before > renewals


async def settle(loop: OffsetTimeLoop, rest: Rest, quiet: float, within: float) -> None:
    """Return when nothing was written for `quiet` seconds of the loop; raises NotSettled after about `within` seconds.

    The server is waited for in real time; the loop's own timers that fall due before are not.
    """
    since = loop.time()
    limit = since + within
    while True:
        if await rest.reached():
            since = loop.time()
            if since > limit:
                raise NotSettled(f"the cluster was still written after {within:g} s")
        due = loop.due()
        if due is None or due >= since + quiet:
            break
        loop.skip(due - loop.time())
        await asyncio.sleep(0)
    loop.skip(since + quiet - loop.time())
    await asyncio.sleep(0)
    await rest.reached()

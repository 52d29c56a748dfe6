"""A server behind a transport that can be told what becomes of the next requests about leases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import anyio
import msgspec

from kubernaut.client import Client, TransportError, TransportRequest, TransportResponse
from kubernaut.client.errors import TransportTimeout
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile.election import LeaderElection
from kubernaut.reconcile.election.elector import Elector
from kubernaut.reconcile.election.lock import LeaseLock
from kubernaut.reconcile.election.transport import BoundedTransport
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec
from kubernaut.resources.meta import ObjectMeta

VERBS = {"GET": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fault:
    """`status`: answered instead, 0 for no answer at all. `effect`: whether the server carries the request out."""

    status: int = 0
    effect: bool = False


REFUSED = Fault(-1)
HANGS = Fault(0)
LOST_ANSWER = Fault(0, effect=True)


class Tapped:
    """Implements Transport over an API server; `ops` are the verbs sent about leases, `faults` the next ones' fates."""

    def __init__(self, server: ApiServer | None = None) -> None:
        self.server = server or ApiServer(seed=1)
        self.ops: list[str] = []
        self.faults: dict[str, list[Fault | None]] = {}
        """By verb: what becomes of the next requests; None for nothing in particular."""
        self.down: Fault | None = None
        """What becomes of every request about leases."""
        self.timeouts: list[float | None] = []
        self._inner = InProcessTransport(self.server)

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        fault = None
        if "/leases" in request.path:
            verb = VERBS[request.method]
            self.ops.append(verb)
            self.timeouts.append(request.timeout)
            queue = self.faults.get(verb)
            fault = queue.pop(0) if queue else self.down
        if fault is None or fault.effect:
            async with self._inner.open(request) as response:
                if fault is None:
                    yield response
                    return
        assert fault is not None
        if fault == REFUSED:
            raise TransportError("connection refused")
        if fault.status == 0:
            with anyio.move_on_after(request.timeout):
                await anyio.sleep_forever()
            raise TransportTimeout("no response")
        body = {"kind": "Status", "apiVersion": "v1", "code": fault.status, "reason": REASONS[fault.status]}
        yield TransportResponse(fault.status, {}, _once(msgspec.json.encode(body)))

    async def refresh(self) -> bool:
        return False

    async def aclose(self) -> None:
        await self._inner.aclose()


REASONS = {500: "InternalError", 409: "Conflict", 403: "Forbidden", 503: "ServiceUnavailable"}


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def elector(wire: Tapped, identity: str = "baz", **config: Any) -> Elector:
    """A contender for the lease default/bar."""
    settings = LeaderElection("bar", namespace="default", **config)
    client = Client(BoundedTransport(wire, settings.request_timeout))
    return Elector(LeaseLock(client, "default", "bar"), settings, identity, Random(identity))


async def lease_of(wire: Tapped, holder: str | None, *, seconds: int | None = 15, transitions: int = 0) -> Lease:
    """Put the lease default/bar on the server, whoever wrote it before."""
    spec = LeaseSpec(
        holder_identity=holder,
        lease_duration_seconds=seconds,
        acquire_time=LONG_AGO,
        renew_time=LONG_AGO,
        lease_transitions=transitions,
    )
    return await put(wire, spec)


async def put(wire: Tapped, spec: LeaseSpec) -> Lease:
    """Write the lease default/bar past all faults, over whatever is there."""
    client = Client(InProcessTransport(wire.server))
    lease = Lease(metadata=ObjectMeta(name="bar", namespace="default"), spec=spec)
    if (await stored(wire)) is None:
        return await client.create(lease)
    return await client.update(lease)


async def delete(wire: Tapped) -> None:
    """Delete the lease default/bar, as a hand would."""
    await Client(InProcessTransport(wire.server)).delete(Lease, "bar", namespace="default")


async def stored(wire: Tapped) -> LeaseSpec | None:
    """The record of the lease default/bar on the server."""
    for obj in wire.server.dump():
        if obj["kind"] == "Lease" and obj["metadata"]["name"] == "bar":
            return LeaseSpec.from_dict(obj["spec"])
    return None


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


def block(seconds: float) -> None:
    """Time goes on and nothing runs: what a long computation in a callback, or a paused process, does to a loop."""
    loop: Any = asyncio.get_running_loop()
    loop._elapsed += seconds


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)

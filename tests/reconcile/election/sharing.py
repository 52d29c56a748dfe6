"""Replicas that share the keys of one server among them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import anyio

from kubernaut.client import Client
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile.election import FencedTransport, LeaderElection, LeadershipLost, Share, contend
from kubernaut.reconcile.result import Request
from tests.reconcile.election.tapped import Tapped, now

KEYS = [Request("default", f"key-{number}") for number in range(200)]


class Replica:
    """A sharded ownership that runs, with the shares it was told of and a drain that can take time."""

    def __init__(self, server: ApiServer, name: str, shards: int = 4, drain: float = 0.0, **config: object) -> None:
        self.wire = Tapped(server)
        self.name = name
        self.drain = drain
        self.events: list[tuple[float, str, int]] = []
        settings = LeaderElection("w", identity=name, shards=shards, **config)  # type: ignore[arg-type]
        self.client = Client(self.wire)
        self.ownership = contend(self.client, settings, random=Random(name))
        self.ownership.subscribe(self._gained, self._leaving)
        self.lost: LeadershipLost | None = None
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()

    @property
    def held(self) -> list[int]:
        return [share.index for share in self.ownership.shares()]

    @property
    def open(self) -> list[str]:
        return [lease for lease, held in self.ownership.status().items() if held]

    def fenced(self, key: Request) -> Client:
        fence, timeout = self.ownership.fence(key), self.ownership.write_timeout
        return self.client.through(lambda inner: FencedTransport(inner, fence, timeout))

    async def run(self) -> None:
        try:
            with self.scope:
                await self.ownership.run()
        except LeadershipLost as lost:
            self.lost = lost
        finally:
            self.ended.set()

    async def stop(self) -> None:
        self.scope.cancel()
        await self.ended.wait()

    def _gained(self, share: Share) -> None:
        assert self.ownership.holds(key_of(share))
        self.events.append((now(), "gained", share.index))

    async def _leaving(self, share: Share) -> None:
        self.events.append((now(), "leaving", share.index))
        await anyio.sleep(self.drain)
        self.events.append((now(), "left", share.index))


def key_of(share: Share) -> Request:
    return next(key for key in KEYS if share.contains(key))


@asynccontextmanager
async def running(*replicas: Replica) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        for replica in replicas:
            group.start_soon(replica.run)
        yield
        for replica in replicas:
            replica.wire.down = None
            await replica.stop()


def leases(server: ApiServer) -> dict[str, str]:
    """The holder of each lease on the server."""
    return {
        obj["metadata"]["name"]: obj["spec"].get("holderIdentity", "")
        for obj in server.dump()
        if obj["kind"] == "Lease"
    }


def members(server: ApiServer) -> list[str]:
    return sorted(holder for name, holder in leases(server).items() if "-member-" in name)


def exclusive(replicas: Sequence[Replica]) -> None:
    held = [lease for replica in replicas for lease in replica.open]
    assert len(held) == len(set(held)), "two replicas hold one share"

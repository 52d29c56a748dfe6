"""Replicas that divide the keys into different numbers of shares, as during a roll-out."""

from __future__ import annotations

import anyio
import pytest

from kubernaut.client import Client
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake.apiserver import ApiServer
from kubernaut.resources.builtin.coordination_v1 import Lease
from tests.reconcile.election.sharing import Replica, running

pytestmark = pytest.mark.virtual_time


async def test_replicas_that_divide_the_keys_otherwise_never_hold_shares_at_the_same_time() -> None:
    server = ApiServer(seed=1)
    old, new = Replica(server, "old", shards=2), Replica(server, "new", shards=3)
    async with running(old):
        await anyio.sleep(5)
        async with running(new):
            for _ in range(60):
                await anyio.sleep(1)
                assert old.open == ["w-0", "w-1"] and new.open == []
            await old.stop()
            await anyio.sleep(5)
            assert new.held == [0, 1, 2]


async def test_of_replicas_that_divide_the_keys_otherwise_and_start_together_one_kind_takes_shares() -> None:
    for seed in range(8):
        server = ApiServer(seed=seed)
        pair = [Replica(server, f"old-{seed}", shards=2), Replica(server, f"new-{seed}", shards=3)]
        async with running(*pair):
            for _ in range(30):
                await anyio.sleep(1)
                assert not (pair[0].open and pair[1].open)
            assert pair[0].held == [0, 1] or pair[1].held == [0, 1, 2]


async def test_while_a_new_number_of_shares_is_rolled_out_the_old_replicas_take_over_from_each_other() -> None:
    server = ApiServer(seed=1)
    old = [Replica(server, f"old-{number}", shards=2) for number in range(2)]
    new = [Replica(server, f"new-{number}", shards=3) for number in range(2)]
    async with running(*old):
        await anyio.sleep(20)
        async with running(*new):
            await anyio.sleep(10)
            await old[0].stop()
            await anyio.sleep(10)
            assert old[1].held == [0, 1] and not new[0].open and not new[1].open
            await old[1].stop()
            await anyio.sleep(20)
            assert sorted(new[0].held + new[1].held) == [0, 1, 2]


async def test_a_replica_that_holds_a_share_takes_more_also_after_it_had_to_join_again_among_others() -> None:
    server = ApiServer(seed=1)
    old = [Replica(server, f"old-{number}", shards=2) for number in range(2)]
    new = Replica(server, "new", shards=3)
    async with running(*old):
        await anyio.sleep(20)
        async with running(new):
            await anyio.sleep(5)
            client = Client(InProcessTransport(server))
            for lease in await client.list(Lease, namespace="default"):
                if lease.spec.holder_identity == "old-1" and "-member-" in lease.name:
                    await client.delete(Lease, lease.name, namespace="default")
            await anyio.sleep(5)
            await old[0].stop()
            await anyio.sleep(10)
            assert old[1].held == [0, 1] and new.open == []


async def test_a_single_leader_keeps_shares_from_being_taken() -> None:
    server = ApiServer(seed=1)
    single, sharded = Replica(server, "single", shards=1), Replica(server, "sharded", shards=2)
    async with running(single):
        await anyio.sleep(5)
        async with running(sharded):
            await anyio.sleep(30)
            assert single.open == ["w"] and sharded.open == []
            await single.stop()
            await anyio.sleep(5)
            assert sharded.held == [0, 1]

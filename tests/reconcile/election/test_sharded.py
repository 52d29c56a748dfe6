"""Shares of the keys: fair, handed over without overlap, taken over from the dead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import anyio
import pytest

from kubernaut.client import Client, TransportRequest, TransportResponse
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile.election import LeaderElection, LeadershipLost, NotLeading, Share, contend
from kubernaut.reconcile.election.members import fair_share
from kubernaut.reconcile.election.shares import share_of
from kubernaut.reconcile.result import Request
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.resources.meta import ObjectMeta
from tests.reconcile.election.sharing import KEYS, Replica, exclusive, key_of, leases, members, running
from tests.reconcile.election.tapped import HANGS, REFUSED, Fault, Tapped, block

virtual = pytest.mark.virtual_time


# Which key is whose.


def test_a_keys_share_is_the_same_in_every_process_and_version() -> None:
    assert [share_of(Request("default", name), 8) for name in "abcdef"] == [7, 5, 3, 0, 6, 4]
    assert share_of(Request("default", "a", "edge"), 8) == 7


def test_every_key_is_of_exactly_one_share_and_the_shares_are_of_similar_size() -> None:
    shares = [Share(f"w-{index}", index, 4) for index in range(4)]
    sizes = [sum(share.contains(key) for key in KEYS) for share in shares]
    assert sum(sizes) == len(KEYS) and min(sizes) > 30


def test_work_without_a_key_is_of_the_first_share() -> None:
    assert [Share("w", index, 3).contains(None) for index in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    ("shards", "members", "expected"),
    [(4, "a", [4]), (4, "ab", [2, 2]), (4, "abc", [2, 1, 1]), (4, "abcde", [1, 1, 1, 1, 0]), (7, "abc", [3, 2, 2])],
)
def test_fair_shares_differ_by_one_at_most_and_add_up(shards: int, members: str, expected: list[int]) -> None:
    assert [fair_share(shards, list(members), member) for member in members] == expected


def test_a_replica_that_is_not_listed_yet_counts_as_the_last() -> None:
    assert fair_share(4, ["a", "b"], "new") == 1


# Sharing.


@virtual
async def test_a_replica_alone_holds_every_share() -> None:
    server = ApiServer(seed=1)
    one = Replica(server, "one")
    async with running(one):
        await anyio.sleep(1)
        assert one.held == [0, 1, 2, 3]
        assert all(one.ownership.holds(key) for key in (*KEYS, None))
        assert leases(server).keys() >= {"w-0", "w-1", "w-2", "w-3"} and members(server) == ["one"]


@virtual
async def test_a_second_replica_gets_its_fair_share_and_no_two_hold_one() -> None:
    server = ApiServer(seed=1)
    one, other = Replica(server, "one", drain=3), Replica(server, "two")
    async with running(one):
        await anyio.sleep(5)
        async with running(other):
            for _ in range(300):
                await anyio.sleep(0.1)
                exclusive([one, other])
            assert (len(one.held), len(other.held)) == (2, 2)
            for key in KEYS:
                assert one.ownership.holds(key) != other.ownership.holds(key)


@virtual
async def test_a_share_is_released_only_after_its_keys_are_drained() -> None:
    server = ApiServer(seed=1)
    one, other = Replica(server, "one", shards=2, drain=20), Replica(server, "two", shards=2)
    async with running(one):
        await anyio.sleep(1)
        key = key_of(Share("w-1", 1, 2))
        async with running(other):
            await anyio.sleep(10)
            assert one.events[-1][1:] == ("leaving", 1)
            assert not one.ownership.holds(key), "no work may begin"
            await one.fenced(key).create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default")))
            assert leases(server)["w-1"] == "one" and other.held == []
            await anyio.sleep(20)
            left = next(at for at, what, _ in one.events if what == "left")
            gained = next(at for at, what, _ in other.events if what == "gained")
            assert left <= gained <= left + 5
            with pytest.raises(NotLeading):
                await one.fenced(key).create(ConfigMap(metadata=ObjectMeta(name="b", namespace="default")))
            assert one.held == [0] and other.held == [1]


class Stalled(Tapped):
    """The answers to renewals of w-1 wait for an event, once there is one."""

    stall: anyio.Event | None = None
    waiting = False

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        async with super().open(request) as response:
            if self.stall is not None and request.method == "PUT" and request.path.endswith("/w-1"):
                self.waiting = True
                await self.stall.wait()
            yield response


@virtual
async def test_a_renewal_answered_in_the_very_step_of_the_hand_over_does_not_open_the_fence_again() -> None:
    server = ApiServer(seed=1)
    one, other = Replica(server, "one", shards=2), Replica(server, "two", shards=2)
    wire = Stalled(server)
    one.ownership = contend(Client(wire), LeaderElection("w", identity="one", shards=2), random=Random("one"))

    async def leaving(share: Share) -> None:
        wire.stall = anyio.Event()
        while not wire.waiting:
            await anyio.sleep(0.1)
        wire.stall.set()

    one.ownership.subscribe(one._gained, leaving)
    async with running(one):
        await anyio.sleep(1)
        async with running(other):
            for _ in range(200):
                await anyio.sleep(0.1)
                exclusive([one, other])
            assert wire.waiting and (one.held, other.held) == ([0], [1])
            with pytest.raises(NotLeading):
                one.ownership.fence(key_of(Share("w-1", 1, 2))).check()


@virtual
async def test_five_replicas_share_eight_and_every_share_is_held() -> None:
    server = ApiServer(seed=1)
    replicas = [Replica(server, f"replica-{number}", shards=8) for number in range(5)]
    async with running(*replicas):
        await anyio.sleep(40)
        assert sorted(len(replica.held) for replica in replicas) == [1, 1, 2, 2, 2]
        assert sorted(index for replica in replicas for index in replica.held) == list(range(8))


@virtual
async def test_more_replicas_than_shares_leave_some_without_one() -> None:
    server = ApiServer(seed=1)
    replicas = [Replica(server, f"replica-{number}", shards=2) for number in range(3)]
    async with running(*replicas):
        await anyio.sleep(40)
        assert sorted(len(replica.held) for replica in replicas) == [0, 1, 1]


@virtual
async def test_an_orderly_stop_hands_the_shares_over_within_about_a_retry_period() -> None:
    server = ApiServer(seed=1)
    one, other = Replica(server, "one"), Replica(server, "two")
    async with running(one, other):
        await anyio.sleep(30)
        await one.stop()
        assert one.open == [] and members(server) == ["two"]
        await anyio.sleep(4.5)
        assert other.held == [0, 1, 2, 3]


# Deaths and losses.


@virtual
@pytest.mark.parametrize("seed", range(5))
async def test_the_shares_of_a_member_that_died_are_taken_over_within_24_seconds_and_its_lease_is_swept(
    seed: int,
) -> None:
    server = ApiServer(seed=1)
    one, other = Replica(server, "one"), Replica(server, f"two-{seed}")
    async with running(one, other):
        await anyio.sleep(30 + Random(seed).uniform(0, 5))
        assert (len(one.held), len(other.held)) == (2, 2)
        one.wire.down = HANGS
        await anyio.sleep(24)
        assert other.held == [0, 1, 2, 3] and one.open == []
        await anyio.sleep(5)
        assert members(server) == [f"two-{seed}"]
        assert one.lost


@virtual
async def test_a_share_lost_to_time_ends_the_whole_run_and_closes_every_fence() -> None:
    server = ApiServer(seed=1)
    one = Replica(server, "one")
    async with running(one):
        await anyio.sleep(5)
        one.wire.down = REFUSED
        await one.ended.wait()
        assert one.lost and one.open == [] and one.held == []
        with pytest.raises(LeadershipLost):
            one.ownership.fence(KEYS[0]).check()
        assert set(leases(server).values()) == {"one"}, "what was sent last may still be under way"


@virtual
async def test_one_share_stolen_ends_the_whole_run() -> None:
    server = ApiServer(seed=1)
    one = Replica(server, "one")
    async with running(one):
        await anyio.sleep(5)
        client = Client(InProcessTransport(server))
        lease = await client.get(Lease, "w-2", namespace="default")
        lease.spec.holder_identity = "thief"
        await client.update(lease)
        await one.ended.wait()
        assert one.lost and one.lost.lease == "w-2" and one.open == []


@virtual
async def test_a_blocked_loop_loses_every_share() -> None:
    server = ApiServer(seed=1)
    one = Replica(server, "one")
    async with running(one):
        await anyio.sleep(5)
        asyncio.get_running_loop().call_soon(block, 20)
        await anyio.sleep(0.1)
        for key in KEYS[:10]:
            with pytest.raises(LeadershipLost):
                one.ownership.fence(key).check()
        await one.ended.wait()
        assert one.lost


@virtual
async def test_a_replica_without_shares_outlives_a_server_that_is_away() -> None:
    server = ApiServer(seed=1)
    one, other = Replica(server, "one", shards=2), Replica(server, "two", shards=2)
    third = Replica(server, "x-three", shards=2)
    async with running(one, other, third):
        await anyio.sleep(30)
        idle = next(replica for replica in (one, other, third) if not replica.held)
        idle.wire.down = Fault(503)
        await anyio.sleep(60)
        assert not idle.ended.is_set()
        idle.wire.down = None
        await anyio.sleep(10)
        assert len(members(server)) == 3


@virtual
async def test_a_member_whose_lease_was_swept_comes_back() -> None:
    server = ApiServer(seed=1)
    one, other = Replica(server, "one"), Replica(server, "two")
    async with running(one, other):
        await anyio.sleep(30)
        client = Client(InProcessTransport(server))
        for lease in await client.list(Lease, namespace="default"):
            if "-member-" in lease.name:
                await client.delete(Lease, lease.name, namespace="default")
        await anyio.sleep(30)
        assert members(server) == ["one", "two"] and (len(one.held), len(other.held)) == (2, 2)


@virtual
async def test_a_shares_lease_without_labels_is_found_all_the_same() -> None:
    server = ApiServer(seed=1)
    client = Client(InProcessTransport(server))
    await client.create(Lease(metadata=ObjectMeta(name="w-1", namespace="default")))
    one = Replica(server, "one")
    async with running(one):
        await anyio.sleep(5)
        assert one.held == [0, 1, 2, 3]


@virtual
async def test_a_share_taken_by_an_attempt_whose_answer_was_lost_is_not_left_to_run_out() -> None:
    server = ApiServer(seed=1)
    one = Replica(server, "one", shards=2)
    one.wire.faults["create"] = [None, Fault(0, effect=True)]  # the member lease, and the first share's
    async with running(one):
        await anyio.sleep(15)
        assert one.held == [0, 1]

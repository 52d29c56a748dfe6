"""One lease for all keys: runs, hand-overs and losses of several replicas on one server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from random import Random

import anyio
import pytest

from kubernaut.client import Client
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile.election import (
    FencedTransport,
    LeaderElection,
    LeadershipLost,
    NotLeading,
    Ownership,
    Share,
    contend,
)
from kubernaut.reconcile.result import Request
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.resources.meta import ObjectMeta
from tests.reconcile.election.tapped import HANGS, REFUSED, Fault, Tapped, block, delete, lease_of, now, seconds, stored

pytestmark = pytest.mark.virtual_time

KEY = Request("default", "a")


class Replica:
    """An ownership that runs, and what it told its manager."""

    def __init__(self, wire: Tapped, name: str, **config: object) -> None:
        self.wire = wire
        self.told: list[str] = []
        settings = LeaderElection("bar", identity=name, **config)  # type: ignore[arg-type]
        self.client = Client(wire)
        self.ownership: Ownership = contend(self.client, settings, random=Random(name), report=self._report)
        self.ownership.subscribe(self._gained, self._leaving)
        self.gained = anyio.Event()
        self.share: Share | None = None
        self.lost: LeadershipLost | None = None
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()

    @property
    def leads(self) -> bool:
        return self.ownership.holds(KEY)

    @property
    def fenced(self) -> Client:
        fence, timeout = self.ownership.fence(KEY), self.ownership.write_timeout
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
        self.share = share
        self.gained.set()

    async def _leaving(self, share: Share) -> None:
        raise AssertionError("a single lease is never handed over during a run")

    def _report(self, lease: Lease, text: str) -> None:
        self.told.append(f"{lease.name}: {text}")


@asynccontextmanager
async def running(*replicas: Replica) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        for replica in replicas:
            group.start_soon(replica.run)
        await replicas[0].gained.wait()
        yield
        for replica in replicas:
            replica.wire.down = None
            await replica.stop()


def two() -> tuple[Replica, Replica]:
    server = ApiServer(seed=1)
    return Replica(Tapped(server), "one"), Replica(Tapped(server), "two")


async def write(client: Client, name: str = "a") -> None:
    await client.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="default")))


async def test_one_of_several_replicas_leads() -> None:
    one, other = two()
    async with running(one, other):
        await anyio.sleep(100)
        assert one.leads and not other.leads
        assert (dict(one.ownership.status()), dict(other.ownership.status())) == ({"bar": True}, {"bar": False})
        assert one.share == Share("bar") and one.ownership.shares() == (Share("bar"),)
        assert other.ownership.shares() == ()


async def test_every_key_and_work_without_a_key_is_the_leaders() -> None:
    one, other = two()
    async with running(one, other):
        for key in (None, KEY, Request(None, "node"), Request("x", "y", "edge")):
            assert one.ownership.holds(key) and not other.ownership.holds(key)
            assert one.ownership.fence(key) is one.ownership.fence(None)


async def test_only_the_leader_writes_and_everybody_reads() -> None:
    one, other = two()
    async with running(one, other):
        await write(one.fenced)
        with pytest.raises(NotLeading):
            await write(other.fenced, "b")
        assert len(await other.fenced.list(ConfigMap)) == 1


@pytest.mark.parametrize("seed", range(10))
async def test_another_replica_leads_at_most_24_seconds_after_the_leader_died_silently(seed: int) -> None:
    server = ApiServer(seed=1)
    one, other = Replica(Tapped(server), "one"), Replica(Tapped(server), f"other-{seed}")
    async with running(one, other):
        await anyio.sleep(Random(seed).uniform(1, 20))
        one.wire.down = HANGS
        died = now()
        await other.gained.wait()
        assert 5 < now() - died <= 24
        assert not one.leads
        await one.ended.wait()
        assert one.lost


async def test_a_graceful_stop_hands_over_within_about_a_retry_period() -> None:
    one, other = two()
    async with running(one, other):
        await anyio.sleep(30)
        began = now()
        await one.stop()
        assert now() - began < 0.1 and not one.leads
        await other.gained.wait()
        assert now() - began <= 4.4


async def test_without_release_on_stop_the_lease_runs_out() -> None:
    server = ApiServer(seed=1)
    one, other = Replica(Tapped(server), "one", release_on_stop=False), Replica(Tapped(server), "two")
    async with running(one, other):
        await anyio.sleep(30)
        began = now()
        await one.stop()
        assert not one.leads
        await other.gained.wait()
        assert 10 < now() - began <= 24


async def test_a_stop_during_a_renewal_under_way_releases_all_the_same() -> None:
    one, other = two()
    async with running(one, other):
        one.wire.faults["update"] = [HANGS]
        await anyio.sleep(3)
        await one.stop()
        assert (await stored(one.wire) or LeaseSpec()).holder_identity == ""


async def test_a_stop_during_the_read_after_a_failed_renewal_releases_all_the_same() -> None:
    one, other = two()
    async with running(one, other):
        one.wire.faults = {"update": [Fault(500)], "get": [HANGS]}
        await anyio.sleep(3)
        await one.stop()
        assert (await stored(one.wire) or LeaseSpec()).holder_identity == ""


async def test_a_stop_during_an_acquisition_whose_answer_is_lost_releases_it() -> None:
    one, _ = two()
    one.wire.faults["create"] = [Fault(0, effect=True)]
    async with anyio.create_task_group() as group:
        group.start_soon(one.run)
        await anyio.sleep(1)
        assert (await stored(one.wire) or LeaseSpec()).holder_identity == "one" and not one.leads
        await one.stop()
    assert (await stored(one.wire) or LeaseSpec()).holder_identity == ""


async def test_the_release_at_a_stop_is_shielded_and_bounded() -> None:
    one, _ = two()
    async with anyio.create_task_group() as group:
        group.start_soon(one.run)
        await one.gained.wait()
        one.wire.down = HANGS
        began = now()
        with anyio.move_on_after(1):
            await one.stop()
        one.scope.cancel()
        await one.ended.wait()
        assert now() - began == pytest.approx(10, abs=0.1)
    assert not one.leads


async def test_a_lost_lease_ends_the_run_and_is_not_released() -> None:
    one, other = two()
    async with running(one, other):
        one.wire.down = REFUSED
        await one.ended.wait()
        assert one.lost and one.lost.lease == "bar"
        assert (await stored(one.wire) or LeaseSpec()).holder_identity == "one"
        with pytest.raises(LeadershipLost):
            await write(one.fenced)


async def test_a_lease_stolen_while_reconciling_refuses_the_write_at_the_end() -> None:
    one, other = two()
    async with running(one, other):
        await one.fenced.list(ConfigMap)
        await lease_of(one.wire, "thief")
        await anyio.sleep(2.1)
        with pytest.raises(LeadershipLost, match="thief"):
            await write(one.fenced)
        assert one.lost


async def test_a_lease_deleted_by_hand_stays_with_its_leader() -> None:
    one, other = two()
    async with running(one, other):
        await anyio.sleep(5)
        await delete(one.wire)
        await anyio.sleep(60)
        assert one.leads and not other.leads and not other.gained.is_set()


async def test_a_blocked_loop_ends_the_run_and_the_other_replica_takes_over() -> None:
    one, _ = two()
    async with running(one):
        asyncio.get_running_loop().call_later(1, block, 20)
        await one.ended.wait()
        assert one.lost and not one.leads


async def test_a_run_that_lost_is_followed_by_a_new_one_under_a_new_identity() -> None:
    one, _ = two()
    async with running(one):
        one.wire.down = REFUSED
        await one.ended.wait()
        one.wire.down = None
        again = Replica(one.wire, "one-again")
        began = now()
        async with running(again):
            assert 4 < now() - began <= 24


async def test_requests_about_the_lease_time_out_after_half_the_renew_deadline() -> None:
    one, _ = two()
    async with running(one):
        await anyio.sleep(10)
        assert set(one.wire.timeouts) == {5.0}


async def test_changes_of_leadership_are_reported_for_events() -> None:
    one, other = two()
    async with running(one, other):
        await anyio.sleep(10)
        await one.stop()
        await other.gained.wait()
        assert one.told == ["bar: one became leader", "bar: one stopped leading"]
        assert other.told == ["bar: two became leader"]


async def test_without_anybody_to_report_to_nothing_is_reported() -> None:
    ownership = contend(Client(Tapped()), LeaderElection("bar"), random=Random(0))
    with anyio.move_on_after(10):
        await ownership.run()


async def test_leadership_that_nobody_subscribed_to_is_shown_by_the_status() -> None:
    ownership = contend(Client(Tapped()), LeaderElection("bar"), random=Random(0))
    async with anyio.create_task_group() as group:
        group.start_soon(ownership.run)
        await anyio.sleep(1)
        assert dict(ownership.status()) == {"bar": True}
        group.cancel_scope.cancel()


@pytest.mark.parametrize("skew", [timedelta(hours=-5), timedelta(hours=5)])
async def test_a_wrong_wall_clock_changes_nothing(skew: timedelta) -> None:
    class Skewed:
        def now(self) -> datetime:
            from kubernaut.timing import current_clock

            return current_clock().now() + skew

    one, _ = two()
    other = contend(
        Client(Tapped(one.wire.server)), LeaderElection("bar", identity="other"), random=Random(1), clock=Skewed()
    )
    async with running(one), anyio.create_task_group() as group:
        group.start_soon(other.run)
        await anyio.sleep(100)
        assert one.leads and not other.holds(KEY)
        await one.stop()
        await anyio.sleep(5)
        assert other.holds(KEY)
        group.cancel_scope.cancel()


async def test_a_clock_that_stands_still_changes_nothing() -> None:
    class Frozen:
        def now(self) -> datetime:
            return datetime.fromisoformat("2024-01-01T00:00:00+00:00")

    _, other = two()
    leader = contend(
        Client(Tapped(other.wire.server)), LeaderElection("bar", identity="x"), random=Random(1), clock=Frozen()
    )
    async with anyio.create_task_group() as group:
        group.start_soon(leader.run)
        await anyio.sleep(1)
        group.start_soon(other.run)
        await anyio.sleep(100)
        assert leader.holds(KEY) and not other.leads
        group.cancel_scope.cancel()


async def test_faster_times_hand_over_faster() -> None:
    server = ApiServer(seed=1)
    times = {"lease_duration": seconds(3), "renew_deadline": seconds(2), "retry_period": seconds(0.5)}
    one, other = Replica(Tapped(server), "one", **times), Replica(Tapped(server), "two", **times)
    async with running(one, other):
        one.wire.down = REFUSED
        began = now()
        await other.gained.wait()
        assert now() - began <= 3 + 2 * 1.1

"""Managers with leader election: who works, who waits, how one takes over."""

import asyncio
from datetime import timedelta

import pytest

from kubernaut.client import MergePatch, NotFound
from kubernaut.reconcile import (
    Context,
    Controller,
    LeaderElection,
    LeadershipLost,
    Manager,
    NotLeading,
    Request,
)
from kubernaut.reconcile.running.wiring import ServiceBody
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import Cluster, Fault, Faults, FaultyTransport
from kubernaut.testing.clusters.offsettime import OffsetTimeLoop
from tests.reconcile.scripted import Keys
from tests.reconcile.widgets import Widget

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(controlplane=False, crds=[Widget])]

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


def replica(
    cluster: Cluster, name: str, *controllers: Controller, shards: int = 1, faults: Faults | None = None
) -> Manager:
    election = LeaderElection("widgets", namespace="default", identity=name, shards=shards)
    client = cluster.client.through(lambda inner: FaultyTransport(inner, faults))
    manager = Manager(client, name=name, leader_election=election, graceful_timeout=timedelta(seconds=5))
    manager.add(*controllers)
    return manager


async def make(cluster: Cluster, *names: str) -> None:
    for name in names:
        await cluster.client.create(Widget(metadata=ObjectMeta(name=name, namespace="default")))


async def holder(cluster: Cluster) -> str | None:
    return (await cluster.client.get(Lease, "widgets", namespace="default")).spec.holder_identity


async def test_only_the_leader_works_and_the_other_takes_over_after_a_stop(cluster: Cluster) -> None:
    await make(cluster, "a", "b")
    one, two = Keys(), Keys()
    async with replica(cluster, "two", Controller(Widget, two)).running():
        async with replica(cluster, "one", Controller(Widget, one)).running():
            await cluster.advance(seconds=60)
            assert (sorted(one.calls), two.calls) == ([], ["default/a", "default/b"])
        leader, standby = (two, one)
    assert await holder(cluster) == ""
    assert leader.calls
    assert not standby.calls


async def test_a_standby_keeps_its_caches_warm_and_does_not_work(cluster: Cluster) -> None:
    await make(cluster, "a")
    one, two = Keys(), Keys()
    async with replica(cluster, "one", Controller(Widget, one)).running():
        await cluster.advance(seconds=5)
        assert one.calls == ["default/a"]
        standby = replica(cluster, "two", Controller(Widget, two))
        async with standby.running():
            assert standby.unsynced() == []
            await make(cluster, "b")
            await cluster.advance(seconds=5)
            assert (one.calls, two.calls) == (["default/a", "default/b"], [])


async def test_takeover_replays_every_object_to_the_new_leader(cluster: Cluster) -> None:
    await make(cluster, "a", "b")
    one, two = Keys(), Keys()
    standby = replica(cluster, "two", Controller(Widget, two))
    async with replica(cluster, "one", Controller(Widget, one)).running():
        await cluster.advance(seconds=5)
        task = asyncio.create_task(standby.run())
        await cluster.advance(seconds=5)
        assert two.calls == []
    stopped = asyncio.get_running_loop().time()
    while not two.calls:
        await cluster.advance(seconds=0.5)
    assert asyncio.get_running_loop().time() - stopped < 10
    await cluster.advance(seconds=1)
    assert two.calls == ["default/a", "default/b"]
    standby.stop()
    await task


async def test_a_stolen_lease_ends_everything_at_once_and_no_write_follows(cluster: Cluster) -> None:
    await make(cluster, "a")
    refused: list[BaseException] = []

    async def do(request: Request, ctx: Context) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            try:
                await ctx.client.create(ConfigMap(metadata=ObjectMeta(name="late", namespace="default")))
            except (NotLeading, LeadershipLost) as error:
                refused.append(error)

    manager = replica(cluster, "one", Controller(Widget, Keys(do)))
    task = asyncio.create_task(manager.run())
    await cluster.advance(seconds=5)
    thief = {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 15}}
    await cluster.client.patch(Lease, "widgets", MergePatch(thief), namespace="default")
    await cluster.advance(seconds=4.9)
    assert task.done()
    with pytest.raises(LeadershipLost, match="widgets"):
        await task
    assert len(refused) == 1
    assert await holder(cluster) == "thief"
    with pytest.raises(NotFound):
        await cluster.client.get(ConfigMap, "late", namespace="default")


async def test_a_leader_cut_off_stops_within_its_deadline_and_another_leads_within_24_seconds(
    cluster: Cluster,
) -> None:
    await make(cluster, "a")
    one, two = Keys(), Keys()
    network = Faults()
    leader = replica(cluster, "one", Controller(Widget, one), faults=network)
    running = asyncio.create_task(leader.run())
    await cluster.advance(seconds=5)
    standby = replica(cluster, "two", Controller(Widget, two))
    async with standby.running():
        network.add(Fault.refused())
        network.cut_watches()
        cut = asyncio.get_running_loop().time()
        await cluster.advance(seconds=10)
        assert running.done()
        with pytest.raises(LeadershipLost):
            await running
        while not two.calls:
            await cluster.advance(seconds=0.5)
        assert asyncio.get_running_loop().time() - cut <= 24
    assert two.calls == ["default/a"]


def block(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """As if the thread had slept: no callback runs meanwhile."""
    if isinstance(loop, OffsetTimeLoop):
        loop.skip(seconds)
    else:
        loop._elapsed += seconds  # type: ignore[attr-defined]


async def test_a_loop_blocked_for_20_s_while_leader_sends_nothing_afterwards(cluster: Cluster) -> None:
    await make(cluster, "a")
    loop = asyncio.get_running_loop()
    seen: list[str] = []

    async def do(request: Request, ctx: Context) -> None:
        await asyncio.sleep(3)
        block(loop, 20)
        try:
            await ctx.client.create(ConfigMap(metadata=ObjectMeta(name="late", namespace="default")))
        except LeadershipLost:
            seen.append("refused")
            raise

    manager = replica(cluster, "one", Controller(Widget, Keys(do)))
    task = asyncio.create_task(manager.run())
    await cluster.advance(seconds=60)
    assert task.done()
    with pytest.raises(LeadershipLost):
        await task
    assert seen == ["refused"]
    with pytest.raises(NotFound):
        await cluster.client.get(ConfigMap, "late", namespace="default")


async def test_controllers_and_services_without_election_run_on_every_replica(cluster: Cluster) -> None:
    await make(cluster, "a")
    lived: list[str] = []
    calls: dict[str, Keys] = {"one": Keys(), "two": Keys()}

    def service(name: str, kind: str) -> ServiceBody:
        async def body() -> None:
            lived.append(f"{name} {kind}")
            await asyncio.sleep(10_000)

        return body

    async def run(name: str) -> None:
        manager = replica(cluster, name, Controller(Widget, calls[name], leader_elected=False))
        manager.add_service("everywhere", service(name, "everywhere"))
        manager.add_service("leader", service(name, "leader"), leader_elected=True)
        async with manager.running():
            await cluster.advance(seconds=60)

    async with asyncio.TaskGroup() as group:
        group.create_task(run("one"))
        await cluster.advance(seconds=1)
        group.create_task(run("two"))
    assert calls["one"].calls == calls["two"].calls == ["default/a"]
    assert lived[:3] == ["one everywhere", "one leader", "two everywhere"]
    assert lived[3:] == ["two leader"] or lived[3:] == []


async def test_the_lease_is_released_last(cluster: Cluster) -> None:
    await make(cluster, "a")

    async def do(request: Request, ctx: Context) -> None:
        await asyncio.sleep(3)
        await ctx.client.create(ConfigMap(metadata=ObjectMeta(name="done", namespace="default")))

    manager = replica(cluster, "one", Controller(Widget, Keys(do)))
    async with manager.running():
        await cluster.advance(seconds=1)
    writes = [r for r in cluster.requests if r.verb in ("create", "update", "patch")]
    assert writes[-2].path.endswith("/configmaps")
    assert writes[-1].path == f"{LEASES}/widgets"
    assert await holder(cluster) == ""


async def test_shards_divide_the_keys_and_a_replica_that_leaves_hands_its_own_over(cluster: Cluster) -> None:
    names = [f"w{number}" for number in range(40)]
    await make(cluster, *names)
    one, two = Keys(), Keys()
    second = replica(cluster, "two", Controller(Widget, two), shards=4)
    async with replica(cluster, "one", Controller(Widget, one), shards=4).running():
        await cluster.advance(seconds=60)
        assert len(set(one.calls)) == 40
        task = asyncio.create_task(second.run())
        await cluster.advance(seconds=60)
        one.calls.clear()
        two.calls.clear()
        for name in names:
            await cluster.client.patch(Widget, name, MergePatch({"spec": {"size": 7}}), namespace="default")
        await cluster.advance(seconds=5)
        assert len(one.calls) + len(two.calls) == 40
        assert not set(one.calls) & set(two.calls)
        assert min(len(one.calls), len(two.calls)) > 5
        rest = set(one.calls)
        two.calls.clear()
    await cluster.advance(seconds=60)
    assert rest <= set(two.calls)
    second.stop()
    await task

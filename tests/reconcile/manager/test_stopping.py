"""What may still happen once a manager's stop has begun, and how long the stop may take."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Context, Controller, LeaderElection, Manager, Request
from kubernaut.reconcile.running.wiring import ServiceBody
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.testing import Cluster, Fault
from tests.reconcile.scripted import Keys
from tests.reconcile.widgets import Widget

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(controlplane=False, crds=[Widget])]


def noting(log: list[str], name: str) -> ServiceBody:
    async def body() -> None:
        log.append(f"{name} started")
        try:
            await asyncio.Event().wait()
        finally:
            log.append(f"{name} ended")

    return body


async def tell(request: Request, ctx: Context) -> None:
    ctx.events.event(Widget(metadata=ObjectMeta(name=request.name, namespace="default")), "Seen", "seen")


def a_widget() -> Widget:
    return Widget(metadata=ObjectMeta(name="a", namespace="default"))


@pytest.mark.parametrize("shards", [1, 2])
async def test_a_standby_whose_stop_has_begun_never_leads(cluster: Cluster, shards: int) -> None:
    log: list[str] = []

    def replica(name: str, controller: Controller) -> Manager:
        election = LeaderElection("w", namespace="default", identity=name, shards=shards)
        manager = Manager(cluster.client, name=name, leader_election=election)
        manager.add_service("service", noting(log, name), leader_elected=True)
        manager.add(controller)
        return manager

    leader = replica("leader", Controller(Widget, Keys()))
    standby = replica("standby", Controller(Widget, Keys(tell), leader_elected=False))
    async with asyncio.TaskGroup() as group:
        group.create_task(leader.run())
        await cluster.advance(seconds=10)
        stopping = group.create_task(standby.run())
        await cluster.advance(seconds=20)
        # The standby has events that it cannot write, so that its stop takes longer than the leader's.
        cluster.faults.add(Fault.status(503), verb="create", resource="events")
        await cluster.client.create(a_widget())
        await cluster.advance(seconds=1)
        standby.stop()
        leader.stop()
        await cluster.advance(seconds=60)
        assert stopping.done()
    assert log == ["leader started", "leader ended"]
    held = {lease.name: lease.spec.holder_identity for lease in await cluster.client.list(Lease, namespace="default")}
    assert not any(held.values())


async def test_the_leader_keeps_its_lease_while_its_reconciles_in_flight_end(cluster: Cluster) -> None:
    holders: list[str | None] = []

    async def do(request: Request, ctx: Context) -> None:
        await asyncio.sleep(20)
        holders.append((await cluster.client.get(Lease, "w", namespace="default")).spec.holder_identity)

    election = LeaderElection("w", namespace="default", identity="one")
    manager = Manager(cluster.client, leader_election=election)
    manager.add(Controller(Widget, Keys(do)))
    await cluster.client.create(a_widget())
    task = asyncio.create_task(manager.run())
    await cluster.advance(seconds=5)
    manager.stop()
    await cluster.advance(seconds=20)
    await task
    assert holders == ["one"]


@pytest.mark.fake_only("it runs in six more clusters")
async def test_the_events_of_all_clusters_are_flushed_within_the_graceful_timeout(cluster: Cluster) -> None:
    async with AsyncExitStack() as stack:
        manager = Manager(cluster.client, graceful_timeout=timedelta(seconds=1))
        manager.add(Controller(Widget, Keys(tell)))
        for number in range(6):
            other = await stack.enter_async_context(FakeCluster(crds=[Widget], controlplane=False))
            other.faults.add(Fault.status(503), verb="create", resource="events")
            await other.client.create(a_widget())
            manager.add_cluster(f"c{number}", other.client)
        async with manager.running():
            await cluster.advance(seconds=5)
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began <= 1.1

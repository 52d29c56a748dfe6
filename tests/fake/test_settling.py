"""When a fake cluster counts as settled."""

import asyncio
from datetime import timedelta

import pytest

from kubernaut import Context, Controller, LeaderElection, Manager, MergePatch, Reconciler
from kubernaut.fake import FakeCluster
from kubernaut.fake.settling import NotSettled
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import NeverAtRest, run_virtual, virtualtime
from tests.reconcile.scripted import Keys

pytestmark = pytest.mark.cluster(controlplane=False)


async def test_a_leader_that_renews_its_lease_is_no_activity(cluster: FakeCluster) -> None:
    manager = Manager(cluster.client, leader_election=LeaderElection("x", namespace="default"))
    manager.add(Controller(ConfigMap, Keys()))
    async with manager.running():
        await asyncio.sleep(10)
        began = asyncio.get_running_loop().time()
        await cluster.settled()
        assert asyncio.get_running_loop().time() - began <= 3


async def test_a_cluster_that_is_written_all_the_time_does_not_settle_and_the_writer_is_named(
    cluster: FakeCluster,
) -> None:
    async def write() -> None:
        for number in range(10_000):
            await cluster.client.apply(
                ConfigMap(metadata=ObjectMeta(name="busy", namespace="default"), data={"n": str(number)})
            )
            await asyncio.sleep(1)

    task = asyncio.create_task(write())
    with pytest.raises(NotSettled, match="patch /api/v1/namespaces/default/configmaps/busy 200"):
        await cluster.settled(within=timedelta(minutes=1))
    task.cancel()
    await asyncio.wait([task])


async def test_writes_that_change_nothing_are_no_activity(cluster: FakeCluster) -> None:
    same = ConfigMap(metadata=ObjectMeta(name="same", namespace="default"), data={"n": "1"})
    await cluster.client.apply(same)

    async def write() -> None:
        while True:
            await cluster.client.apply(same)
            await asyncio.sleep(1)

    task = asyncio.create_task(write())
    await cluster.settled(within=timedelta(minutes=1))
    task.cancel()
    await asyncio.wait([task])


class Counting(Reconciler[ConfigMap]):
    """Wakes itself with each of its writes."""

    calls = 0

    async def reconcile(self, obj: ConfigMap, ctx: Context) -> None:
        self.calls += 1
        patch = MergePatch({"data": {"n": str(self.calls)}})
        await ctx.client.patch(ConfigMap, obj.name, patch, namespace=obj.namespace)


def test_a_reconciler_that_wakes_itself_without_end_is_named_instead_of_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(virtualtime, "BUSY_LIMIT", 0.5)

    async def main() -> None:
        async with FakeCluster(controlplane=False) as cluster:
            await cluster.client.create(ConfigMap(metadata=ObjectMeta(name="busy", namespace="default")))
            async with cluster.running(Controller(ConfigMap, Counting())):
                await cluster.settled()

    with pytest.raises(NeverAtRest, match=r"\(configmap default/busy\)"):
        run_virtual(main)

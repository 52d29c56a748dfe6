"""A Lease that a deposed leader sent, and that arrives when its successor has let go of everything it found."""

from __future__ import annotations

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.remediation.execution import KubernetesExecution, executions
from kubernaut.remediation.workflow import WorkflowExecution
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec
from tests.remediation.lock.test_lock import config, hold_up, leases, prepare, scale, status
from tests.remediation.workflow.shop import restart, running, workflow

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1)]

EXECUTOR = "kubernaut-executor"


async def the_lease(cluster: FakeCluster) -> Lease:
    """The one that is held, as its creation was sent."""
    (held,) = await leases(cluster)
    metadata = ObjectMeta(
        name=held.name, namespace=EXECUTOR, labels=held.metadata.labels, annotations=held.metadata.annotations
    )
    return Lease(metadata=metadata, spec=held.spec)


async def test_it_is_removed_where_its_execution_has_ended(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await hold_up(cluster, True)
    async with cluster.running(executions(config())):
        await scale(cluster, "first", 3)
        await cluster.advance(seconds=20)
        late = await the_lease(cluster)
        await hold_up(cluster, False)
        await cluster.advance(minutes=2)
        assert (await status(cluster, "first")).phase == "rollback_ready" and await leases(cluster) == []
        await cluster.client.create(late)
        await cluster.advance(seconds=5)
        assert await leases(cluster) == []


async def test_it_is_removed_where_its_execution_is_gone(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await hold_up(cluster, True)
    async with cluster.running(executions(config())):
        await scale(cluster, "first", 3)
        await cluster.advance(seconds=20)
        late = await the_lease(cluster)
        await cluster.client.delete(KubernetesExecution, "first", namespace="shop")
        await cluster.advance(minutes=1)
        assert await leases(cluster) == []
        await cluster.client.create(late)
        await cluster.advance(seconds=5)
        assert await leases(cluster) == []


async def test_it_is_removed_where_the_manager_comes_after_it(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await hold_up(cluster, True)
    async with cluster.running(executions(config())):
        await scale(cluster, "first", 3)
        await cluster.advance(seconds=20)
        late = await the_lease(cluster)
        await cluster.client.delete(KubernetesExecution, "first", namespace="shop")
        await cluster.advance(minutes=1)
    await cluster.client.create(late)
    async with cluster.running(executions(config())):
        await cluster.advance(seconds=5)
        assert await leases(cluster) == []


@pytest.mark.parametrize("deleted", [False, True], ids=["ended", "gone"])
async def test_a_workflow_lets_go_of_it_too(cluster: FakeCluster, deleted: bool) -> None:
    async with running(cluster):
        await hold_up(cluster, True)
        await cluster.client.create(workflow(restart("again")))
        await cluster.advance(seconds=10)
        late = await the_lease(cluster)
        await hold_up(cluster, False)
        await cluster.advance(minutes=3)
        heal = await cluster.client.get(WorkflowExecution, "heal", namespace="shop")
        assert heal.status.phase == "completed" and await leases(cluster) == []
        if deleted:
            await cluster.client.delete(WorkflowExecution, "heal", namespace="shop")
            await cluster.advance(minutes=1)
        await cluster.client.create(late)
        await cluster.advance(seconds=30)
        assert await leases(cluster) == []


async def test_one_of_a_stranger_stays(cluster: FakeCluster) -> None:
    await prepare(cluster)
    labels = {"app.kubernetes.io/managed-by": "kubernaut"}
    notes = {"kubernaut.io/holder-kind": "Backup", "kubernaut.io/holder-name": "nightly"}
    metadata = ObjectMeta(name="target-1", namespace=EXECUTOR, labels=labels, annotations=notes)
    async with cluster.running(executions(config())):
        await cluster.client.create(Lease(metadata=metadata, spec=LeaseSpec(holder_identity="u9")))
        await cluster.advance(minutes=1)
        assert [each.name for each in await leases(cluster)] == ["target-1"]

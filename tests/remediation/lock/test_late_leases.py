"""A Lease that a deposed leader sent, and that arrives when its successor has let go of everything it found."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.remediation.execution import KubernetesExecution, executions
from kubernaut.remediation.workflow import WorkflowExecution
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec
from tests.remediation.lock.test_lock import EXECUTOR, config, hold_up, leases, prepare, scale, status
from tests.remediation.workflow.shop import restart, running, workflow

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1)]


async def the_lease(cluster: FakeCluster) -> Lease:
    """The one that is held, as its creation was sent."""
    (held,) = await leases(cluster)
    metadata = ObjectMeta(
        name=held.name, namespace=EXECUTOR, labels=held.metadata.labels, annotations=held.metadata.annotations
    )
    return Lease(metadata=metadata, spec=held.spec)


async def test_it_is_removed_where_its_execution_has_ended(cluster: FakeCluster) -> None:
    """And its execution goes in its time all the same."""
    await prepare(cluster)
    await hold_up(cluster, True)
    async with cluster.running(executions(config(ttl_after_end=timedelta(minutes=10)))):
        await scale(cluster, "first", 3)
        await cluster.advance(seconds=20)
        late = await the_lease(cluster)
        await hold_up(cluster, False)
        await cluster.advance(minutes=2)
        assert (await status(cluster, "first")).phase == "rollback_ready" and await leases(cluster) == []
        await cluster.client.create(late)
        await cluster.advance(seconds=5)
        assert await leases(cluster) == []
        await cluster.advance(minutes=10)
        assert list(await cluster.client.list(KubernetesExecution, namespace="shop")) == []


async def test_one_that_only_says_so_keeps_no_execution_from_going(cluster: FakeCluster) -> None:
    await prepare(cluster)
    async with cluster.running(executions(config(ttl_after_end=timedelta(minutes=10)))):
        first = await scale(cluster, "first", 3)
        await cluster.advance(minutes=2)
        await cluster.client.create(claiming({}, {f"execution.kubernaut.io/{first.uid}": "shop/first"}))
        await cluster.advance(minutes=10)
        assert list(await cluster.client.list(KubernetesExecution, namespace="shop")) == []


async def test_one_that_says_that_a_running_execution_is_somewhere_else_does_it_no_harm(cluster: FakeCluster) -> None:
    """Whoever may write Leases has no say about Jobs and Secrets by that."""
    await prepare(cluster)
    await hold_up(cluster, True)
    async with cluster.running(executions(config())):
        first = await scale(cluster, "first", 3)
        await cluster.advance(seconds=20)
        member = f"execution.kubernaut.io/{first.uid}"
        await cluster.client.create(claiming({member: "true"}, {member: "shop/nobody"}))
        await cluster.advance(seconds=20)
        assert len(await cluster.client.list(Job, namespace=EXECUTOR)) == 1
        assert first.uid in [each.spec.holder_identity for each in await leases(cluster)], "its own Lease stays"
        await hold_up(cluster, False)
        await cluster.advance(minutes=2)
        assert (await status(cluster, "first")).phase == "rollback_ready"


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
    """Of one that it took before there was any step: nobody else would."""
    async with running(cluster):
        made = await cluster.client.create(workflow(restart("again")))
        await cluster.advance(minutes=3)
        heal = await cluster.client.get(WorkflowExecution, "heal", namespace="shop")
        assert heal.status.phase == "completed" and await leases(cluster) == []
        if deleted:
            await cluster.client.delete(WorkflowExecution, "heal", namespace="shop")
            await cluster.advance(minutes=1)
        place = {"kind": "WorkflowExecution", "namespace": "shop", "name": "heal"}
        notes = {f"kubernaut.io/holder-{part}": text for part, text in place.items()}
        await cluster.client.create(claiming({"kubernaut.io/held-by": made.uid or ""}, notes, holder=made.uid or ""))
        await cluster.advance(seconds=30)
        assert await leases(cluster) == []


async def test_one_that_says_that_a_running_workflow_is_somewhere_else_frees_nothing(cluster: FakeCluster) -> None:
    async with running(cluster):
        made = await cluster.client.create(workflow(restart("again")))
        while (await cluster.client.get(WorkflowExecution, "heal", namespace="shop")).status.phase != "monitoring":
            await cluster.advance(seconds=1)
        (held,) = await leases(cluster)
        place = {"kind": "WorkflowExecution", "namespace": "shop", "name": "nobody"}
        notes = {f"kubernaut.io/holder-{part}": text for part, text in place.items()}
        await cluster.client.create(claiming({"kubernaut.io/held-by": made.uid or ""}, notes, holder=made.uid or ""))
        await cluster.advance(seconds=2)
        assert [each.name for each in await leases(cluster)] == [held.name], "its own Lease stays, the forged one goes"


async def test_one_of_a_stranger_stays(cluster: FakeCluster) -> None:
    await prepare(cluster)
    notes = {"kubernaut.io/holder-kind": "Backup", "kubernaut.io/holder-name": "nightly"}
    async with cluster.running(executions(config())):
        await cluster.client.create(claiming({"kubernaut.io/held-by": "u9"}, notes))
        await cluster.client.create(
            claiming({"execution.kubernaut.io/u8": "true"}, {"execution.kubernaut.io/u8": "x"}, "target-2")
        )
        await cluster.advance(minutes=1)
        assert [each.name for each in await leases(cluster)] == ["target-1", "target-2"]


def claiming(labels: dict[str, str], notes: dict[str, str], name: str = "target-1", holder: str = "u9") -> Lease:
    """A Lease that somebody wrote."""
    labels = {"app.kubernetes.io/managed-by": "kubernaut", **labels}
    metadata = ObjectMeta(name=name, namespace=EXECUTOR, labels=labels, annotations=notes)
    return Lease(metadata=metadata, spec=LeaseSpec(holder_identity=holder))

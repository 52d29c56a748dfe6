"""One action at a time on a target."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.policy import allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, Limits, crds, executions
from kubernaut.remediation.execution.lock.roots import root_uid
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec
from kubernaut.resources.builtin.core_v1 import Namespace, Node, Pod

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1)]

CATALOG = Catalog([Catalog.builtin().get(name) for name in ("scale-deployment", "restart-pod")])
EXECUTOR = "kubernaut-executor"
LABELS = {"app": "web"}
CONTAINER = {"name": "web", "image": "web:1"}
WEB = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [CONTAINER]}},
    },
}


def config(**options: Any) -> ExecutionConfig:
    return ExecutionConfig(catalog=CATALOG, evaluator=allow_all(), allow_unstamped=True, **options)


async def hold_up(cluster: FakeCluster, held: bool) -> None:
    """While held, no pod of an action finds a node."""
    patch = MergePatch({"spec": {"unschedulable": held}})
    for node in await cluster.client.list(Node):
        await cluster.client.patch(Node, node.name, patch)


async def prepare(cluster: FakeCluster) -> None:
    await cluster.load(crds())
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    for manifest in rbac_manifests(CATALOG):
        await cluster.client.create(manifest)
    await cluster.client.create(Deployment.from_dict(WEB))
    await cluster.settled()


async def scale(cluster: FakeCluster, name: str, replicas: int, **spec: Any) -> KubernetesExecution:
    target = {"kind": "Deployment", "namespace": "shop", "name": "web"}
    body = {"action": "scale-deployment", "target": target, "parameters": {"replicas": replicas}, **spec}
    metadata = {"name": name, "namespace": "shop"}
    return await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": body}))


async def status(cluster: FakeCluster, name: str) -> Any:
    return (await cluster.client.get(KubernetesExecution, name, namespace="shop")).status


async def leases(cluster: FakeCluster) -> list[Lease]:
    return list(await cluster.client.list(Lease, namespace=EXECUTOR))


async def test_the_second_waits_visibly_checks_again_and_goes_on(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await hold_up(cluster, True)
    async with cluster.running(executions(config())):
        first = await scale(cluster, "first", 3)
        await cluster.advance(seconds=20)
        await scale(cluster, "second", 2)
        await cluster.advance(seconds=20)
        assert (await status(cluster, "first")).phase == "executing"
        waiting = await status(cluster, "second")
        assert waiting.phase == "validated"
        busy = waiting.condition("TargetBusy")
        assert busy.status == "True" and "KubernetesExecution shop/first works on the target" in busy.message
        (lease,) = await leases(cluster)
        assert lease.spec.holder_identity == first.uid

        await hold_up(cluster, False)
        await cluster.advance(minutes=4)
        done = await status(cluster, "second")
        assert done.phase == "rollback_ready"
        # The way back leads to what the first one left, not to what was there when the second was asked for.
        assert done.rollback_information.parameters == {"replicas": 3}
        assert done.condition("TargetBusy").status == "False"
        assert await leases(cluster) == []


async def test_a_pod_stands_for_what_it_belongs_to(cluster: FakeCluster) -> None:
    await prepare(cluster)
    web = await cluster.client.get(Deployment, "web", namespace="shop")
    (pod,) = await cluster.client.list(Pod, namespace="shop")
    assert await root_uid(cluster.client, pod.to_dict()) == web.uid
    assert await root_uid(cluster.client, web.to_dict()) == web.uid
    orphan = pod.to_dict()
    orphan["metadata"]["ownerReferences"][0]["name"] = "gone"
    assert await root_uid(cluster.client, orphan) == pod.uid
    owner = {"apiVersion": "example.dev/v1", "kind": "ReplicaSet", "name": "x", "uid": "u9", "controller": True}
    orphan["metadata"]["ownerReferences"] = [owner]
    assert await root_uid(cluster.client, orphan) == "u9", "an owner of a kind that we do not read is a root"


async def test_a_holder_that_is_gone_does_not_hold(cluster: FakeCluster) -> None:
    await prepare(cluster)
    web = await cluster.client.get(Deployment, "web", namespace="shop")
    notes = {f"kubernaut.io/holder-{part}": text for part, text in NOBODY.items()}
    metadata = ObjectMeta(name=f"target-{web.uid}", namespace=EXECUTOR, annotations=notes)
    await cluster.client.create(Lease(metadata=metadata, spec=LeaseSpec(holder_identity="long-gone")))
    async with cluster.running(executions(config())):
        await scale(cluster, "first", 3)
        await cluster.settled()
        assert (await status(cluster, "first")).phase == "rollback_ready"
        assert await leases(cluster) == []


NOBODY = {"kind": "KubernetesExecution", "namespace": "shop", "name": "nobody"}


async def test_a_lease_of_a_stranger_is_never_taken_over_by_time(cluster: FakeCluster) -> None:
    await prepare(cluster)
    web = await cluster.client.get(Deployment, "web", namespace="shop")
    metadata = ObjectMeta(name=f"target-{web.uid}", namespace=EXECUTOR)
    await cluster.client.create(
        Lease(metadata=metadata, spec=LeaseSpec(holder_identity="somebody", lease_duration_seconds=15))
    )
    async with cluster.running(executions(config(limits=Limits(approval=timedelta(minutes=10))))):
        await scale(cluster, "first", 3)
        await cluster.advance(minutes=9)
        assert (await status(cluster, "first")).phase == "validated"
        await cluster.advance(minutes=2)
        ended = await status(cluster, "first")
        assert (ended.phase, ended.reason) == ("failed", "TargetBusy")
        assert (await cluster.client.get(Deployment, "web", namespace="shop")).spec.replicas == 1
        assert [lease.spec.holder_identity for lease in await leases(cluster)] == ["somebody"]


async def test_deleting_the_holder_frees_the_target_once_its_job_is_gone(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await hold_up(cluster, True)
    async with cluster.running(executions(config())):
        await scale(cluster, "first", 3)
        await cluster.advance(seconds=20)
        await scale(cluster, "second", 2)
        await cluster.advance(seconds=10)
        await cluster.client.delete(KubernetesExecution, "first", namespace="shop")
        await hold_up(cluster, False)
        await cluster.advance(minutes=4)
        assert (await status(cluster, "second")).phase == "rollback_ready"
        assert (await cluster.client.get(Deployment, "web", namespace="shop")).spec.replicas == 2
        assert await leases(cluster) == []


async def test_the_steps_of_one_workflow_share_the_target(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await hold_up(cluster, True)
    workflow = {"name": "heal", "uid": "w1"}
    async with cluster.running(executions(config())):
        await scale(cluster, "first", 3, workflowExecutionRef=workflow)
        await scale(cluster, "second", 2, workflowExecutionRef=workflow)
        await cluster.advance(seconds=20)
        assert [(await status(cluster, name)).phase for name in ("first", "second")] == ["executing", "executing"]
        await hold_up(cluster, False)
        await cluster.advance(minutes=3)
        (lease,) = await leases(cluster)
        assert lease.spec.holder_identity == "w1", "the workflow lets go of it"
        # That workflow does not exist, so whoever comes next may take over.
        await scale(cluster, "third", 4)
        await cluster.advance(minutes=3)
        assert (await status(cluster, "third")).phase == "rollback_ready"

"""One action at a time on a target."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.policy import allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, Limits, crds, executions
from kubernaut.remediation.execution.lock.holders import is_free
from kubernaut.remediation.execution.lock.roots import root_uid
from kubernaut.resources import AnyResource, ObjectMeta
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace, Node, Pod

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1)]

NAMES = ("apply-manifest", "collect-logs", "delete-resource", "restart-pod", "scale-deployment")
CATALOG = Catalog([Catalog.builtin().get(name) for name in NAMES])
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

    made_up = web.to_dict()
    for group, kind in (("example.dev/v1", "ReplicaSet"), ("apps/v1", "StatefulSet"), ("apps/v1", "Deployment")):
        owner = {"apiVersion": group, "kind": kind, "name": "web", "uid": "u9", "controller": True}
        made_up["metadata"]["ownerReferences"] = [owner]
        assert await root_uid(cluster.client, made_up) == web.uid, "an owner that is not there is nobody's root"


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


WORKFLOW = AnyResource.of("workflowexecution.kubernaut.io/v1", "WorkflowExecution", "workflowexecutions", True)


async def workflows(cluster: FakeCluster) -> None:
    """The kind of workflows, as far as the lock looks at them."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"plural": "workflowexecutions", "singular": "workflowexecution", "kind": "WorkflowExecution"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "workflowexecution.kubernaut.io", "scope": "Namespaced", "names": names, "versions": [version]}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    await cluster.load([{**head, "metadata": {"name": f"workflowexecutions.{spec['group']}"}, "spec": spec}])


async def workflow(cluster: FakeCluster, name: str, namespace: str = "shop") -> str:
    steps = [{"executionRef": {"name": each}} for each in ("first", "second")]
    state = {"phase": "executing", "steps": steps}
    made = WORKFLOW.from_dict({"metadata": {"name": name, "namespace": namespace}, "status": state})
    return (await cluster.client.create(made)).uid or ""


async def step(
    cluster: FakeCluster, name: str, replicas: int, heal: str, heal_uid: str, **reference: str
) -> KubernetesExecution:
    """An execution that refers to a workflow; `owned` by it unless the reference says otherwise."""
    owner = {"apiVersion": "workflowexecution.kubernaut.io/v1", "kind": "WorkflowExecution", "name": heal}
    owners = [] if reference.pop("owned", "") == "no" else [{**owner, "uid": heal_uid, "controller": True}]
    target = {"kind": "Deployment", "namespace": "shop", "name": "web"}
    named = {"name": heal, "uid": heal_uid, **reference}
    spec = {"action": "scale-deployment", "target": target, "parameters": {"replicas": replicas}}
    metadata = {"name": name, "namespace": "shop", "ownerReferences": owners}
    body = {"metadata": metadata, "spec": {**spec, "workflowExecutionRef": named}}
    return await cluster.client.create(KubernetesExecution.from_dict(body))


async def phases(cluster: FakeCluster, *names: str) -> list[str]:
    return [(await status(cluster, name)).phase for name in names]


async def test_the_steps_of_one_workflow_share_the_target_one_after_the_other(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await workflows(cluster)
    await hold_up(cluster, True)
    heal = await workflow(cluster, "heal")
    async with cluster.running(executions(config())):
        await step(cluster, "first", 3, "heal", heal)
        await step(cluster, "second", 2, "heal", heal)
        await cluster.advance(seconds=20)
        assert await phases(cluster, "first", "second") == ["executing", "validated"]
        busy = (await status(cluster, "second")).condition("TargetBusy")
        assert busy.status == "True" and "KubernetesExecution shop/first works on the target" in busy.message
        await hold_up(cluster, False)
        await cluster.advance(minutes=3)
        assert await phases(cluster, "first", "second") == ["rollback_ready", "rollback_ready"]
        (lease,) = await leases(cluster)
        assert lease.spec.holder_identity == heal, "the workflow goes on"
        await scale(cluster, "third", 4)
        await cluster.advance(minutes=1)
        assert (await status(cluster, "third")).condition("TargetBusy").status == "True"

        ended = MergePatch({"status": {"phase": "completed"}})
        await cluster.client.patch(WORKFLOW, "heal", ended, namespace="shop")
        await cluster.advance(minutes=3)
        assert (await status(cluster, "third")).phase == "rollback_ready"
        assert await leases(cluster) == []


@pytest.mark.parametrize("installed", [False, True], ids=["no such kind", "no such workflow"])
async def test_a_workflow_that_does_not_exist_holds_nothing_and_lets_nobody_in(
    cluster: FakeCluster, installed: bool
) -> None:
    await prepare(cluster)
    if installed:
        await workflows(cluster)
    await hold_up(cluster, True)
    async with cluster.running(executions(config())):
        first = await step(cluster, "first", 3, "nothing", "made-up", owned="no")
        await cluster.advance(seconds=20)
        await step(cluster, "second", 2, "nothing", "made-up", owned="no")
        await step(cluster, "third", 5, "nothing", "made-up-too", owned="no")
        await scale(cluster, "fourth", 4)
        await cluster.advance(seconds=30)
        assert await phases(cluster, "first", "second", "third", "fourth") == ["executing", *["validated"] * 3]
        (lease,) = await leases(cluster)
        assert lease.spec.holder_identity == first.uid
        await hold_up(cluster, False)
        await cluster.advance(minutes=10)
        assert await phases(cluster, "first", "second", "third", "fourth") == ["rollback_ready"] * 4
        assert await leases(cluster) == []


async def test_a_workflow_that_does_not_control_the_execution_is_not_its_holder(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await workflows(cluster)
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "other"}}))
    await hold_up(cluster, True)
    heal, elsewhere = await workflow(cluster, "heal"), await workflow(cluster, "heal", "other")
    async with cluster.running(executions(config())):
        await step(cluster, "first", 3, "heal", heal)
        await cluster.advance(seconds=20)
        await step(cluster, "borrowed", 2, "heal", heal, owned="no")
        await step(cluster, "elsewhere", 2, "heal", elsewhere, namespace="other", owned="no")
        await step(cluster, "another", 2, "heal", heal, uid="not-this-one")
        await cluster.advance(seconds=30)
        assert await phases(cluster, "first", "borrowed", "elsewhere", "another") == ["executing", *["validated"] * 3]


async def test_a_workflow_that_is_gone_holds_as_long_as_a_step_of_it_runs(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await workflows(cluster)
    await hold_up(cluster, True)
    heal = await workflow(cluster, "heal")
    async with cluster.running(executions(config())):
        await step(cluster, "first", 3, "heal", heal)
        await cluster.advance(seconds=20)
        await cluster.client.delete(WORKFLOW, "heal", namespace="shop", propagation="Orphan")
        await scale(cluster, "second", 2)
        await cluster.advance(minutes=1)
        assert await phases(cluster, "first", "second") == ["executing", "validated"]
        await hold_up(cluster, False)
        await cluster.advance(minutes=4)
        assert await phases(cluster, "first", "second") == ["rollback_ready", "rollback_ready"]
        assert await leases(cluster) == [], "nobody is left who would let go of it"


@pytest.mark.parametrize("named", ["not at all", "by another uid", "for somebody else"])
async def test_an_execution_that_its_workflow_does_not_name_is_not_let_in(cluster: FakeCluster, named: str) -> None:
    await prepare(cluster)
    await workflows(cluster)
    await hold_up(cluster, True)
    heal = await workflow(cluster, "heal")
    async with cluster.running(executions(config())):
        await step(cluster, "first", 3, "heal", heal)
        await cluster.advance(seconds=20)
        forged = {"not at all": [], "by another uid": [{"executionRef": {"name": "forged", "uid": "u9"}}]}
        found: dict[str, Any] = {"status": {"steps": forged.get(named, [{"rollbackRef": {"name": "forged"}}])}}
        if named == "for somebody else":
            found["spec"] = {"requestedBy": {"username": "alice"}}
        await cluster.client.patch(WORKFLOW, "heal", MergePatch(found), namespace="shop")
        await step(cluster, "forged", 2, "heal", heal)
        await cluster.advance(seconds=20)
        busy = (await status(cluster, "forged")).condition("TargetBusy")
        assert busy.status == "True" and "WorkflowExecution shop/heal works on the target" in busy.message


async def test_a_finalizer_that_somebody_took_off_frees_no_target_while_the_job_runs(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await hold_up(cluster, True)
    web = await cluster.client.get(Deployment, "web", namespace="shop")
    notes = {f"kubernaut.io/holder-{part}": text for part, text in NOBODY.items()}
    metadata = ObjectMeta(name=f"target-{web.uid}", namespace=EXECUTOR, annotations=notes)
    lease = await cluster.client.create(Lease(metadata=metadata, spec=LeaseSpec(holder_identity="u9")))
    labels = {"kubernaut.io/execution-id": "u9"}
    template = {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}
    job = Job.from_dict({"metadata": {"name": "left", "namespace": EXECUTOR, "labels": labels}})
    body = {**job.to_dict(), "spec": {"template": template}}
    await cluster.client.create(Job.from_dict(body))
    await cluster.settled()
    assert not await is_free(cluster.client, lease, besides="other")
    await cluster.client.delete(Job, "left", namespace=EXECUTOR)
    await cluster.settled()
    assert await is_free(cluster.client, lease, besides="other")


async def test_what_only_reads_neither_waits_nor_lets_wait(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await hold_up(cluster, True)
    (pod,) = await cluster.client.list(Pod, namespace="shop")
    target = {"kind": "Pod", "namespace": "shop", "name": pod.name}
    async with cluster.running(executions(config())):
        await scale(cluster, "first", 3)
        await cluster.advance(seconds=20)
        body = {"action": "collect-logs", "target": target}
        metadata = {"name": "logs", "namespace": "shop"}
        await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": body}))
        await cluster.advance(seconds=10)
        assert await phases(cluster, "first", "logs") == ["executing", "executing"]
        assert len(await leases(cluster)) == 1


def manifest(name: str, **labels: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}})


async def apply(cluster: FakeCluster, name: str, target: dict[str, str], made: str) -> None:
    spec = {"action": "apply-manifest", "target": target, "parameters": {"manifest": made}, "dryRun": "never"}
    metadata = {"name": name, "namespace": "shop"}
    await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": spec}))


SHOP = {"kind": "Namespace", "name": "shop"}


async def test_an_object_that_exists_is_not_reached_by_way_of_its_namespace(cluster: FakeCluster) -> None:
    await prepare(cluster)
    settings = {"metadata": {"name": "settings", "namespace": "shop", "labels": {"critical": "true"}}}
    await cluster.client.create(ConfigMap.from_dict(settings))
    async with cluster.running(executions(config())):
        await apply(cluster, "around", SHOP, manifest("settings"))
        await cluster.advance(seconds=20)
        ended = await status(cluster, "around")
        assert (ended.phase, ended.reason) == ("failed", "TargetInvalid")
        assert ended.message == "target: ConfigMap shop/settings exists: name it as the target"


async def test_two_that_make_the_same_object_follow_each_other_and_others_do_not_wait(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await hold_up(cluster, True)
    async with cluster.running(executions(config())):
        await apply(cluster, "first", SHOP, manifest("fresh"))
        await cluster.advance(seconds=20)
        await apply(cluster, "second", SHOP, manifest("fresh", mine="yes"))
        await apply(cluster, "other", SHOP, manifest("different"))
        await cluster.advance(seconds=20)
        assert await phases(cluster, "first", "second", "other") == ["executing", "validated", "executing"]
        await hold_up(cluster, False)
        await cluster.advance(minutes=5)
        assert await phases(cluster, "first", "second", "other") == ["rollback_ready", "failed", "rollback_ready"]
        assert (await status(cluster, "second")).reason == "TargetInvalid"
        assert await leases(cluster) == []

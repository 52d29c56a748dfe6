"""The execution controller on the fake cluster in virtual time: the Job's command really acts."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.client import NotFound
from kubernaut.policy import allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Namespace, Node, Pod
from kubernaut.testing import Cluster

CONFIG = ExecutionConfig(catalog=Catalog.builtin(), evaluator=allow_all(), allow_unstamped=True)


pytestmark = pytest.mark.cluster(declared=True)


async def prepare(cluster: Cluster) -> None:
    for crd in crds():
        await cluster.client.create(CustomResourceDefinition.from_dict(crd))
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    for manifest in rbac_manifests(CONFIG.catalog):
        await cluster.client.create(manifest)
    labels = {"app": "web"}
    container = {"name": "web", "image": "web:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": "web", "namespace": "shop"}
    await cluster.client.create(Deployment.from_dict({"metadata": metadata, "spec": spec}))
    await cluster.settled()


async def create(cluster: Cluster, action: str, target: dict[str, Any], **parameters: Any) -> None:
    spec = {"action": action, "target": target, "parameters": parameters}
    metadata = {"name": "fix", "namespace": "shop"}
    await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": spec}))


async def read(cluster: Cluster) -> KubernetesExecution:
    return await cluster.client.get(KubernetesExecution, "fix", namespace="shop")


WEB = {"kind": "Deployment", "namespace": "shop", "name": "web"}


@pytest.mark.virtual_time
async def test_scale_works_from_two_to_five(cluster: Cluster) -> None:
    await prepare(cluster)
    async with cluster.running(executions(CONFIG)):
        await create(cluster, "scale-deployment", WEB, replicas=5)
        await cluster.settled()
        status = (await read(cluster)).status
        assert status.phase == "rollback_ready", status.to_dict()
        assert status.execution_results and status.execution_results.exit_code == 0
        assert status.execution_results.log_tail and "scaled" in status.execution_results.log_tail
        web = await cluster.client.get(Deployment, "web", namespace="shop")
        assert web.spec.replicas == 5 and web.status.ready_replicas == 5
        await cluster.advance(seconds=310)
        assert not list(await cluster.client.list(Job, namespace="kubernaut-executor"))


@pytest.mark.virtual_time
async def test_restart_pod_makes_a_new_pod(cluster: Cluster) -> None:
    await prepare(cluster)
    before = [pod.name for pod in await cluster.client.list(Pod, namespace="shop")]
    async with cluster.running(executions(CONFIG)):
        await create(cluster, "restart-pod", {"kind": "Pod", "namespace": "shop", "name": before[0]})
        await cluster.settled()
        await cluster.advance(seconds=60)
        status = (await read(cluster)).status
        assert status.phase == "completed", status.message
        after = [pod.name for pod in await cluster.client.list(Pod, namespace="shop")]
        assert len(after) == 2 and before[0] not in after


@pytest.mark.virtual_time
async def test_cordon_marks_the_node(cluster: Cluster) -> None:
    await prepare(cluster)
    node = (await cluster.client.list(Node))[0].name
    async with cluster.running(executions(CONFIG)):
        await create(cluster, "cordon-node", {"kind": "Node", "name": node})
        await cluster.settled()
        assert (await read(cluster)).status.phase == "rollback_ready", (await read(cluster)).status.to_dict()
        assert (await cluster.client.get(Node, node)).spec.unschedulable


@pytest.mark.virtual_time
async def test_deletion_mid_flight_leaves_no_job(cluster: Cluster) -> None:
    await prepare(cluster)
    async with cluster.running(executions(CONFIG)):
        await create(cluster, "scale-deployment", WEB, replicas=5)
        await cluster.advance(seconds=0.5)
        await cluster.client.delete(KubernetesExecution, "fix", namespace="shop")
        await cluster.settled()
        with pytest.raises(NotFound):
            await read(cluster)
        assert not list(await cluster.client.list(Job, namespace="kubernaut-executor"))


@pytest.mark.virtual_time
@pytest.mark.parametrize("again", [False, True])
async def test_a_job_that_is_created_after_its_execution_has_gone_is_removed(cluster: Cluster, again: bool) -> None:
    """The last creation of a leader that was deposed without noticing may arrive when its successor has cleaned up."""
    await prepare(cluster)
    async with cluster.running(executions(CONFIG)):
        await create(cluster, "scale-deployment", WEB, replicas=5)
        await cluster.settled()
        (job,) = await cluster.client.list(Job, namespace=CONFIG.executor_namespace)
        await cluster.client.delete(KubernetesExecution, "fix", namespace="shop")
        await cluster.settled()
        assert not list(await cluster.client.list(Job, namespace=CONFIG.executor_namespace))
        late = Job.from_dict({"metadata": {"name": job.name, "namespace": job.namespace}, "spec": job.spec.to_dict()})
        late.metadata.labels, late.metadata.annotations = job.metadata.labels, job.metadata.annotations
        late.spec.selector = None
        late.spec.template.metadata.labels = {}
        if again:
            late.metadata.finalizers = list(job.metadata.finalizers or ()) or [
                "kubernetesexecution.kubernaut.io/result"
            ]
        await cluster.client.create(late)
        await cluster.advance(seconds=60)
        assert not list(await cluster.client.list(Job, namespace=CONFIG.executor_namespace))

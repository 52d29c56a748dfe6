"""The action on a cluster in memory, as an execution that is then undone."""

import pytest

from examples.action_package.suspend_cronjob import SuspendCronJob
from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.fake import FakeCluster
from kubernaut.policy import allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, executions
from kubernaut.resources.builtin.batch_v1 import CronJob

CONFIG = ExecutionConfig(
    catalog=Catalog([*Catalog.builtin(), SuspendCronJob()]), evaluator=allow_all(), allow_unstamped=True
)
pytestmark = [
    pytest.mark.cluster(crds=[KubernetesExecution], rbac=True),
    pytest.mark.server_from("1.21", "CronJobs are in batch/v1"),
]


async def suspended(cluster: FakeCluster) -> bool:
    return bool((await cluster.client.get(CronJob, "report", namespace="default")).spec.suspend)


async def execute(cluster: FakeCluster, name: str, suspend: str) -> str | None:
    target = {"kind": "CronJob", "namespace": "default", "name": "report"}
    spec = {"action": "suspend-cronjob", "target": target, "parameters": {"suspend": suspend}}
    metadata = {"name": name, "namespace": "default"}
    await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": spec}))
    await cluster.advance(seconds=20)
    return (await cluster.client.get(KubernetesExecution, name, namespace="default")).status.phase


async def test_a_cron_job_is_suspended_and_goes_on(cluster: FakeCluster) -> None:
    for manifest in rbac_manifests(CONFIG.catalog):
        await cluster.client.create(manifest)
    container = {"name": "main", "image": "busybox"}
    job = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": job}}
    await cluster.client.create(
        CronJob.from_dict({"metadata": {"name": "report", "namespace": "default"}, "spec": spec})
    )
    async with cluster.running(executions(CONFIG)):
        assert await execute(cluster, "stop", "true") == "rollback_ready"
        assert await suspended(cluster)
        stopped = await cluster.client.get(KubernetesExecution, "stop", namespace="default")
        back = stopped.status.rollback_information
        assert back is not None
        assert (back.action, back.parameters) == ("suspend-cronjob", {"suspend": "false"})
        assert await execute(cluster, "go-on", "false") == "rollback_ready"
        assert not await suspended(cluster)

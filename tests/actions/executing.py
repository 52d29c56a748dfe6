"""The execution controller on a cluster with RBAC: what is asked of the actions as users ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.fake import FakeCluster
from kubernaut.policy import allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from tests.actions.cases import CATALOG, Case, prepare

FINAL = ("rollback_ready", "completed", "failed")


@asynccontextmanager
async def controlled(catalog: Catalog = CATALOG) -> AsyncIterator[FakeCluster]:
    """A cluster with the cases' world, the actions' ServiceAccounts, and the controller at work."""
    config = ExecutionConfig(catalog=catalog, evaluator=allow_all(), allow_unstamped=True)
    async with FakeCluster(rbac=True, nodes=3) as cluster:
        await prepare(cluster)
        for crd in crds():
            await cluster.client.create(CustomResourceDefinition.from_dict(crd))
        for manifest in rbac_manifests(catalog):
            await cluster.client.create(manifest)
        await cluster.settled()
        async with cluster.running(executions(config)):
            yield cluster


async def execute(
    cluster: FakeCluster, name: str, case: Case, *, dry_run: str = "never", **more: Any
) -> KubernetesExecution:
    """Create the execution and wait until it has ended."""
    spec = {"action": case.action, "target": case.target, "parameters": case.parameters, "dryRun": dry_run, **more}
    metadata = {"name": name, "namespace": "default"}
    await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": spec}))
    return await ended(cluster, name)


async def ended(cluster: FakeCluster, name: str) -> KubernetesExecution:
    for _ in range(400):
        await cluster.advance(seconds=1)
        found = await cluster.client.get(KubernetesExecution, name, namespace="default")
        if found.status.phase in FINAL:
            await cluster.settled()
            return found
    raise AssertionError(f"{name} does not end: {found.status.to_dict()}")


def inverse_of(execution: KubernetesExecution) -> Case:
    """The execution that would undo this one, as its status says."""
    information = execution.status.rollback_information
    assert information is not None and information.available, execution.status.to_dict()
    target: Mapping[str, Any] = information.target.to_dict() if information.target else {}
    return Case(information.action or "", dict(target), dict(information.parameters or {}))

"""A shop on the fake cluster: two Deployments, the kinds and rights of actions, and workflows about them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from kubernaut.actions import ANNOTATION_EXECUTION_NAME, Catalog, rbac_manifests
from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.policy import allow_all
from kubernaut.reconcile import Controller
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, executions
from kubernaut.remediation.execution import crds as execution_crds
from kubernaut.remediation.workflow import Limits, WorkflowConfig, WorkflowExecution, crds, workflows
from kubernaut.remediation.workflow.types import WorkflowExecutionStatus
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.resources.builtin.core_v1 import Namespace, Node, Pod
from kubernaut.resources.builtin.pods import Container

BUILTIN = Catalog.builtin()
CATALOG = Catalog([BUILTIN.get(name) for name in ("restart-deployment", "scale-deployment")])
MORE = ("apply-manifest", "cordon-node", "delete-resource", "restart-pod")
WIDER = Catalog([*CATALOG, *(BUILTIN.get(name) for name in MORE)])
EXECUTOR = "kubernaut-executor"
WEB = {"kind": "Deployment", "namespace": "shop", "name": "web"}
API = {"kind": "Deployment", "namespace": "shop", "name": "api"}


def execution_config(**options: Any) -> ExecutionConfig:
    given: dict[str, Any] = {"catalog": CATALOG, "evaluator": allow_all(), "allow_unstamped": True}
    return ExecutionConfig(**given | options)


def config(execution: ExecutionConfig | None = None, **options: Any) -> WorkflowConfig:
    """As production has it, with a shorter stable window."""
    limits = options.pop("limits", Limits(stable=timedelta(seconds=10)))
    return WorkflowConfig(execution=execution or execution_config(), limits=limits, **options)


def deployment(name: str, replicas: int = 1) -> Deployment:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": f"{name}:1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return Deployment.from_dict({"metadata": {"name": name, "namespace": "shop"}, "spec": spec})


def scale(name: str, replicas: int, target: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A step that scales."""
    head = {"name": name, "action": "scale-deployment", "target": target or WEB}
    return {**head, "parameters": {"replicas": replicas}, **more}


def restart(name: str, target: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A step that has nothing to undo."""
    return {"name": name, "action": "restart-deployment", "target": target or WEB, **more}


def workflow(*steps: dict[str, Any], name: str = "heal", **spec: Any) -> WorkflowExecution:
    metadata = {"name": name, "namespace": "shop"}
    return WorkflowExecution.from_dict({"metadata": metadata, "spec": {"steps": list(steps), **spec}})


async def prepare(cluster: FakeCluster, catalog: Catalog = CATALOG) -> None:
    """Kinds, rights, and two Deployments that are well."""
    await cluster.load([*execution_crds(), *crds()])
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    for manifest in rbac_manifests(catalog):
        await cluster.client.create(manifest)
    for name in ("web", "api"):
        await cluster.client.create(deployment(name))
    await cluster.settled()


def controllers(settings: WorkflowConfig) -> Sequence[Controller]:
    return [executions(settings.execution), workflows(settings)]


@asynccontextmanager
async def running(cluster: FakeCluster, settings: WorkflowConfig | None = None) -> AsyncIterator[None]:
    """The shop, with the controllers of executions and workflows at work."""
    settings = settings or config()
    await prepare(cluster, settings.execution.catalog)
    async with cluster.running(*controllers(settings)):
        yield


async def carry_out(
    cluster: FakeCluster, *steps: dict[str, Any], minutes: float = 2, **spec: Any
) -> WorkflowExecutionStatus:
    """Create a workflow of these steps, let time pass, and give its status."""
    made = await cluster.client.create(workflow(*steps, **spec))
    await cluster.advance(minutes=minutes)
    return await status(cluster, made.name)


async def status(cluster: FakeCluster, name: str = "heal") -> WorkflowExecutionStatus:
    return (await cluster.client.get(WorkflowExecution, name, namespace="shop")).status


async def execution(cluster: FakeCluster, name: str) -> KubernetesExecution:
    return await cluster.client.get(KubernetesExecution, name, namespace="shop")


async def names(cluster: FakeCluster) -> list[str]:
    """The executions that there are."""
    return sorted(each.name for each in await cluster.client.list(KubernetesExecution, namespace="shop"))


async def replicas(cluster: FakeCluster, name: str = "web") -> int | None:
    return (await cluster.client.get(Deployment, name, namespace="shop")).spec.replicas


async def leases(cluster: FakeCluster) -> list[Lease]:
    return list(await cluster.client.list(Lease, namespace=EXECUTOR))


async def hold_up(cluster: FakeCluster, held: bool) -> None:
    """While held, no new pod finds a node."""
    patch = MergePatch({"spec": {"unschedulable": held}})
    for node in await cluster.client.list(Node):
        await cluster.client.patch(Node, node.name, patch)


def phases(found: WorkflowExecutionStatus) -> list[str]:
    return [each.phase for each in found.transitions]


def scripted(cluster: FakeCluster, scripts: Mapping[str, PodScript]) -> None:
    """Let the pods of these executions, by name, do something else than what their command says."""

    def behave(pod: Pod, container: Container, restarts: int) -> PodScript | None:
        return scripts.get(pod.metadata.annotations.get(ANNOTATION_EXECUTION_NAME, ""))

    cluster.behaviour = behave


def failing(log: str = "something went wrong\n", code: int = 1) -> PodScript:
    """What fails at once, with these words."""
    return PodScript(exit_code=code, log=log)

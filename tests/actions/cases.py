"""One way to use each action, on a world that has what they need; and how to carry one out by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from kubernaut.actions import Action, Catalog, Invocation, JobPlan, Parameters, build_job, build_secret
from kubernaut.client import Client, MergePatch, NotFound
from kubernaut.fake import FakeCluster
from kubernaut.resources import AnyResource
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace, Node, Pod
from kubernaut.resources.builtin.policy_v1 import PodDisruptionBudget

CATALOG = Catalog.builtin()
WEB = {"kind": "Deployment", "namespace": "default", "name": "web"}
SETTINGS = {"kind": "ConfigMap", "namespace": "default", "name": "settings"}
PLACE = {"kind": "Namespace", "name": "default"}


@dataclass(frozen=True)
class Case:
    """An action as somebody would ask for it. `inverse`: it can be undone."""

    action: str
    target: dict[str, str]
    parameters: dict[str, int | str] = field(default_factory=dict)
    inverse: bool = True


def manifest(name: str, **data: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})


CASES = {
    "apply-manifest": Case(
        "apply-manifest", SETTINGS, {"manifest": manifest("settings", mode="slow"), "force": "true"}
    ),
    "apply-manifest-new": Case("apply-manifest", PLACE, {"manifest": manifest("fresh", a="b")}),
    "collect-logs": Case("collect-logs", {"kind": "Pod", "namespace": "default", "name": "victim"}, inverse=False),
    "cordon-node": Case("cordon-node", {"kind": "Node", "name": "node-1"}),
    "delete-resource": Case("delete-resource", SETTINGS),
    "drain-node": Case("drain-node", {"kind": "Node", "name": "node-1"}, {"force": "true"}),
    "patch-resource": Case("patch-resource", SETTINGS, {"patch": "data: {mode: slow, new: field}"}),
    "patch-resource-json": Case(
        "patch-resource",
        WEB,
        {
            "patch": json.dumps(
                [
                    {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "web:9"},
                    {"op": "add", "path": "/metadata/labels", "value": {"team": "a"}},
                ]
            ),
            "type": "json",
        },
    ),
    "patch-resource-strategic": Case(
        "patch-resource",
        WEB,
        {
            "patch": "spec: {template: {spec: {containers: [{name: main, image: 'web:9'}]}}}",
            "type": "strategic",
        },
    ),
    "restart-deployment": Case("restart-deployment", WEB, inverse=False),
    "restart-pod": Case(
        "restart-pod", {"kind": "Pod", "namespace": "default", "name": "victim"}, {"gracePeriodSeconds": 5}, False
    ),
    "rollback-deployment": Case("rollback-deployment", WEB),
    "rollback-deployment-to": Case("rollback-deployment", WEB, {"toRevision": 1}),
    "scale-deployment": Case("scale-deployment", WEB, {"replicas": 5}),
    "uncordon-node": Case("uncordon-node", {"kind": "Node", "name": "node-2"}),
    "update-image": Case(
        "update-image", WEB, {"container": "main", "image": "registry.example/web:3@sha256:" + "0" * 64}
    ),
}


def deployment(name: str = "web", image: str = "web:1", replicas: int = 2) -> Deployment:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return Deployment.from_dict({"metadata": {"name": name, "namespace": "default"}, "spec": spec})


async def set_image(client: Client, image: str, name: str = "web") -> None:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
    await client.patch(Deployment, name, MergePatch(patch), namespace="default")


async def prepare(cluster: FakeCluster) -> None:
    """A Deployment in its second revision, a ConfigMap, a pod of nobody's on node-1, and node-2 cordoned."""
    client = cluster.client
    if not [one for one in await client.list(Namespace) if one.name == "default"]:
        await client.create(Namespace.from_dict({"metadata": {"name": "default"}}))
    await client.create(deployment())
    victim = {"nodeName": "node-1", "containers": [{"name": "main", "image": "nginx"}]}
    await client.create(Pod.from_dict({"metadata": {"name": "victim", "namespace": "default"}, "spec": victim}))
    settings = {"metadata": {"name": "settings", "namespace": "default"}, "data": {"mode": "fast", "kept": "yes"}}
    await client.create(ConfigMap.from_dict(settings))
    await cluster.settled()
    await set_image(client, "web:2")
    await cluster.settled()
    await client.patch(Node, "node-2", MergePatch({"spec": {"unschedulable": True}}))
    await cluster.settled()


def budget(minimum: int) -> PodDisruptionBudget:
    spec = {"minAvailable": minimum, "selector": {"matchLabels": {"app": "web"}}}
    return PodDisruptionBudget.from_dict({"metadata": {"name": "web", "namespace": "default"}, "spec": spec})


async def read(client: Client, case: Case, catalog: Catalog = CATALOG) -> Invocation[Parameters]:
    """The case against the objects as they are."""
    action = catalog.get(case.action)
    target = catalog.resolve_target(case.action, case.target)
    kind = next(kind for kind in action.targets if (kind.api_version, kind.kind) == (target.api_version, target.kind))
    model = AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)
    live = (await client.get(model, target.name, namespace=target.namespace)).to_dict()
    bare = catalog.invocation(case.action, case.target, case.parameters, live)
    return replace(bare, related=await related(client, action, bare))


async def related(client: Client, action: Action, bare: Invocation[Parameters]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for need in action.needs(bare):
        model = AnyResource.of(need.kind.api_version, need.kind.kind, need.kind.plural, need.kind.namespaced)
        if need.name is None:
            listed = await client.list(model, namespace=need.namespace, labels=need.labels or None)
            found += [each.to_dict() for each in listed]
            continue
        try:
            found.append((await client.get(model, need.name, namespace=need.namespace)).to_dict())
        except NotFound:
            continue
    return found


def argv_of(action: Action, invocation: Invocation[Parameters], *, dry_run: bool = False) -> Sequence[str]:
    return action.dry_run_command(invocation) if dry_run else action.command(invocation)


async def start(
    cluster: FakeCluster, case: Case, account: str = "default", *, dry_run: bool = False, number: int = 1
) -> JobPlan:
    """Create the Job, and its Secret, as the executor does."""
    invocation, action = await read(cluster.client, case), CATALOG.get(case.action)
    plan = JobPlan(
        execution_name="fix",
        execution_namespace="default",
        execution_uid=f"{number:08x}-0000-0000-0000-000000000000",
        action=case.action,
        argv=argv_of(action, invocation, dry_run=dry_run),
        image=action.image,
        service_account=account,
        namespace="default",
        timeout=timedelta(minutes=5),
        dry_run=dry_run,
        avoid_node=action.avoid_node(invocation),
        files=action.files(invocation, dry_run=dry_run),
    )
    job = await cluster.client.create(build_job(plan))
    secret = build_secret(plan, job)
    if secret is not None:
        await cluster.client.create(secret)
    return plan


async def state(client: Client) -> dict[str, Any]:
    """What the actions change."""
    web = await client.get(Deployment, "web", namespace="default")
    maps = {one.name: dict(one.data) for one in await client.list(ConfigMap, namespace="default")}
    return {
        "replicas": web.spec.replicas,
        "labels": web.metadata.labels,
        "template": {**web.spec.template.to_dict()},
        "nodes": {node.name: bool(node.spec.unschedulable) for node in await client.list(Node)},
        "maps": {name: data for name, data in maps.items() if name != "kube-root-ca.crt"},
    }

"""The rendered rights are enough for what is installed, and all of them are used, as whole lives of executions show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import anyio
import pytest

from kubernaut.actions import Action, Catalog
from kubernaut.cli.install.wanted import Asked, installation_of
from kubernaut.client import Client, Forbidden, MergePatch, NotFound, Transport
from kubernaut.fake import FakeCluster
from kubernaut.install import Installation, ServerFeatures, render
from kubernaut.reconcile import CacheOptions, Manager, Permission
from kubernaut.reconcile.permissions import DeclaredTransport
from kubernaut.reconcile.serving import IssuedTls
from kubernaut.reconcile.webhooks.certificates import CertificateKeeper
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.execution.controller import targets_of
from kubernaut.remediation.request import RemediationRequest
from kubernaut.remediation.workflow import WorkflowExecution
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.admissionregistration_v1 import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
)
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.coordination_v1 import Lease, LeaseSpec
from kubernaut.resources.builtin.core_v1 import Namespace, Node, Pod
from kubernaut.timing import current_clock
from tests.remediation.processing import situations as given

SYSTEM, NAME = "kubernaut-system", "kubernaut"
CONFIGURATIONS = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration)
# What runs is not the Deployment's pods but a manager in this test.
LEFT_OUT = ("Deployment", "PodDisruptionBudget")


def installation(**settings: Any) -> Installation:
    return installation_of(Asked(settings={"allow_unstamped": True, "limits": "approval=1m", **settings}))


async def install(cluster: FakeCluster, wanted: Installation) -> Client:
    """Apply the manifests; a client as the process has it."""
    production = {"name": "prod", "labels": {"kubernaut.io/environment": "production"}}
    spaces = [Namespace.from_dict({"metadata": metadata}) for metadata in ({"name": "shop"}, production)]
    await cluster.load([each.to_dict() for each in spaces])
    await cluster.load([m for m in render(wanted, ServerFeatures.newest()) if m["kind"] not in LEFT_OUT])
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    for namespace in ("shop", "prod"):
        metadata = {"name": "web", "namespace": namespace}
        await cluster.client.create(Deployment.from_dict({"metadata": metadata, "spec": spec}))
    await cluster.settled()
    return await cluster.client_as_service_account(SYSTEM, NAME)


def manager_of(client: Client, wanted: Installation, **options: Any) -> Manager:
    assert wanted.leader_election is not None
    election = replace(wanted.leader_election, namespace=SYSTEM)
    manager = Manager(client, name=NAME, seed=1, leader_election=election, **options)
    manager.add(*wanted.controllers)
    return manager


async def create(cluster: FakeCluster, name: str, action: str, target: dict[str, str], **parameters: Any) -> None:
    metadata = {"name": name, "namespace": "shop"}
    spec: dict[str, Any] = {"action": action, "target": target, "parameters": parameters}
    await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": spec}))


async def phase(cluster: FakeCluster, name: str) -> str | None:
    return (await cluster.client.get(KubernetesExecution, name, namespace="shop")).status.phase


WEB = {"kind": "Deployment", "namespace": "shop", "name": "web"}


class Later:
    """A clock that is ahead."""

    def __init__(self, days: int) -> None:
        self._ahead = timedelta(days=days)

    def now(self) -> datetime:
        return current_clock().now() + self._ahead


async def certify(client: Client, wanted: Installation) -> None:
    """What the process does for its webhooks, until the certificate has been renewed."""
    assert wanted.certificates is not None
    keeper = CertificateKeeper(wanted.certificates, client, IssuedTls("test"))
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        await anyio.sleep(90)
        group.cancel_scope.cancel()
    await CertificateKeeper(wanted.certificates, client, IssuedTls("test"), clock=Later(days=61)).step()


async def missing_targets(cluster: FakeCluster) -> None:
    """For each kind that an action acts on, an execution whose target is not there."""
    catalog = Catalog.builtin()
    for kind in targets_of(catalog):
        actions = [action for action in catalog if kind in action.targets]
        action = next((each for each in actions if not needs_parameters(each)), actions[0])
        target = {"apiVersion": kind.api_version, "kind": kind.kind, "name": "gone"}
        target |= {"namespace": "shop"} if kind.namespaced else {}
        manifest = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "gone"}}
        parameters = {"manifest": json.dumps(manifest)} if needs_parameters(action) else {}
        await create(cluster, f"gone-{kind.plural}", action.name, target, **parameters)


async def with_files(cluster: FakeCluster) -> None:
    """What an action's command is given as a file, and what it must know beside its target."""
    patch = MergePatch({"spec": {"template": {"metadata": {"labels": {"revision": "2"}}}}})
    await cluster.client.patch(Deployment, "web", patch, namespace="shop")
    await cluster.settled()
    await create(cluster, "back", "rollback-deployment", WEB)
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new", "namespace": "shop"}}
    place = {"apiVersion": "v1", "kind": "Namespace", "name": "shop"}
    await create(cluster, "new", "apply-manifest", place, manifest=json.dumps(settings))
    await cluster.settled()
    await cluster.advance(seconds=60)
    assert await phase(cluster, "back") == "rollback_ready"


async def left_behind(cluster: FakeCluster) -> None:
    """The Lease of a workflow that is gone."""
    web = await cluster.client.get(Deployment, "web", namespace="shop")
    held = {"kind": "WorkflowExecution", "namespace": "shop", "name": "gone"}
    notes = {f"kubernaut.io/holder-{part}": text for part, text in held.items()}
    metadata = ObjectMeta(name=f"target-{web.uid}", namespace="kubernaut-executor", annotations=notes)
    await cluster.client.create(Lease(metadata=metadata, spec=LeaseSpec(holder_identity="gone")))


def needs_parameters(action: Action) -> bool:
    return any(field.is_required() for field in action.parameters.model_fields.values())


async def lives(cluster: FakeCluster) -> None:
    """Executions of several actions: also without their target, after a workflow that is gone, deleted at work."""
    pods = await cluster.client.list(Pod, namespace="shop")
    node = (await cluster.client.list(Node))[0].name
    await left_behind(cluster)
    await create(cluster, "scale", "scale-deployment", WEB, replicas=5)
    await cluster.settled()
    await create(cluster, "restart", "restart-pod", {"kind": "Pod", "namespace": "shop", "name": pods[0].name})
    await create(cluster, "cordon", "cordon-node", {"kind": "Node", "name": node})
    await cluster.settled()
    await cluster.advance(seconds=60)
    await create(cluster, "deleted", "scale-deployment", WEB, replicas=3)
    await cluster.advance(seconds=0.5)
    await cluster.client.delete(KubernetesExecution, "deleted", namespace="shop")
    await missing_targets(cluster)
    await with_files(cluster)
    await create(cluster, "unapproved", "scale-deployment", {**WEB, "namespace": "prod"}, replicas=0)
    await cluster.advance(minutes=2)
    await cluster.settled()
    assert await phase(cluster, "scale") == "rollback_ready"
    assert await phase(cluster, "restart") == "completed"
    assert await phase(cluster, "cordon") == "rollback_ready"
    assert await phase(cluster, "gone-pods") == "failed"
    with pytest.raises(NotFound):
        await phase(cluster, "deleted")


def counted(client: Client, permissions: Sequence[Permission]) -> tuple[Client, DeclaredTransport]:
    made: list[DeclaredTransport] = []

    def count(inner: Transport) -> DeclaredTransport:
        made.append(DeclaredTransport(inner, permissions))
        return made[0]

    return client.through(count), made[0]


@pytest.mark.cluster(rbac=True)
async def test_the_rendered_rights_are_enough_and_each_of_them_is_used(cluster: FakeCluster) -> None:
    wanted = installation(controllers=["executions", "approvals"])
    client, limit = counted(await install(cluster, wanted), wanted.all_permissions)
    await certify(client, wanted)
    for kind in CONFIGURATIONS:
        hook = (await cluster.client.get(kind, NAME)).to_dict()
        assert all(entry["clientConfig"]["caBundle"] for entry in hook["webhooks"])
        await cluster.client.delete(kind, NAME)  # nobody serves them here
    async with manager_of(client, wanted, cache=CacheOptions(streaming=False)).running():
        await lives(cluster)
    limit.check()
    # An Event is patched when it is repeated, which these executions give no cause to (tests/reconcile/permissions do);
    # a watch of a configuration begins without a list; what is owned could be applied, where this is created.
    elsewhere = {("patch", "events"), *(("list", kind.resource_type.plural) for kind in CONFIGURATIONS)}
    elsewhere |= {("patch", "approvalrequests"), ("update", "kubernetesexecutions/finalizers")}
    # What a rollback is told by a Secret of its own goes when that is done (tests/remediation/test_rollback_secret).
    elsewhere |= {("delete", "secrets")}
    unused = {(verb, right.path) for right in limit.unused for verb in right.verbs} - elsewhere
    assert not unused, "take these rights away, or let an execution of this test use them"


@pytest.mark.cluster(rbac=True)
@pytest.mark.parametrize("namespaces", [[], ["shop"]], ids=["everywhere", "in namespaces"])
async def test_the_rendered_rights_are_enough_from_a_signal_to_a_healthy_target(
    cluster: FakeCluster, namespaces: list[str]
) -> None:
    cluster.behaviour = given.by_image({given.BROKEN: given.UNPULLABLE})
    wanted = installation(webhooks=False, **({"namespace": namespaces} if namespaces else {}))
    client, limit = counted(await install(cluster, wanted), wanted.all_permissions)
    async with manager_of(client, wanted).running():
        bad = {"containers": [{"name": "web", "image": given.BROKEN}]}
        rollout = MergePatch({"spec": {"template": {"spec": bad}}})
        await cluster.client.patch(Deployment, "web", rollout, namespace="shop")
        await cluster.advance(minutes=3)
        target, signal = WEB, {"name": "RolloutStuck", "fingerprint": "f1"}
        for name in ("heal", "deleted"):
            metadata = {"name": name, "namespace": "shop"}
            spec = {"signal": signal, "target": target}
            await cluster.client.create(RemediationRequest.from_dict({"metadata": metadata, "spec": spec}))
        await cluster.advance(minutes=4)
        made = [each.status.reason for each in await cluster.client.list(RemediationRequest, namespace="shop")]
        told = [each.status.message for each in await cluster.client.list(RemediationRequest, namespace="shop")]
        assert sorted(map(str, made)) == ["DuplicateSignal", "Remediated"], told
        for name in ("heal", "deleted"):
            await cluster.client.delete(RemediationRequest, name, namespace="shop")
        await cluster.advance(seconds=30)
        for kind in (RemediationRequest, WorkflowExecution, KubernetesExecution):
            assert not len(await cluster.client.list(kind, namespace="shop"))
    limit.check()


@pytest.mark.cluster(rbac=True)
async def test_restricted_to_namespaces_the_rights_are_enough_there_and_give_none_elsewhere(
    cluster: FakeCluster,
) -> None:
    wanted = installation(namespace=["shop"], webhooks=False, max_concurrent=1)
    client = await install(cluster, wanted)
    async with manager_of(client, wanted).running():
        await create(cluster, "scale", "scale-deployment", WEB, replicas=5)
        await cluster.settled()
        assert await phase(cluster, "scale") == "rollback_ready"
    with pytest.raises(Forbidden):
        await client.list(KubernetesExecution, namespace="default")


@pytest.mark.cluster(rbac=True)
async def test_the_controllers_cannot_do_what_the_actions_do(cluster: FakeCluster) -> None:
    client = await install(cluster, installation())
    pod = (await cluster.client.list(Pod, namespace="shop"))[0].name
    with pytest.raises(Forbidden):
        await client.delete(Pod, pod, namespace="shop")
    for path in ("/api/v1/namespaces/shop/secrets", "/api/v1/namespaces/kubernaut-system/secrets"):
        with pytest.raises(Forbidden):
            await client.request("GET", path)

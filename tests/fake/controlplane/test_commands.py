"""Commands of pods: as their ServiceAccount, noticed when they end; in the interpreter and in real kubectl alike."""

import shutil
from dataclasses import dataclass
from typing import Any

import pytest

from kubernaut.actions import Catalog
from kubernaut.fake import FakeCluster
from kubernaut.resources import Resource
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Node, Pod, ServiceAccount
from kubernaut.resources.builtin.rbac_v1 import ClusterRole, ClusterRoleBinding
from tests.fake.controlplane.objects import deployment, pod, pods, true_conditions

KUBECTL = shutil.which("kubectl")
CATALOG = Catalog.builtin(image="registry.k8s.io/kubectl:v1.36.0")
USER = "system:serviceaccount:default:actor"
pytestmark = pytest.mark.virtual_time

CASES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "scale-deployment": ({"kind": "Deployment", "namespace": "default", "name": "web"}, {"replicas": 3}),
    "restart-pod": ({"kind": "Pod", "namespace": "default", "name": "victim"}, {"gracePeriodSeconds": 5}),
    "cordon-node": ({"kind": "Node", "name": "node-1"}, {}),
    "uncordon-node": ({"kind": "Node", "name": "node-2"}, {}),
}

DELETE = ["kubectl", "delete", "pod", "victim", "--grace-period", "5", "--wait=true"]


@dataclass(frozen=True)
class Seen:
    """What is to be alike."""

    outcome: dict[str, str]
    exit_code: int
    log: str
    writes: list[tuple[str, str, int]]
    world: dict[str, Any]


def command_job(argv: list[str], account: str = "actor") -> Job:
    container = {"name": "main", "image": "registry.k8s.io/kubectl:v1.36.0", "command": argv}
    spec = {"restartPolicy": "Never", "serviceAccountName": account, "containers": [container]}
    body = {"template": {"spec": spec}, "backoffLimit": 0, "activeDeadlineSeconds": 300}
    return Job.from_dict({"metadata": {"name": "act", "namespace": "default"}, "spec": body})


async def prepare(cluster: FakeCluster, rules: list[dict[str, Any]]) -> None:
    await cluster.client.create(deployment())
    await cluster.client.create(pod("victim"))
    live = await cluster.client.get(Node, "node-2")
    live.spec.unschedulable = True
    await cluster.client.update(live)
    metadata = {"name": "actor"}
    account = {"metadata": {**metadata, "namespace": "default"}}
    await cluster.client.create(ServiceAccount.from_dict(account))
    await cluster.client.create(ClusterRole.from_dict({"metadata": metadata, "rules": rules}))
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "actor"}
    subjects = [{"kind": "ServiceAccount", "name": "actor", "namespace": "default"}]
    binding = {"metadata": metadata, "roleRef": reference, "subjects": subjects}
    await cluster.client.create(ClusterRoleBinding.from_dict(binding))
    await cluster.settled()


async def world(cluster: FakeCluster) -> dict[str, Any]:
    web = await cluster.client.get(Deployment, "web", namespace="default")
    nodes = {node.name: bool(node.spec.unschedulable) for node in await cluster.client.list(Node)}
    victims = [one.status.phase for one in await pods(cluster, app="victim")]
    return {"replicas": web.spec.replicas, "ready": web.status.ready_replicas, "nodes": nodes, "victims": victims}


async def carried_out(action: str, kubectl: str | None, *, allowed: bool = True, missing: bool = False) -> Seen:
    target, parameters = CASES[action]
    rules = [rule.to_dict() for rule in CATALOG.get(action).rbac(None)] if allowed else []
    if action == "restart-pod":
        # The action itself sends a raw request; what is meant here is the deletion that waits.
        rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "delete"]}]
    async with FakeCluster(rbac=True, kubectl=kubectl) as cluster:
        await prepare(cluster, rules)
        kinds: dict[str, type[Resource]] = {"Deployment": Deployment, "Pod": Pod, "Node": Node}
        kind = kinds[target["kind"]]
        live = (await cluster.client.get(kind, target["name"], namespace=target.get("namespace"))).to_dict()
        invocation = CATALOG.invocation(action, target, parameters, live)
        argv = DELETE if action == "restart-pod" else CATALOG.get(action).command(invocation)
        if missing:
            argv = [word.replace(target["name"], "absent") if word.endswith(target["name"]) else word for word in argv]
        await cluster.client.create(command_job(argv))
        await cluster.settled()
        done = await cluster.client.get(Job, "act", namespace="default")
        (ran,) = await pods(cluster, **{"job-name": "act"})
        ended = ran.status.container_statuses[0].state.terminated
        assert ended is not None
        path = Pod.resource_type.path("default", ran.name, "log")
        log = (await cluster.client.request("GET", path)).body.decode()
        writes = [
            (request.verb, request.path, request.code)
            for request in cluster.requests
            if request.user == USER and request.verb not in ("get", "list", "watch")
        ]
        # kubectl says since 1.34 from which namespace it deleted; the interpreter does.
        log = log.replace(" from default namespace", "")
        return Seen(true_conditions(done.status), ended.exit_code, log, writes, await world(cluster))


@pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on this machine")
@pytest.mark.parametrize(
    ("action", "variant"),
    [*((action, "allowed") for action in sorted(CASES)), ("scale-deployment", "forbidden"), ("restart-pod", "missing")],
)
async def test_the_interpreter_does_what_kubectl_does(action: str, variant: str) -> None:
    options = {"allowed": variant != "forbidden", "missing": variant == "missing"}
    interpreted = await carried_out(action, None, **options)
    real = await carried_out(action, KUBECTL, **options)
    assert interpreted == real
    assert (interpreted.exit_code == 0) is (variant == "allowed")


@pytest.mark.cluster(kubectl="/nonexistent/kubectl")
async def test_a_program_that_cannot_be_started_fails_the_pod(cluster: FakeCluster) -> None:
    await cluster.client.create(command_job(["kubectl", "get", "pods"], "default"))
    await cluster.settled()
    (ran,) = await pods(cluster)
    ended = ran.status.container_statuses[0].state.terminated
    assert ended is not None and ended.exit_code == 127
    log = await cluster.client.request("GET", Pod.resource_type.path("default", ran.name, "log"))
    assert log.body == b"/nonexistent/kubectl: No such file or directory\n"


async def test_nobody_looks_whether_a_command_has_ended(cluster: FakeCluster) -> None:
    await cluster.client.create(pod("victim"))
    await cluster.settled()
    victim = await cluster.client.get(Pod, "victim", namespace="default")
    victim.metadata.finalizers = ["example.com/hold"]
    await cluster.client.update(victim)
    await cluster.client.create(command_job(["kubectl", "delete", "pod", "victim"], "default"))
    await cluster.advance(seconds=60)
    before = len(cluster.requests)
    await cluster.advance(seconds=120)
    assert [request for request in cluster.requests[before:] if request.verb != "watch"] == []
    (ran,) = await pods(cluster, **{"job-name": "act"})
    assert ran.status.phase == "Running"
    victim = await cluster.client.get(Pod, "victim", namespace="default")
    victim.metadata.finalizers = []
    await cluster.client.update(victim)
    await cluster.advance(seconds=1)
    assert "Complete" in true_conditions((await cluster.client.get(Job, "act", namespace="default")).status)


async def test_a_command_ends_with_its_pod(cluster: FakeCluster) -> None:
    held = pod("victim")
    held.metadata.finalizers = ["example.com/hold"]
    await cluster.client.create(held)
    await cluster.client.create(command_job(["kubectl", "delete", "pod", "victim"], "default"))
    await cluster.settled()
    await cluster.client.delete(Job, "act", namespace="default", propagation="Background")
    await cluster.settled()
    assert [one.name for one in await pods(cluster)] == ["victim"]

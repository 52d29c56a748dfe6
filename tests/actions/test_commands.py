"""Each action's command does what it says, with its rights alone, in the interpreter and in the real kubectl alike."""

from __future__ import annotations

import asyncio
import re
import shutil
from dataclasses import dataclass
from typing import Any

import pytest

from kubernaut.actions import job_name
from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Pod, ServiceAccount
from kubernaut.resources.builtin.rbac_v1 import ClusterRole, ClusterRoleBinding
from kubernaut.testing import VirtualTimeLoop
from tests.actions.cases import CASES, CATALOG, prepare, start, state

KUBECTL = shutil.which("kubectl")
USER = "system:serviceaccount:default:actor"


@dataclass(frozen=True)
class Seen:
    """What is to be alike."""

    success: bool
    exit_code: int | None
    log: list[str]
    writes: list[tuple[str, str, int]]
    state: dict[str, Any]


def test_there_is_a_case_for_every_action_of_the_catalog() -> None:
    assert sorted({case.action for case in CASES.values()}) == CATALOG.names()


ORDER = (
    "apply-manifest",
    "patch-resource",
    "delete-resource",
    "apply-manifest-new",
    "update-image",
    "patch-resource-strategic",
    "patch-resource-json",
    "rollback-deployment-to",
    "rollback-deployment",
    "restart-deployment",
    "scale-deployment",
    "collect-logs",
    "restart-pod",
    "cordon-node",
    "uncordon-node",
    "drain-node",
)
DRY = ("apply-manifest", "delete-resource", "drain-node", "patch-resource-json", "rollback-deployment")


async def run_all(kubectl: str | None) -> dict[str, Seen]:
    """Every case after each other in one cluster, first the dry runs."""
    seen: dict[str, Seen] = {}
    async with FakeCluster(rbac=True, kubectl=kubectl, nodes=3) as cluster:
        await prepare(cluster)
        await bind(cluster)
        seen["before"] = Seen(True, None, [], [], await state(cluster.client))
        for number, name in enumerate([*(f"{name} dry" for name in DRY), *ORDER], 1):
            seen[name] = await run_one(cluster, name.removesuffix(" dry"), name.endswith(" dry"), number)
    return seen


async def bind(cluster: FakeCluster) -> None:
    metadata = {"name": "actor"}
    await cluster.client.create(ServiceAccount.from_dict({"metadata": {**metadata, "namespace": "default"}}))
    await cluster.client.create(ClusterRole.from_dict({"metadata": metadata, "rules": []}))
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "actor"}
    subjects = [{"kind": "ServiceAccount", "name": "actor", "namespace": "default"}]
    binding = {"metadata": metadata, "roleRef": reference, "subjects": subjects}
    await cluster.client.create(ClusterRoleBinding.from_dict(binding))


async def run_one(cluster: FakeCluster, name: str, dry_run: bool, number: int) -> Seen:
    case, client = CASES[name], cluster.client
    rules = [rule.to_dict() for rule in CATALOG.get(case.action).rbac(None)]
    await client.patch(ClusterRole, "actor", MergePatch({"rules": rules}))
    before = len(cluster.requests)
    plan = await start(cluster, case, "actor", dry_run=dry_run, number=number)
    key = job_name(case.action, plan.execution_uid, dry_run)
    for _ in range(60):
        await cluster.advance(seconds=1)
        job = await client.get(Job, key, namespace="default")
        if job.status.conditions:
            break
    await cluster.settled()
    job = await client.get(Job, key, namespace="default")
    (pod,) = await client.list(Pod, namespace="default", labels={"job-name": job.name})
    ended = pod.status.container_statuses[0].state.terminated
    log = (await client.request("GET", Pod.resource_type.path("default", pod.name, "log"))).body.decode()
    writes = [
        (request.verb, steady(request.path), request.code)
        for request in cluster.requests[before:]
        if request.user == USER and request.verb not in ("get", "list", "watch")
    ]
    await client.delete(Job, key, namespace="default", propagation="Background")
    await cluster.settled()
    done = any(condition.type == "Complete" and condition.status == "True" for condition in job.status.conditions)
    # How many pods a node has depends on what else went on.
    lines = sorted({steady(line) for line in log.splitlines()})
    return Seen(done, ended.exit_code if ended else None, lines, sorted(set(writes)), await state(client))


@pytest.fixture(scope="module")
def interpreted() -> dict[str, Seen]:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(run_all(None))


@pytest.fixture(scope="module")
def real() -> dict[str, Seen]:
    if KUBECTL is None:
        pytest.skip("there is no kubectl on this machine")
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(run_all(KUBECTL))


def steady(text: str) -> str:
    """Without what is made up anew in each cluster."""
    text = re.sub(r"web-[a-z0-9]+-[a-z0-9]{5}", "web-POD", text)
    text = re.sub(r'"uid":"[^"]*"', '"uid":"UID"', text)
    # kubectl says since 1.34 from which namespace it deleted; the interpreter does.
    return text.replace(" from default namespace", "")


def timeless(seen: Seen) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "TIME", str(seen))


@pytest.mark.parametrize("name", ORDER)
def test_an_action_succeeds_with_its_own_rights_alone(name: str, interpreted: dict[str, Seen]) -> None:
    assert interpreted[name].success and interpreted[name].exit_code == 0, interpreted[name].log


@pytest.mark.parametrize("name", [*(f"{name} dry" for name in DRY), *ORDER])
def test_the_interpreter_does_what_kubectl_does(name: str, interpreted: dict[str, Seen], real: dict[str, Seen]) -> None:
    assert timeless(interpreted[name]) == timeless(real[name])


@pytest.mark.parametrize("name", DRY)
def test_a_dry_run_passes_and_changes_nothing(name: str, interpreted: dict[str, Seen]) -> None:
    seen = interpreted[f"{name} dry"]
    assert seen.success, seen.log
    assert seen.state == interpreted["before"].state


def test_what_each_action_has_changed(interpreted: dict[str, Seen]) -> None:
    after = {name: seen.state for name, seen in interpreted.items()}
    images = {name: each["template"]["spec"]["containers"][0]["image"] for name, each in after.items()}
    assert after["apply-manifest"]["maps"] == {"settings": {"mode": "slow", "kept": "yes"}}
    assert after["patch-resource"]["maps"] == {"settings": {"mode": "slow", "kept": "yes", "new": "field"}}
    assert after["delete-resource"]["maps"] == {}
    assert after["apply-manifest-new"]["maps"] == {"fresh": {"a": "b"}}
    assert images["update-image"].startswith("registry.example/web:3@sha256:")
    assert images["patch-resource-strategic"] == images["patch-resource-json"] == "web:9"
    assert after["patch-resource-json"]["labels"] == {"team": "a"}
    assert images["rollback-deployment-to"] == "web:1"
    assert images["rollback-deployment"] == "web:9"
    assert "kubectl.kubernetes.io/restartedAt" in after["restart-deployment"]["template"]["metadata"]["annotations"]
    assert after["scale-deployment"]["replicas"] == 5
    assert after["cordon-node"]["nodes"] == {"node-1": True, "node-2": True, "node-3": False}
    assert after["uncordon-node"]["nodes"] == {"node-1": True, "node-2": False, "node-3": False}

"""Each action on a real API server: its Job is offered, and the real kubectl runs its commands with its rights."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from kubernaut.actions import Invocation, JobPlan, Parameters, build_job, build_secret, rbac_manifests
from kubernaut.actions.action import FILES_PATH, service_account_name
from kubernaut.client import Client, MergePatch, NotFound
from kubernaut.resources.builtin.apps_v1 import DaemonSet, Deployment, ReplicaSet
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace, Node, Pod, ServiceAccount
from kubernaut.resources.builtin.rbac_v1 import ClusterRole, ClusterRoleBinding
from kubernaut.testing import EnvTest
from tests.actions.cases import CASES, CATALOG, Case, deployment, read
from tests.fake.kubectl.running import KUBECTL, Ran

EXECUTOR = "kubernaut-executor"
REVISION = "deployment.kubernetes.io/revision"
SECONDS = 60
# It evicts what the others leave on its node.
LAST = "drain-node"
ORDER = sorted(CASES, key=lambda name: (name == LAST, name))
# Which of a manifest's two ways is taken, and for which kind, is known once it is read.
NEEDED = {"apply-manifest": {"patch configmaps"}, "apply-manifest-new": {"create configmaps"}}
NOT_RUN = Ran(-1, "", "")


@dataclass
class Seen:
    """What came of one case. `lacking`: its command without one right each; `state` is of what actions change."""

    job: Job
    lacking: dict[str, Ran] = field(default_factory=dict)
    dry: Ran = NOT_RUN
    done: Ran = NOT_RUN
    states: dict[str, dict[str, Any]] = field(default_factory=dict)


def placed(name: str) -> Case:
    """The case, in a namespace of its own."""
    case = CASES[name]
    target = dict(case.target)
    if "namespace" in target:
        target["namespace"] = place(name)
    if target["kind"] == "Namespace":
        target["name"] = place(name)
    return replace(case, target=target)


def place(name: str) -> str:
    return f"case-{name}"


# The world.


async def prepare(client: Client) -> None:
    """Two nodes, the actions' accounts, and for each case a namespace with what its action needs."""
    for name in ("node-1", "node-2"):
        spec = {"unschedulable": True} if name == "node-2" else {}
        await client.create(Node.from_dict({"metadata": {"name": name}, "spec": spec}))
    for manifest in rbac_manifests(CATALOG):
        await client.create(manifest)
    await asyncio.gather(*(_furnish(client, place(name)) for name in CASES))
    await _agent(client, place(LAST))


async def _furnish(client: Client, namespace: str) -> None:
    await client.create(Namespace.from_dict({"metadata": {"name": namespace}}))
    settings = {"metadata": {"name": "settings", "namespace": namespace}, "data": {"mode": "fast", "kept": "yes"}}
    await client.create(ConfigMap.from_dict(settings))
    web = deployment(replicas=1)
    web.metadata.namespace = namespace
    await client.create(web)
    await until(lambda: _revisions(client, namespace, 1))
    template = {"containers": [{"name": "main", "image": "web:2"}]}
    await client.patch(Deployment, "web", MergePatch({"spec": {"template": {"spec": template}}}), namespace=namespace)
    await until(lambda: _revisions(client, namespace, 2))
    await until(lambda: _is_there(client, namespace))
    await _victim(client, namespace)


async def _victim(client: Client, namespace: str) -> None:
    # Without a kubelet nobody ends it: it has no time to end in.
    spec = {
        "nodeName": "node-1",
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "main", "image": "nginx"}],
    }
    await client.create(Pod.from_dict({"metadata": {"name": "victim", "namespace": namespace}, "spec": spec}))


async def _is_there(client: Client, namespace: str) -> bool:
    """The account that pods run as, and its token."""
    try:
        account = await client.get(ServiceAccount, "default", namespace=namespace)
    except NotFound:
        return False
    return bool(account.to_dict().get("secrets"))


async def _revisions(client: Client, namespace: str, count: int) -> bool:
    found = await client.list(ReplicaSet, namespace=namespace)
    return len([each for each in found if (each.metadata.annotations or {}).get(REVISION)]) == count


async def _agent(client: Client, namespace: str) -> None:
    """A DaemonSet with its pod on node-1, as the scheduler would bind it."""
    labels = {"app": "agent"}
    # No kubelet says that the nodes are ready.
    pod_spec = {"containers": [{"name": "c", "image": "i"}], "tolerations": [{"operator": "Exists"}]}
    template = {"metadata": {"labels": labels}, "spec": pod_spec}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": "agent", "namespace": namespace}
    await client.create(DaemonSet.from_dict({"metadata": metadata, "spec": spec}))
    pod = await until(lambda: _agents_pod(client, namespace))
    target = {"apiVersion": "v1", "kind": "Node", "name": "node-1"}
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod.name}, "target": target}
    await client.request("POST", f"/api/v1/namespaces/{namespace}/pods/{pod.name}/binding", body=body)


async def _agents_pod(client: Client, namespace: str) -> Pod | None:
    for pod in await client.list(Pod, namespace=namespace, labels={"app": "agent"}):
        if "node-1" in json.dumps(pod.to_dict()["spec"]["affinity"]):
            return pod
    return None


async def until(found: Callable[[], Awaitable[Any]]) -> Any:
    """Wait for a controller's work; what it came to."""
    async with asyncio.timeout(SECONDS):
        while not (came := await found()):
            await asyncio.sleep(0.1)
    return came


async def state(client: Client, namespace: str) -> dict[str, Any]:
    """What the actions change."""
    web = (await client.get(Deployment, "web", namespace=namespace)).to_dict()
    maps = await client.list(ConfigMap, namespace=namespace)
    pods = {pod.name: pod for pod in await client.list(Pod, namespace=namespace)}
    return {
        "web": web["spec"],
        "labels": web["metadata"].get("labels", {}),
        "nodes": {node.name: bool(node.spec.unschedulable) for node in await client.list(Node)},
        "maps": {each.name: dict(each.data) for each in maps if each.name != "kube-root-ca.crt"},
        "victim": "victim" in pods and pods["victim"].metadata.deletion_timestamp is None,
        "agents": len([name for name, pod in pods.items() if name.startswith("agent") and pod.spec.node_name]),
    }


# Rights.


def lacking(name: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each right that the case needs, and the rules without it."""
    case = placed(name)
    rules = [rule.to_dict() for rule in CATALOG.get(case.action).rbac(CATALOG.resolve_target(case.action, case.target))]
    for index, rule in enumerate(rules):
        for verb in rule["verbs"]:
            right = f"{verb} {rule['resources'][0]}"
            if right in NEEDED.get(name, {right}):
                left = {**rule, "verbs": [other for other in rule["verbs"] if other != verb]}
                rest = [left] if left["verbs"] else []
                yield right, [*rules[:index], *rest, *rules[index + 1 :]]


def lacks(name: str, right: str) -> str:
    """The user who has all of them but one."""
    return f"{name}-without-{right.replace(' ', '-').replace('/', '-')}"


async def give_rights(client: Client) -> None:
    for name in CASES:
        for right, rules in lacking(name):
            user = lacks(name, right)
            await client.create(ClusterRole.from_dict({"metadata": {"name": user}, "rules": rules}))
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user}
            subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]
            binding = {"metadata": {"name": user}, "roleRef": reference, "subjects": subjects}
            await client.create(ClusterRoleBinding.from_dict(binding))


# Commands.


class Runner:
    """Runs what a pod would run. `folder` takes kubeconfigs, and the files that the pod would find under FILES_PATH."""

    def __init__(self, env: EnvTest, folder: Path) -> None:
        self._env, self._folder = env, folder

    async def as_account(self, action: str) -> Path:
        """The kubeconfig of the action's ServiceAccount."""
        path = self._folder / f"account-{action}"
        if not path.exists():
            account = service_account_name(action)
            path.write_text(json.dumps(await self._env.kubeconfig_for_service_account(EXECUTOR, account)))
        return path

    def as_user(self, user: str) -> Path:
        path = self._folder / f"user-{user}"
        path.write_text(json.dumps(self._env.kubeconfig(user, ["sre"])))
        return path

    async def run(self, invocation: Invocation[Parameters], action: str, who: Path, *, dry_run: bool = False) -> Ran:
        found = CATALOG.get(action)
        argv = found.dry_run_command(invocation) if dry_run else found.command(invocation)
        return await asyncio.to_thread(self._run, argv, found.files(invocation, dry_run=dry_run), who)

    def _run(self, argv: list[str], files: Mapping[str, str], who: Path) -> Ran:
        assert KUBECTL is not None and argv[0] == "kubectl"
        for name, text in files.items():
            (self._folder / name).write_text(text)
        done = subprocess.run(
            [KUBECTL, *(part.replace(FILES_PATH, str(self._folder)) for part in argv[1:])],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder), "KUBECONFIG": str(who)},
        )
        return Ran(done.returncode, done.stdout, done.stderr)


async def offer(client: Client, name: str, invocation: Invocation[Parameters]) -> Job:
    """The Job and its Secret, which the server would take; neither is made. Raises ApiError."""
    case, action = placed(name), CATALOG.get(CASES[name].action)
    plan = JobPlan(
        execution_name="fix",
        execution_namespace=place(name),
        execution_uid="01234567-89ab-cdef-0123-456789abcdef",
        action=case.action,
        argv=action.command(invocation),
        image=action.image,
        service_account=service_account_name(case.action),
        namespace=EXECUTOR,
        timeout=timedelta(minutes=5),
        idempotent=action.idempotent,
        avoid_node=action.avoid_node(invocation),
        files=action.files(invocation),
    )
    job = await client.create(build_job(plan), dry_run=True)
    secret = build_secret(plan, job)
    if secret is not None:
        await client.create(secret, dry_run=True)
    return job


async def carry_out(client: Client, runner: Runner, name: str) -> Seen:
    """All that a case shows, one command after the other."""
    case, namespace = placed(name), place(name)
    for node, cordoned in (("node-1", None), ("node-2", True)):
        await client.patch(Node, node, MergePatch({"spec": {"unschedulable": cordoned}}))
    invocation = await read(client, case)
    seen = Seen(await offer(client, name, invocation))
    seen.states["before"] = await state(client, namespace)
    for right, _ in lacking(name):
        seen.lacking[right] = await runner.run(invocation, case.action, runner.as_user(lacks(name, right)))
        if case.action == LAST:
            # Of its two steps one may have been allowed.
            await client.patch(Node, "node-1", MergePatch({"spec": {"unschedulable": None}}))
            if not (await state(client, namespace))["victim"]:
                await _victim(client, namespace)
    account = await runner.as_account(case.action)
    seen.states["refused"] = await state(client, namespace)
    seen.dry = await runner.run(invocation, case.action, account, dry_run=True)
    seen.states["dry"] = await state(client, namespace)
    seen.done = await runner.run(invocation, case.action, account)
    seen.states["done"] = await state(client, namespace)
    await remove(client, namespace)
    return seen


async def remove(client: Client, namespace: str) -> None:
    """The pod that a deletion with a grace period has left behind."""
    try:
        await client.delete(Pod, "victim", namespace=namespace, grace_period=0)
    except NotFound:
        return


async def carry_out_all(env: EnvTest, folder: Path) -> dict[str, Seen]:
    async with env.client() as client:
        await prepare(client)
        await give_rights(client)
        runner = Runner(env, folder)
        return {name: await carry_out(client, runner, name) for name in ORDER}

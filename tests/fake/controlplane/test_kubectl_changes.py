"""The interpreter's commands beyond single objects: drain, logs, rollouts, images, files; worded as kubectl's are."""

from __future__ import annotations

import json

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.kubectl import kubectl
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import ConfigMap, Node, Pod
from kubernaut.resources.builtin.policy_v1 import PodDisruptionBudget
from tests.fake.controlplane.objects import daemon_set, deployment, pod, pods, set_image

pytestmark = pytest.mark.virtual_time
FILE = "/tmp/given.json"


async def run(cluster: FakeCluster, line: str, given: object = None) -> tuple[int, str]:
    files = {} if given is None else {FILE: (given if isinstance(given, str) else json.dumps(given)).encode()}
    done = await kubectl(cluster.client, line.split(), files=files)
    return done.exit_code, done.log


def config_map(name: str = "c", **data: str) -> dict[str, object]:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.mark.cluster(controlplane=False)
async def test_objects_in_files_are_created_and_applied(cluster: FakeCluster) -> None:
    assert await run(cluster, f"create -f {FILE} --dry-run=server", config_map(a="b")) == (
        0,
        "configmap/c created (server dry run)\n",
    )
    assert await run(cluster, f"create -f {FILE}", config_map(a="b")) == (0, "configmap/c created\n")
    again = f'Error from server (AlreadyExists): error when creating "{FILE}": configmaps "c" already exists\n'
    assert await run(cluster, f"create -f {FILE}", config_map(a="b")) == (1, again)
    code, log = await run(cluster, f"apply --server-side -f {FILE}", config_map(a="c"))
    assert code == 1
    assert log.startswith('error: Apply failed with 1 conflict: conflict with "kubectl-create" using v1: .data.a\n')
    assert "`--force-conflicts` flag" in log
    code, log = await run(cluster, f"apply --server-side --force-conflicts -f {FILE}", config_map(a="c"))
    assert (code, log) == (0, "configmap/c serverside-applied\n")
    assert (await cluster.client.get(ConfigMap, "c", namespace="default")).data == {"a": "c"}


@pytest.mark.cluster(controlplane=False)
@pytest.mark.parametrize(
    ("line", "given", "log"),
    [
        ("create", None, "error: must specify one of -f and -k\nSee 'kubectl create -h' for help and examples\n"),
        ("create -f /nix", None, 'error: the path "/nix" does not exist\n'),
        ("apply --server-side -f /nix", None, 'error: the path "/nix" does not exist\n'),
        ("delete --raw /api/v1/nodes/c -f /nix", None, "error: open /nix: no such file or directory\n"),
        ("patch cm c --patch-file /nix", None, "error: unable to read patch file: open /nix: no such file or dir"),
        (f"apply -f {FILE}", {}, "error: only apply --server-side is understood here\n"),
        (f"create -f {FILE}", {"a": 1}, "error: unable to decode"),
        (f"create -f {FILE} -n other", config_map(), 'error: the namespace from the provided object "default"'),
        (f"create -f {FILE}", {**config_map(), "apiVersion": "x.y/v1"}, "error: resource mapping not found for name"),
        ("rollout status deployment/web", None, 'error: unknown command "status" for "kubectl rollout"\n'),
        ("rollout restart", None, "error: required resource not specified\n"),
        ("set image deployment/web", None, "error: at least one image update is required\n"),
        ("set env deployment/web A=b", None, 'error: unknown command "env" for "kubectl set"\n'),
        ("logs nix", None, 'error: error from server (NotFound): pods "nix" not found in namespace "default"\n'),
        ("logs", None, "error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\n"),
        ("drain", None, "error: USAGE: drain NODE [flags]\nSee 'kubectl drain -h' for help and examples\n"),
        ("drain nix", None, 'Error from server (NotFound): nodes "nix" not found\n'),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_says_so(cluster: FakeCluster, line: str, given: object, log: str) -> None:
    code, got = await run(cluster, line, given)
    assert code == 1
    assert got.startswith(log)


@pytest.mark.cluster(controlplane=False)
async def test_a_raw_deletion_holds_for_one_uid(cluster: FakeCluster) -> None:
    made = await cluster.client.create(ConfigMap.from_dict(config_map()))
    line = f"delete --raw /api/v1/namespaces/default/configmaps/c -f {FILE}"
    options = {"apiVersion": "v1", "kind": "DeleteOptions"}
    code, log = await run(cluster, line, {**options, "preconditions": {"uid": "another"}})
    assert code == 1 and "Error from server (Conflict)" in log
    code, log = await run(cluster, line, {**options, "preconditions": {"uid": made.uid}, "dryRun": ["All"]})
    assert code == 0 and await cluster.client.get(ConfigMap, "c", namespace="default")
    code, log = await run(cluster, line, {**options, "preconditions": {"uid": made.uid}})
    assert code == 0 and json.loads(log)["status"] == "Success"


async def test_rollouts_and_images(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment())
    await cluster.settled()
    assert await run(cluster, "rollout undo deployment/web") == (
        1,
        'error: no rollout history found for deployment "web"\n',
    )
    assert await run(cluster, "set image deployment/web main=nginx:2") == (0, "deployment.apps/web image updated\n")
    assert await run(cluster, "set image deployment/web main=nginx:2") == (0, "")
    assert await run(cluster, "set image deployment/web nope=nginx:2") == (
        1,
        'error: unable to find container named "nope"\n',
    )
    await cluster.settled()
    assert await run(cluster, "rollout undo deployment/web --to-revision=9") == (
        1,
        "error: unable to find specified revision 9 in history\n",
    )
    assert await run(cluster, "rollout undo deploy web --dry-run=server") == (
        0,
        "deployment.apps/web rolled back (server dry run)\n",
    )
    assert await run(cluster, "rollout undo deploy web") == (0, "deployment.apps/web rolled back\n")
    await cluster.settled()
    live = await cluster.client.get(Deployment, "web", namespace="default")
    assert live.spec.template.spec.containers[0].image == "nginx:1"
    assert live.metadata.annotations["deployment.kubernetes.io/revision"] == "3"
    before = {one.name for one in await pods(cluster, app="web")}
    assert await run(cluster, "rollout restart deployment/web") == (0, "deployment.apps/web restarted\n")
    await cluster.settled()
    assert before.isdisjoint(one.name for one in await pods(cluster, app="web"))


async def test_logs_of_one_container_and_of_all(cluster: FakeCluster) -> None:
    await cluster.client.create(pod("p", containers=[{"name": n, "image": "nginx"} for n in ("a", "b")]))
    await cluster.settled()
    cluster.server.set_pod_log("default", "p", "a", "1\n2\n3\n")
    cluster.server.set_pod_log("default", "p", "b", "x\n")
    assert await run(cluster, "logs p -c a --tail=2") == (0, "2\n3\n")
    assert await run(cluster, "logs pod/p --tail 1") == (0, '3\nDefaulted container "a" out of: a, b\n')
    assert await run(cluster, "logs p --all-containers --prefix --tail=1") == (0, "[pod/p/a] 3\n[pod/p/b] x\n")
    assert await run(cluster, "logs p -c nope") == (1, "error: container nope is not valid for pod p\n")


DRAIN = "drain node-1"
LOCAL = "cannot delete Pods with local storage (use --delete-emptydir-data to override): default/local"
BARE = "cannot delete Pods that declare no controller (use --force to override): default/bare"
DAEMONS = "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): default/agent-POD"


async def test_a_drain_is_refused_pod_by_pod_until_every_loss_is_accepted(cluster: FakeCluster) -> None:
    await cluster.client.create(daemon_set())
    local = {"name": "l", "emptyDir": {}}
    await cluster.client.create(pod("local", nodeName="node-1", volumes=[local]))
    await cluster.client.create(pod("bare", nodeName="node-1"))
    await cluster.settled()
    agent = next(one.name for one in await pods(cluster, app="agent") if one.spec.node_name == "node-1")

    async def refused(flags: str) -> str:
        code, log = await run(cluster, f"{DRAIN} {flags}")
        assert code == 1
        return log.replace(agent, "agent-POD")

    for flags, reasons in {
        "--force --delete-emptydir-data": [DAEMONS],
        "--ignore-daemonsets --force": [LOCAL],
        "--ignore-daemonsets": [LOCAL, BARE],
    }.items():
        log = await refused(flags)
        assert all(reason in log for reason in reasons)
        assert 'error: unable to drain node "node-1" due to error: ' in log
        assert "There are pending nodes to be drained:\n node-1\n" in log
    assert (await cluster.client.get(Node, "node-1")).spec.unschedulable
    code, log = await run(cluster, f"{DRAIN} --ignore-daemonsets --force --delete-emptydir-data")
    assert code == 0
    assert "node/node-1 already cordoned\n" in log and "node/node-1 drained\n" in log
    assert "pod/bare evicted\n" in log and "pod/local evicted\n" in log
    assert [one.name for one in await cluster.client.list(Pod) if one.spec.node_name == "node-1"] == [agent]


async def test_a_drain_waits_for_the_budget_until_its_time_is_up(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment())
    budget = {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}
    metadata = {"name": "web", "namespace": "default"}
    await cluster.client.create(PodDisruptionBudget.from_dict({"metadata": metadata, "spec": budget}))
    await cluster.settled()
    (held,) = [one.name for one in await pods(cluster, app="web") if one.spec.node_name == "node-1"]
    code, log = await run(cluster, f"{DRAIN} --timeout=7s")
    assert code == 1
    retried = f'error when evicting pods/"{held}" -n "default" (will retry after 5s): '
    assert log.count(f"{retried}Cannot evict pod as it would violate the pod's disruption budget.\n") == 2
    late = f'error when evicting pods/"{held}" -n "default": global timeout reached: 7s'
    assert f'There are pending pods in node "node-1" when an error occurred: {late}\npod/{held}\n' in log
    assert f'error: unable to drain node "node-1" due to error: {late}, continuing command...\n' in log
    await set_image(cluster, Deployment, "web", "nginx:2")
    await cluster.settled()

"""The kubectl interpreter: messages and exit codes are kubectl's."""

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.kubectl import kubectl
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import ConfigMap, Node

pytestmark = pytest.mark.cluster(controlplane=False)


async def run(cluster: FakeCluster, line: str, *more: str) -> tuple[int, str]:
    done = await kubectl(cluster.client, [*line.split(), *more])
    return done.exit_code, done.log


async def web(cluster: FakeCluster) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    await cluster.client.create(
        Deployment.from_dict({"metadata": {"name": "web", "namespace": "default"}, "spec": spec})
    )
    await cluster.client.create(Node.from_dict({"metadata": {"name": "n"}}))
    await cluster.client.create(ConfigMap.from_dict({"metadata": {"name": "c", "namespace": "default"}}))


@pytest.mark.parametrize(
    ("line", "code", "log"),
    [
        ("scale deployment/web --replicas 3", 0, "deployment.apps/web scaled\n"),
        ("scale deploy web --replicas=3 --dry-run=server", 0, "deployment.apps/web scaled (server dry run)\n"),
        ("scale deployment/web --replicas=3 --current-replicas=2 -n default", 0, "deployment.apps/web scaled\n"),
        ("scale deployment/web --replicas=3 --current-replicas=4", 1, "error: Expected replicas to be 4, was 2\n"),
        ("scale deployment/x --replicas=3", 1, 'error: no objects passed to scale deployments.apps "x" not found\n'),
        ("scale deployment/web --replicas=abc", 1, None),
        ("cordon n", 0, "node/n cordoned\n"),
        ("cordon n --dry-run=server", 0, "node/n cordoned (server dry run)\n"),
        ("uncordon n", 0, "node/n already uncordoned\n"),
        ("cordon x", 1, 'Error from server (NotFound): nodes "x" not found\n'),
        ("delete configmap c", 0, 'configmap "c" deleted from default namespace\n'),
        ("delete configmap x --ignore-not-found", 0, ""),
        ("delete configmap x", 1, 'Error from server (NotFound): configmaps "x" not found\n'),
        ("label cm c a=b", 0, "configmap/c labeled\n"),
        ("annotate cm/c a=b", 0, "configmap/c annotated\n"),
        ("annotate cm/c", 1, "error: at least one annotation update is required\n"),
        ("label deploy web a- c=d --dry-run=server", 0, None),
        ("frobnicate", 1, 'error: unknown command "frobnicate" for "kubectl"\n'),
        ("get widgets", 1, 'error: the server doesn\'t have a resource type "widgets"\n'),
        ("get deploy web -o name", 0, "deployment.apps/web\n"),
        ("get deploy/web -o jsonpath={.spec.replicas}", 0, "2\n"),
        (
            "scale deployment/web --replicas=1 --frob",
            1,
            "Error: unknown flag: --frob\nSee 'kubectl scale --help' for usage.\n",
        ),
        ("patch node n -p {} --type=foo", 1, 'error: --type must be one of [json merge strategic], not "foo"\n'),
        ("scale deployment/web --replicas", 1, None),
        ("get roles", 0, "No resources found in default namespace.\n"),
    ],
)
async def test_a_command_line(cluster: FakeCluster, line: str, code: int, log: str | None) -> None:
    await web(cluster)
    got = await run(cluster, line)
    assert got[0] == code
    if log is not None:
        assert got[1] == log


async def test_patches_of_all_types(cluster: FakeCluster) -> None:
    await web(cluster)
    assert await run(cluster, "patch node n --type=merge -p", '{"spec":{"unschedulable":true}}') == (
        0,
        "node/n patched\n",
    )
    again = await run(cluster, "patch node n -p", '{"spec":{"unschedulable":true}}')
    assert again == (0, "node/n patched (no change)\n")
    test = (
        '[{"op":"test","path":"/metadata/uid","value":"x"},{"op":"replace","path":"/spec/unschedulable","value":false}]'
    )
    code, log = await run(cluster, "patch node n --type=json --patch", test)
    assert code == 1 and "the server rejected our request due to an error in our request" in log
    assert (await cluster.client.get(Node, "n")).spec.unschedulable is True


async def test_dry_runs_change_nothing(cluster: FakeCluster) -> None:
    await web(cluster)
    before = cluster.server.version
    for line in (
        "scale deploy web --replicas=3",
        "cordon n",
        "delete deploy web",
        "label cm c a=b",
        "annotate cm c a=b",
    ):
        code, log = await run(cluster, f"{line} --dry-run=server")
        assert code == 0 and "(server dry run)" in log
    assert cluster.server.version == before


async def test_an_existing_label_needs_overwrite(cluster: FakeCluster) -> None:
    await web(cluster)
    await run(cluster, "label cm c a=b")
    assert await run(cluster, "label cm c a=c") == (1, "error: 'a' already has a value (b), and --overwrite is false\n")
    assert await run(cluster, "label cm c a=c --overwrite") == (0, "configmap/c labeled\n")
    assert await run(cluster, "label cm c a-") == (0, "configmap/c unlabeled\n")

"""Every change holds only for the object, and the value, that was read; a second run of a command does no harm."""

from __future__ import annotations

import pytest

from kubernaut.actions import Invocation, Parameters
from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.kubectl import Completed, kubectl
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import ConfigMap, Node, Pod
from tests.actions.cases import CASES, CATALOG, deployment, manifest, prepare, read, set_image, state

pytestmark = pytest.mark.virtual_time
CHECKED = (
    "apply-manifest",
    "cordon-node",
    "delete-resource",
    "patch-resource",
    "patch-resource-json",
    "patch-resource-strategic",
    "restart-deployment",
    "restart-pod",
    "rollback-deployment",
    "uncordon-node",
    "update-image",
)


async def run(cluster: FakeCluster, name: str, invocation: Invocation[Parameters]) -> Completed:
    """The command as its pod would run it."""
    action = CATALOG.get(CASES[name].action)
    files = {f"/var/run/kubernaut/{key}": text.encode() for key, text in action.files(invocation).items()}
    return await kubectl(cluster.client, action.command(invocation)[1:], files=files)


async def replace_everything(cluster: FakeCluster) -> None:
    """Other objects under the same names."""
    client = cluster.client
    await client.delete(Deployment, "web", namespace="default", propagation="Background")
    await client.delete(ConfigMap, "settings", namespace="default")
    victim = await client.get(Pod, "victim", namespace="default")
    await client.delete(Pod, "victim", namespace="default", grace_period=0)
    nodes = [await client.get(Node, name) for name in ("node-1", "node-2")]
    for node in nodes:
        await client.delete(Node, node.name)
    await cluster.settled()
    await client.create(deployment(image="web:2"))
    settings = {"metadata": {"name": "settings", "namespace": "default"}, "data": {"mode": "fast", "kept": "yes"}}
    await client.create(ConfigMap.from_dict(settings))
    spec = {"containers": [{"name": "main", "image": "nginx"}]}
    await client.create(Pod.from_dict({"metadata": {"name": victim.name, "namespace": "default"}, "spec": spec}))
    for node in nodes:
        cordoned = {"unschedulable": True} if node.spec.unschedulable else {}
        await client.create(Node.from_dict({"metadata": {"name": node.name}, "spec": cordoned}))
    await cluster.settled()


async def test_an_object_that_took_the_name_is_left_alone() -> None:
    async with FakeCluster(nodes=3) as cluster:
        await prepare(cluster)
        read_before = {name: await read(cluster.client, CASES[name]) for name in CHECKED}
        await replace_everything(cluster)
        before = await state(cluster.client)
        done = {name: await run(cluster, name, invocation) for name, invocation in read_before.items()}
        assert {name: result.exit_code for name, result in done.items()} == dict.fromkeys(CHECKED, 1)
        assert await state(cluster.client) == before


@pytest.mark.parametrize("name", ["update-image", "rollback-deployment", "patch-resource-json", "scale-deployment"])
async def test_a_value_that_changed_since_is_left_alone(name: str) -> None:
    async with FakeCluster(nodes=2) as cluster:
        await prepare(cluster)
        invocation = await read(cluster.client, CASES[name])
        await set_image(cluster.client, "web:somebody-elses")
        await cluster.client.patch(Deployment, "web", MergePatch({"spec": {"replicas": 3}}), namespace="default")
        before = await state(cluster.client)
        assert (await run(cluster, name, invocation)).exit_code == 1
        assert await state(cluster.client) == before


@pytest.mark.parametrize("name", ["patch-resource", "apply-manifest-new"])
async def test_a_config_map_that_changed_or_appeared_since_is_left_alone(name: str) -> None:
    async with FakeCluster(controlplane=False) as cluster:
        client = cluster.client
        for existing, data in (("settings", {"mode": "fast"}),):
            body = {"metadata": {"name": existing, "namespace": "default"}, "data": data}
            await client.create(ConfigMap.from_dict(body))
        invocation = await read(client, CASES[name])
        await client.patch(ConfigMap, "settings", MergePatch({"data": {"mode": "mine"}}), namespace="default")
        await client.create(
            ConfigMap.from_dict({"metadata": {"name": "fresh", "namespace": "default"}, "data": {"a": "mine"}})
        )
        assert (await run(cluster, name, invocation)).exit_code == 1
        maps = {one.name: dict(one.data) for one in await client.list(ConfigMap, namespace="default")}
        assert maps == {"settings": {"mode": "mine"}, "fresh": {"a": "mine"}}


async def test_a_second_run_changes_nothing_and_succeeds_only_where_that_is_promised() -> None:
    names = [name for name in CASES if CASES[name].action not in ("collect-logs", "drain-node", "restart-pod")]
    for name in names:
        async with FakeCluster(nodes=2, controlplane=CASES[name].action == "rollback-deployment") as cluster:
            await populate(cluster)
            invocation = await read(cluster.client, CASES[name])
            assert (await run(cluster, name, invocation)).exit_code == 0, name
            after = await state(cluster.client)
            again = await run(cluster, name, invocation)
            assert await state(cluster.client) == after, name
            if CATALOG.get(CASES[name].action).idempotent:
                assert again.exit_code == 0, name


async def populate(cluster: FakeCluster) -> None:
    if list(await cluster.client.list(Node)):
        await prepare(cluster)
        return
    for number in (1, 2):
        spec = {"unschedulable": True} if number == 2 else {}
        await cluster.client.create(Node.from_dict({"metadata": {"name": f"node-{number}"}, "spec": spec}))
    await cluster.client.create(deployment())
    settings = {"metadata": {"name": "settings", "namespace": "default"}, "data": {"mode": "fast", "kept": "yes"}}
    await cluster.client.create(ConfigMap.from_dict(settings))


async def test_a_patch_may_name_the_version_it_was_made_for() -> None:
    async with FakeCluster(controlplane=False) as cluster:
        await populate(cluster)
        live = await cluster.client.get(Deployment, "web", namespace="default")
        target = {"kind": "Deployment", "namespace": "default", "name": "web"}
        for version, code in (
            (str(int(live.metadata.resource_version or 0) + 7), 1),
            (live.metadata.resource_version, 0),
        ):
            parameters = {"patch": "spec: {replicas: 4}", "resourceVersion": version}
            invocation = CATALOG.invocation("patch-resource", target, parameters, live.to_dict())
            assert (await run(cluster, "patch-resource", invocation)).exit_code == code


async def test_a_conflict_with_another_manager_needs_force() -> None:
    async with FakeCluster(controlplane=False) as cluster:
        await populate(cluster)
        live = (await cluster.client.get(ConfigMap, "settings", namespace="default")).to_dict()
        for force, code in (("false", 1), ("true", 0)):
            parameters = {"manifest": manifest("settings", mode="slow"), "force": force}
            invocation = CATALOG.invocation("apply-manifest", CASES["apply-manifest"].target, parameters, live)
            assert (await run(cluster, "apply-manifest", invocation)).exit_code == code

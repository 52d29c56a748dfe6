"""DaemonSets: one pod on each node that will have it."""

import pytest

from kubernaut.fake import FakeCluster, PodScript
from kubernaut.fake.controlplane.nodes import node
from kubernaut.resources.builtin.apps_v1 import DaemonSet
from kubernaut.resources.builtin.core_v1 import Node, Pod
from tests.fake.controlplane.objects import daemon_set, patch, pods, reasons, set_image

pytestmark = pytest.mark.cluster(nodes=3)


async def live(cluster: FakeCluster) -> DaemonSet:
    return await cluster.client.get(DaemonSet, "agent", namespace="default")


async def nodes_of(cluster: FakeCluster) -> list[str]:
    return sorted(pod.spec.node_name or "" for pod in await pods(cluster))


async def test_one_pod_runs_on_each_node_new_ones_included(cluster: FakeCluster) -> None:
    await cluster.client.create(daemon_set())
    await cluster.settled()
    assert await nodes_of(cluster) == ["node-1", "node-2", "node-3"]
    await cluster.client.create(node(4))
    await cluster.settled()
    assert await nodes_of(cluster) == ["node-1", "node-2", "node-3", "node-4"]
    status = (await live(cluster)).status
    assert (status.desired_number_scheduled, status.current_number_scheduled, status.number_ready) == (4, 4, 4)
    assert (status.number_available, status.updated_number_scheduled, status.number_misscheduled) == (4, 4, 0)
    assert await reasons(cluster, "DaemonSet") == ["SuccessfulCreate"] * 4


async def test_a_deleted_pod_comes_back_on_its_node(cluster: FakeCluster) -> None:
    await cluster.client.create(daemon_set())
    await cluster.settled()
    first = (await pods(cluster))[0]
    await cluster.client.delete(Pod, first.name, namespace="default")
    await cluster.settled()
    assert await nodes_of(cluster) == ["node-1", "node-2", "node-3"]


async def test_cordoned_nodes_have_their_pod_all_the_same(cluster: FakeCluster) -> None:
    await patch(cluster, Node, "node-1", {"spec": {"unschedulable": True}})
    await cluster.client.create(daemon_set())
    await cluster.settled()
    assert await nodes_of(cluster) == ["node-1", "node-2", "node-3"]


async def test_a_node_selector_chooses_and_pods_go_when_it_no_longer_matches(cluster: FakeCluster) -> None:
    await patch(cluster, Node, "node-2", {"metadata": {"labels": {"disk": "ssd"}}})
    await cluster.client.create(daemon_set(pod={"nodeSelector": {"disk": "ssd"}}))
    await cluster.settled()
    assert await nodes_of(cluster) == ["node-2"]
    await patch(cluster, Node, "node-2", {"metadata": {"labels": {"disk": None}}})
    await cluster.settled()
    assert await nodes_of(cluster) == []
    assert (await live(cluster)).status.desired_number_scheduled == 0


async def test_a_taint_keeps_pods_away_that_do_not_tolerate_it(cluster: FakeCluster) -> None:
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    await patch(cluster, Node, "node-3", {"spec": {"taints": [taint]}})
    await cluster.client.create(daemon_set())
    tolerant = daemon_set("tolerant", pod={"tolerations": [{"operator": "Exists"}]})
    await cluster.client.create(tolerant)
    await cluster.settled()
    assert len(await pods(cluster, app="agent")) == 2
    assert len(await pods(cluster, app="tolerant")) == 3


async def test_an_update_replaces_one_pod_after_the_other(cluster: FakeCluster) -> None:
    await cluster.client.create(daemon_set())
    await cluster.settled()
    await set_image(cluster, DaemonSet, "agent", "nginx:2")
    await cluster.advance(seconds=0.5)
    assert sum(pod.spec.containers[0].image == "nginx:1" for pod in await pods(cluster)) >= 2
    await cluster.settled()
    assert {pod.spec.containers[0].image for pod in await pods(cluster)} == {"nginx:2"}
    assert (await live(cluster)).status.updated_number_scheduled == 3


async def test_an_update_stops_at_a_pod_that_does_not_become_ready(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: PodScript(ready=container.image != "broken")
    await cluster.client.create(daemon_set())
    await cluster.settled()
    await set_image(cluster, DaemonSet, "agent", "broken")
    await cluster.settled()
    status = (await live(cluster)).status
    assert (status.updated_number_scheduled, status.number_unavailable) == (1, 1)


async def test_a_surge_starts_the_new_pod_before_the_old_one_goes(cluster: FakeCluster) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    await cluster.client.create(daemon_set(updateStrategy=rolling))
    await cluster.settled()
    await set_image(cluster, DaemonSet, "agent", "nginx:2")
    await cluster.advance(seconds=0.5)
    assert len(await pods(cluster)) == 4
    await cluster.settled()
    assert [pod.spec.containers[0].image for pod in await pods(cluster)] == ["nginx:2"] * 3


async def test_on_delete_waits_for_pods_to_be_deleted(cluster: FakeCluster) -> None:
    await cluster.client.create(daemon_set(updateStrategy={"type": "OnDelete"}))
    await cluster.settled()
    await set_image(cluster, DaemonSet, "agent", "nginx:2")
    await cluster.settled()
    assert {pod.spec.containers[0].image for pod in await pods(cluster)} == {"nginx:1"}


async def test_a_failed_pod_is_made_anew(cluster: FakeCluster) -> None:
    await cluster.client.create(daemon_set())
    await cluster.settled()
    first = (await pods(cluster))[0]
    await patch(cluster, Pod, first.name, {"status": {"phase": "Failed", "reason": "Evicted"}}, subresource="status")
    await cluster.settled()
    assert all(pod.status.phase == "Running" for pod in await pods(cluster))
    assert "FailedDaemonPod" in await reasons(cluster, "DaemonSet")

"""The scheduler: resources, selectors, affinity, taints; nodes that are not well; eviction from them."""

from datetime import timedelta
from typing import Any

import pytest

from kubernaut.client import NotFound
from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.nodes import node
from kubernaut.fake.controlplane.requests import requests_in
from kubernaut.resources.builtin.core_v1 import Node, Pod
from tests.fake.controlplane.objects import SECOND, condition, deployment, events, patch, pod, pods, reasons, the_pod


def asking(name: str = "p", **requests: str) -> Pod:
    containers = [{"name": "main", "image": "nginx", "resources": {"requests": requests}}]
    return pod(name, containers=containers)


async def why_pending(cluster: FakeCluster, name: str = "p") -> str:
    found = await the_pod(cluster, name)
    status, reason, message = condition(found.status, "PodScheduled")
    assert (found.status.phase, status, reason) == ("Pending", "False", "Unschedulable")
    return message


async def ready(cluster: FakeCluster, name: str, status: str) -> None:
    conditions = [{"type": "Ready", "status": status, "reason": "Test"}]
    live = await cluster.client.get(Node, name)
    others = [c.to_dict() for c in live.status.conditions if c.type != "Ready"]
    await patch(cluster, Node, name, {"status": {"conditions": [*others, *conditions]}}, subresource="status")


async def test_a_pod_that_does_not_fit_stays_pending_and_says_why(cluster: FakeCluster) -> None:
    await cluster.client.create(asking(cpu="9", memory="64Gi"))
    await cluster.settled()
    words = "0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory."
    assert await why_pending(cluster) == words
    assert ("FailedScheduling", words) in await events(cluster, "Pod", "p")


async def test_pods_fill_nodes_up_to_what_is_allocatable_and_room_that_comes_free_is_used(
    cluster: FakeCluster,
) -> None:
    containers = [{"name": "main", "image": "nginx", "resources": {"requests": {"cpu": "3"}}}]
    await cluster.client.create(deployment(replicas=5, pod={"containers": containers}))
    await cluster.settled()
    found = await pods(cluster)
    running = [one for one in found if one.status.phase == "Running"]
    assert len(running) == 4 and {one.spec.node_name for one in running} == {"node-1", "node-2"}
    await cluster.client.create(node(3))
    await cluster.settled()
    assert all(one.status.phase == "Running" for one in await pods(cluster))
    await cluster.client.create(asking(cpu="6"))
    await cluster.settled()
    assert "2 Insufficient cpu" in await why_pending(cluster) or "3 Insufficient cpu" in await why_pending(cluster)
    await patch(cluster, type(deployment()), "web", {"spec": {"replicas": 0}})
    await cluster.settled()
    assert (await the_pod(cluster)).status.phase == "Running"


async def test_a_node_takes_no_more_pods_than_it_allows(cluster: FakeCluster) -> None:
    for name in ("node-1", "node-2"):
        await patch(cluster, Node, name, {"status": {"allocatable": {"pods": "1"}}}, subresource="status")
    await cluster.client.create(deployment(replicas=3))
    await cluster.settled()
    waiting = next(one for one in await pods(cluster) if one.status.phase == "Pending")
    assert condition(waiting.status, "PodScheduled")[2] == "0/2 nodes are available: 2 Too many pods."


async def test_a_finished_pod_takes_up_no_room(cluster: FakeCluster) -> None:
    first = asking("first", cpu="8")
    first.spec.restart_policy = "Never"
    second = asking("second", cpu="8")
    second.spec.node_selector = first.spec.node_selector = {"kubernetes.io/hostname": "node-1"}
    await cluster.client.create(first)
    await cluster.client.create(second)
    await cluster.settled()
    assert (await the_pod(cluster, "first")).status.phase == "Succeeded"
    assert (await the_pod(cluster, "second")).status.phase == "Running"


async def test_a_node_selector_and_affinity_choose_the_node(cluster: FakeCluster) -> None:
    await cluster.client.create(pod("a", nodeSelector={"kubernetes.io/hostname": "node-2"}))
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node-2"]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    await cluster.client.create(pod("b", affinity={"nodeAffinity": required}))
    await cluster.client.create(pod("c", nodeSelector={"disk": "ssd"}))
    await cluster.settled()
    assert (await the_pod(cluster, "a")).spec.node_name == "node-2"
    assert (await the_pod(cluster, "b")).spec.node_name == "node-1"
    words = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
    assert await why_pending(cluster, "c") == words
    await patch(cluster, Node, "node-1", {"metadata": {"labels": {"disk": "ssd"}}})
    await cluster.settled()
    assert (await the_pod(cluster, "c")).spec.node_name == "node-1"


async def test_a_taint_needs_a_toleration(cluster: FakeCluster) -> None:
    for name in ("node-1", "node-2"):
        taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
        await patch(cluster, Node, name, {"spec": {"taints": [taint]}})
    await cluster.client.create(pod("a"))
    tolerations = [{"key": "dedicated", "operator": "Equal", "value": "db", "effect": "NoSchedule"}]
    await cluster.client.create(pod("b", tolerations=tolerations))
    await cluster.settled()
    assert await why_pending(cluster, "a") == (
        "0/2 nodes are available: 2 node(s) had untolerated taint {dedicated: db}."
    )
    assert (await the_pod(cluster, "b")).status.phase == "Running"


async def test_gates_and_other_schedulers_are_respected(cluster: FakeCluster) -> None:
    await cluster.client.create(pod("gated", schedulingGates=[{"name": "wait"}]))
    await cluster.client.create(pod("foreign", schedulerName="mine"))
    await cluster.settled()
    gated = await the_pod(cluster, "gated")
    assert condition(gated.status, "PodScheduled")[1] == "SchedulingGated"
    assert (await the_pod(cluster, "foreign")).spec.node_name is None


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [{"resources": {"requests": {"cpu": "250m"}}}, {"resources": {"requests": {"cpu": 1}}}]}, 1250),
        ({"containers": [{}], "initContainers": [{"resources": {"requests": {"cpu": "2"}}}]}, 2000),
        (
            {
                "containers": [{"resources": {"requests": {"cpu": "1"}}}],
                "initContainers": [
                    {"restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
                    {"resources": {"requests": {"cpu": "500m"}}},
                ],
                "overhead": {"cpu": "100m"},
            },
            2100,
        ),
    ],
)
def test_what_a_pod_requests_in_all(spec: dict[str, Any], cpu: int) -> None:
    import msgspec

    assert requests_in(msgspec.json.encode({"spec": spec}))["cpu"] == cpu


# Nodes.


async def test_a_cordoned_node_carries_the_taint_and_tells(cluster: FakeCluster) -> None:
    await cluster.settled()
    await patch(cluster, Node, "node-1", {"spec": {"unschedulable": True}})
    await cluster.settled()
    live = await cluster.client.get(Node, "node-1")
    assert [(t.key, t.effect) for t in live.spec.taints] == [("node.kubernetes.io/unschedulable", "NoSchedule")]
    await patch(cluster, Node, "node-1", {"spec": {"unschedulable": None}})
    await cluster.settled()
    assert not (await cluster.client.get(Node, "node-1")).spec.taints
    assert await reasons(cluster, "Node", "node-1") == ["RegisteredNode", "NodeNotSchedulable", "NodeSchedulable"]


async def test_pods_leave_a_node_that_is_not_ready_after_their_toleration(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(replicas=2))
    await cluster.settled()
    await ready(cluster, "node-1", "Unknown")
    await cluster.settled()
    stuck = next(one for one in await pods(cluster) if one.spec.node_name == "node-1")
    assert condition(stuck.status, "Ready")[0] == "False"
    live = await cluster.client.get(Node, "node-1")
    assert {t.key for t in live.spec.taints} == {"node.kubernetes.io/unreachable"}
    await cluster.advance(seconds=310)
    assert (await the_pod(cluster, stuck.name)).metadata.deletion_timestamp is not None
    fresh = [one for one in await pods(cluster) if one.metadata.deletion_timestamp is None]
    assert len(fresh) == 2 and {one.spec.node_name for one in fresh} == {"node-2"}
    assert ("NodeNotReady", "Node node-1 status is now: NodeNotReady") in await events(cluster, "Node")
    await ready(cluster, "node-1", "True")
    await cluster.settled()
    with pytest.raises(NotFound):
        await the_pod(cluster, stuck.name)
    assert not (await cluster.client.get(Node, "node-1")).spec.taints


async def test_a_no_execute_taint_evicts_at_once_or_after_the_tolerated_time(cluster: FakeCluster) -> None:
    only = {"nodeSelector": {"kubernetes.io/hostname": "node-1"}}
    await cluster.client.create(pod("now", **only))
    tolerations = [{"key": "maintenance", "operator": "Exists", "tolerationSeconds": 60}]
    await cluster.client.create(pod("later", tolerations=tolerations, **only))
    await cluster.client.create(pod("never", tolerations=[{"operator": "Exists"}], **only))
    await cluster.settled()
    await patch(cluster, Node, "node-1", {"spec": {"taints": [{"key": "maintenance", "effect": "NoExecute"}]}})
    await cluster.settled()
    assert [one.name for one in await pods(cluster)] == ["later", "never"]
    await cluster.settled(quiet=timedelta(seconds=70))
    assert [one.name for one in await pods(cluster)] == ["never"]
    assert ("TaintManagerEviction", "Marking for deletion Pod default/now") in await events(cluster, "Pod", "now")


async def test_pods_of_a_node_that_is_gone_are_removed(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(replicas=2))
    await cluster.settled()
    await cluster.client.delete(Node, "node-1")
    await cluster.advance(seconds=10)
    assert "node-1" in {one.spec.node_name for one in await pods(cluster)}
    await cluster.settled(quiet=60 * SECOND)
    found = await pods(cluster)
    assert [one.spec.node_name for one in found] == ["node-2", "node-2"]


async def test_a_node_is_described_as_a_kubelet_describes_it(cluster: FakeCluster) -> None:
    await cluster.settled()
    live = await cluster.client.get(Node, "node-1")
    assert live.status.node_info is not None and live.status.node_info.kubelet_version == "v1.36.0"
    assert condition(live.status, "Ready") == ("True", "KubeletReady", "kubelet is posting ready status")
    assert live.status.allocatable["cpu"] == "8"

"""Phase monitoring: what healthy means for each kind, for how long, and what follows where it never comes to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from kubernaut.client import Client, MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.reconcile import Permission
from kubernaut.remediation.workflow import Health, Limits, WorkflowExecution
from kubernaut.remediation.workflow.monitoring.health import KubernetesMonitor
from kubernaut.resources import ResourceType
from kubernaut.resources.builtin.core_v1 import Node, Pod
from tests.remediation.workflow.shop import (
    API,
    WEB,
    WIDER,
    carry_out,
    config,
    execution_config,
    leases,
    phases,
    replicas,
    restart,
    running,
    scale,
    status,
)


def object_of(kind: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[ResourceType, dict[str, Any]]:
    group = {"Job": "batch", "Pod": "", "Node": "", "Namespace": "", "Widget": "example.com"}.get(kind, "apps")
    live = {"kind": kind, "metadata": {"name": "x", "generation": 2}, "spec": dict(spec), "status": dict(status)}
    return ResourceType(group, "v1", kind, f"{kind.lower()}s"), live


def condition(name: str, value: str = "True", **more: str) -> dict[str, Any]:
    return {"conditions": [{"type": name, "status": value, **more}]}


SEEN = {"observedGeneration": 2}
THREE = {"replicas": 3}
TWO = {**SEEN, "desiredNumberScheduled": 2}
NEW = {**SEEN, **THREE, "updateRevision": "b", "currentRevision": "b"}
OLD = {**SEEN, **THREE, "readyReplicas": 3, "updateRevision": "b", "currentRevision": "a"}
PARTITION = {"rollingUpdate": {"partition": 2}}


@pytest.mark.parametrize(
    ("kind", "spec", "found", "healthy", "message"),
    [
        ("Deployment", THREE, {**SEEN, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}, True, "3 of 3"),
        ("Deployment", THREE, {"observedGeneration": 1, **THREE}, False, "has not seen the newest spec"),
        ("Deployment", THREE, {**SEEN, **THREE, "updatedReplicas": 2}, False, "2 of 3 pods are updated"),
        ("Deployment", THREE, {**SEEN, "replicas": 4, "updatedReplicas": 3}, False, "1 old pods are still there"),
        ("Deployment", THREE, {**SEEN, **THREE, "updatedReplicas": 3, "availableReplicas": 1}, False, "1 of 3 pods"),
        ("Deployment", {"replicas": 0}, SEEN, True, "0 of 0"),
        ("Deployment", {}, {**SEEN, "updatedReplicas": 1}, False, "0 of 1 pods are ready"),
        ("Deployment", THREE, {**SEEN, **condition("ReplicaFailure", message="exceeded quota")}, False, "quota"),
        ("StatefulSet", THREE, {**NEW, "readyReplicas": 3}, True, "3 of 3"),
        ("StatefulSet", THREE, {**OLD, "updatedReplicas": 1}, False, "1 of 3 pods are updated"),
        ("StatefulSet", {**THREE, "updateStrategy": {"type": "OnDelete"}}, OLD, True, "3 of 3"),
        ("StatefulSet", {**THREE, "updateStrategy": PARTITION}, {**OLD, "updatedReplicas": 1}, True, "3 of 3"),
        ("DaemonSet", {}, {**TWO, "updatedNumberScheduled": 2, "numberAvailable": 2}, True, "2 of 2"),
        ("DaemonSet", {}, {**TWO, "updatedNumberScheduled": 1}, False, "1 of 2 pods are updated"),
        ("ReplicaSet", THREE, {**SEEN, **THREE, "readyReplicas": 2}, False, "2 of 3 pods are ready"),
        ("Pod", {}, {"phase": "Running", **condition("Ready")}, True, "the pod is Running and ready"),
        ("Pod", {}, {"phase": "Running", **condition("Ready", "False")}, False, "not ready"),
        ("Pod", {}, {"phase": "Succeeded"}, True, "succeeded"),
        ("Node", {}, condition("Ready"), True, "the node is ready"),
        ("Node", {}, condition("Ready", "Unknown"), False, "the node is not ready"),
        ("Job", {}, condition("Complete"), True, "complete"),
        ("Job", {}, {"active": 1}, False, "the Job runs"),
        ("Job", {}, condition("Failed", message="too often"), False, "the Job has failed: too often"),
        ("Widget", {}, condition("Ready"), True, "Ready is True"),
        ("Widget", {}, condition("Available", "False", message="no"), False, "Available is False: no"),
        ("Widget", {}, {"observedGeneration": 1, **condition("Ready")}, False, "has not seen the newest spec"),
        ("Widget", {}, {"conditions": "nonsense"}, None, ""),
        ("Widget", {}, {}, None, ""),
        ("Node", {"unschedulable": True}, condition("Ready", "False"), None, ""),
        ("Namespace", {}, {"phase": "Active"}, None, ""),
    ],
)  # fmt: skip
async def test_what_healthy_means(
    kind: str, spec: dict[str, Any], found: dict[str, Any], healthy: bool | None, message: str
) -> None:
    resource, live = object_of(kind, spec, found)
    health = await KubernetesMonitor().look(Client(None), resource, live)  # type: ignore[arg-type]
    assert (None if health is None else health.healthy) is healthy
    assert health is None or message in health.message
    assert health is None or health.final == message.startswith("the Job has failed")


@pytest.mark.virtual_time
@pytest.mark.cluster(nodes=1, declared=True)
async def test_the_target_must_be_healthy_for_the_whole_window(cluster: FakeCluster) -> None:
    async with running(cluster, config(limits=Limits(stable=timedelta(seconds=60)))):
        found = await carry_out(cluster, restart("anew"), minutes=0.75)
        assert found.phase == "monitoring" and found.healthy_since is not None
        assert found.health == "1 of 1 pods are ready"
        begun = found.healthy_since

        # A break begins the window anew.
        sick = PodScript(ready=False)
        cluster.behaviour = lambda pod, container, restarts: sick if pod.namespace == "shop" else None
        await delete_pods(cluster)
        await cluster.advance(seconds=20)
        broken = await status(cluster)
        assert broken.phase == "monitoring" and broken.healthy_since is None
        assert broken.health == "0 of 1 pods are ready"
        cluster.behaviour = None
        await delete_pods(cluster)
        await cluster.advance(seconds=30)
        well = await status(cluster)
        assert well.phase == "monitoring" and well.healthy_since and well.healthy_since > begun
        await cluster.advance(seconds=60)
        assert (await status(cluster)).phase == "completed"


@pytest.mark.virtual_time
@pytest.mark.cluster(nodes=1)
async def test_a_window_that_begins_in_the_future_begins_now(cluster: FakeCluster) -> None:
    """The clock was set back by an hour."""
    async with running(cluster, config(limits=Limits(stable=timedelta(seconds=30)))):
        found = await carry_out(cluster, restart("anew"), minutes=0.5)
        assert found.phase == "monitoring" and found.healthy_since is not None
        future = (found.healthy_since + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        patch = MergePatch({"status": {"healthySince": future}})
        await cluster.client.patch(WorkflowExecution, "heal", patch, namespace="shop", subresource="status")
        await cluster.advance(seconds=45)
        assert (await status(cluster)).phase == "completed"


async def delete_pods(cluster: FakeCluster) -> None:
    for pod in await cluster.client.list(Pod, namespace="shop", labels={"app": "web"}):
        await cluster.client.delete(Pod, pod.name, namespace="shop")


@pytest.mark.virtual_time
@pytest.mark.cluster(nodes=1, declared=True)
async def test_a_target_that_does_not_become_healthy_in_time_is_put_back(cluster: FakeCluster) -> None:
    async with running(cluster, config(limits=Limits(monitoring=timedelta(minutes=2)))):
        sick = PodScript(ready=False)
        cluster.behaviour = lambda pod, container, restarts: sick if pod.namespace == "shop" else None
        done = await carry_out(cluster, scale("more", 3), minutes=4)
        assert phases(done)[-3:] == ["monitoring", "rolling_back", "failed"]
        assert (done.error_type, done.reason, done.failed_step) == ("timeout", "NotHealthy", 0)
        assert done.failure_reason == "Deployment web is not healthy: 1 of 3 pods are ready"
        assert done.is_true("RolledBack") and await replicas(cluster) == 1
        healthy = done.condition("Healthy")
        assert healthy and (healthy.status, healthy.reason) == ("False", "NotHealthy")


@pytest.mark.virtual_time
@pytest.mark.cluster(nodes=1, declared=True)
async def test_without_a_step_that_says_rollback_it_fails_and_nothing_is_undone(cluster: FakeCluster) -> None:
    async with running(cluster, config(limits=Limits(monitoring=timedelta(minutes=1)))):
        sick = PodScript(ready=False)
        cluster.behaviour = lambda pod, container, restarts: sick if pod.namespace == "shop" else None
        done = await carry_out(cluster, scale("more", 3, onFailure="stop"))
        assert phases(done)[-2:] == ["monitoring", "failed"] and await replicas(cluster) == 3
        assert done.error_type == "timeout" and done.rollback is None


@pytest.mark.virtual_time
@pytest.mark.cluster(nodes=1, declared=True)
async def test_what_the_spec_names_is_monitored_and_what_tells_nothing_is_not(cluster: FakeCluster) -> None:
    async with running(cluster, config(execution_config(catalog=WIDER))):
        done = await carry_out(cluster, scale("more", 2), target=API, minutes=0.7)
        assert done.phase == "completed" and done.monitored and done.monitored.name == "api"
        (node,) = await cluster.client.list(Node)
        cordon = {"name": "out", "action": "cordon-node", "target": {"kind": "Node", "name": node.name}}
        done = await carry_out(cluster, cordon, minutes=0.4, name="out")
        assert done.transitions[-1].message == "there is nothing to monitor" and done.phase == "completed"
        await cluster.client.patch(Node, node.name, MergePatch({"spec": {"unschedulable": False}}))
        other = {"kind": "Service", "namespace": "shop", "name": "web"}
        done = await carry_out(cluster, scale("again", 1), target=other, minutes=0.4, name="other")
        assert (done.phase, done.reason) == ("failed", "TargetNotFound")
        unknown = {"kind": "Widget", "namespace": "shop", "name": "w"}
        done = await carry_out(cluster, scale("again", 1), target=unknown, minutes=0.4, name="unknown")
        assert done.phase == "completed" and done.monitored is None
        remove = {"name": "remove", "action": "delete-resource", "target": WEB}
        done = await carry_out(cluster, remove, minutes=1, name="remove")
        assert done.transitions[-1].message == "there is nothing to monitor"


class Patient:
    """A monitor of one's own."""

    permissions = (Permission(["get"], Node, why="it looks at nodes too"),)

    async def look(self, client: Client, kind: ResourceType, live: Mapping[str, Any]) -> Health | None:
        nodes = await client.get(Node, "node-1")
        return Health(nodes.metadata.labels.get("calm") == "yes", "it depends on the node")


@pytest.mark.virtual_time
@pytest.mark.cluster(nodes=1, declared=True)
async def test_another_monitor_has_its_own_say_and_its_own_rights(cluster: FakeCluster) -> None:
    async with running(cluster, config(monitor=Patient())):
        waits = await carry_out(cluster, restart("anew"), minutes=1)
        assert waits.phase == "monitoring" and waits.health == "it depends on the node"
        (node,) = await cluster.client.list(Node)
        await cluster.client.patch(Node, node.name, MergePatch({"metadata": {"labels": {"calm": "yes"}}}))
        await cluster.advance(minutes=1)
        assert (await status(cluster)).phase == "completed"


class Broken:
    """A monitor that does not bear what it sees."""

    permissions = ()

    async def look(self, client: Client, kind: ResourceType, live: Mapping[str, Any]) -> Health | None:
        raise ValueError("cannot read this")


@pytest.mark.virtual_time
@pytest.mark.cluster(nodes=1, declared=True)
async def test_a_monitor_that_is_broken_fails_the_workflow_at_its_deadline(cluster: FakeCluster) -> None:
    async with running(cluster, config(limits=Limits(monitoring=timedelta(minutes=1)), monitor=Broken())):
        done = await carry_out(cluster, scale("more", 3), minutes=3)
        assert phases(done)[-3:] == ["monitoring", "rolling_back", "failed"] and done.reason == "NotHealthy"
        assert done.health == "it cannot be read: ValueError: cannot read this"
        assert await replicas(cluster) == 1 and await leases(cluster) == []

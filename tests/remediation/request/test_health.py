"""What counts as a healthy target."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.request.health import Health, MonitoredHealth
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import Namespace, Node, Pod, ServiceAccount
from kubernaut.testing import Cluster

pytestmark = [pytest.mark.cluster(controlplane=False), pytest.mark.virtual_time]


async def look(cluster: Cluster, kind: str, name: str = "web", **target: Any) -> Health:
    given = {"kind": kind, "name": name, "namespace": "shop"} | target
    return await MonitoredHealth().look(cluster.client, ExecutionTarget.from_dict(given))


async def deployment(cluster: Cluster, **status: Any) -> None:
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    made = await cluster.client.create(
        Deployment.from_dict({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec})
    )
    made.status = type(made.status).model_validate(status)
    await cluster.client.update_status(made)


DONE = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}


async def test_a_deployment_whose_rollout_is_done_is_healthy(cluster: Cluster) -> None:
    await deployment(cluster, **DONE)
    assert (await look(cluster, "Deployment")).healthy


@pytest.mark.parametrize("missing", [{"updatedReplicas": 1}, {"availableReplicas": 1}, {"observedGeneration": 0}])
async def test_a_deployment_in_the_middle_of_a_rollout_is_not(cluster: Cluster, missing: dict[str, int]) -> None:
    await deployment(cluster, **DONE | missing)
    assert not (await look(cluster, "Deployment")).healthy


async def test_what_does_not_exist_is_not_healthy_but_a_pod_that_is_gone_was_replaced(cluster: Cluster) -> None:
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    assert await look(cluster, "Deployment") == Health(False, "Deployment web does not exist")
    assert (await look(cluster, "Pod")).healthy


async def test_a_pod_that_is_being_deleted_is_gone_soon(cluster: Cluster) -> None:
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    metadata = {"name": "web", "namespace": "shop", "finalizers": ["example.com/hold"]}
    await cluster.client.create(ServiceAccount.from_dict({"metadata": {"name": "default", "namespace": "shop"}}))
    spec = {"containers": [{"name": "web", "image": "web:1"}], "automountServiceAccountToken": False}
    await cluster.client.create(Pod.from_dict({"metadata": metadata, "spec": spec}))
    assert not (await look(cluster, "Pod")).healthy
    await cluster.client.delete(Pod, "web", namespace="shop")
    assert (await look(cluster, "Pod")).healthy


async def test_a_node_is_found_without_a_namespace(cluster: Cluster) -> None:
    await cluster.client.create(Node.from_dict({"metadata": {"name": "n1"}}))
    assert await look(cluster, "Node", "n1") == Health(False, "the node is not ready")


async def test_a_kind_of_which_nothing_is_known_is_not_read(cluster: Cluster) -> None:
    health = await look(cluster, "Website")
    assert health.healthy and health.message == "the health of a Website is not known"
    assert not [each for each in cluster.requests if "websites" in each.path]


async def test_another_version_of_a_known_kind_is_another_kind(cluster: Cluster) -> None:
    assert "not known" in (await look(cluster, "Deployment", apiVersion="example.com/v1")).message


async def test_a_target_without_its_namespace_is_not_guessed(cluster: Cluster) -> None:
    health = await look(cluster, "Deployment", namespace=None)
    assert not health.healthy and "without its namespace" in health.message

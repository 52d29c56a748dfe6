"""EndpointSlices and Endpoints of Services; PodDisruptionBudgets; volumes; what namespaces are given."""

from typing import Any

import pytest

from kubernaut.client import NotFound, TooManyRequests
from kubernaut.fake import FakeCluster, PodScript
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import (
    ConfigMap,
    Endpoints,
    Namespace,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    Secret,
    Service,
)
from kubernaut.resources.builtin.discovery_v1 import EndpointSlice
from kubernaut.resources.builtin.policy_v1 import PodDisruptionBudget
from tests.fake.controlplane.objects import (
    condition,
    deployment,
    events,
    patch,
    pod,
    pods,
    service,
    stateful_set,
)


async def slices(cluster: FakeCluster) -> list[EndpointSlice]:
    return list(await cluster.client.list(EndpointSlice, labels={"kubernetes.io/service-name": "web"}))


async def endpoints(cluster: FakeCluster) -> Endpoints:
    return await cluster.client.get(Endpoints, "web", namespace="default")


async def test_the_ready_pods_of_a_service_are_its_endpoints(cluster: FakeCluster) -> None:
    await cluster.client.create(service())
    await cluster.client.create(deployment())
    await cluster.settled()
    (found,) = await slices(cluster)
    running = await pods(cluster)
    assert found.address_type == "IPv4" and [(p.port, p.protocol) for p in found.ports] == [(8080, "TCP")]
    assert sorted(e.addresses[0] for e in found.endpoints) == sorted(p.status.pod_ip or "" for p in running)
    first = found.endpoints[0]
    assert first.conditions is not None and first.conditions.ready and not first.conditions.terminating
    assert first.target_ref is not None and first.target_ref.name == running[0].name
    assert first.node_name == running[0].spec.node_name
    assert found.metadata.labels["endpointslice.kubernetes.io/managed-by"] == "endpointslice-controller.k8s.io"
    (subset,) = (await endpoints(cluster)).subsets
    assert len(subset.addresses) == 2 and [port.port for port in subset.ports] == [8080]


async def test_a_pod_that_is_not_ready_is_listed_as_such(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: PodScript(ready=False)
    await cluster.client.create(service())
    await cluster.client.create(deployment(replicas=1))
    await cluster.settled()
    (found,) = await slices(cluster)
    conditions = found.endpoints[0].conditions
    assert conditions is not None and conditions.ready is False
    (subset,) = (await endpoints(cluster)).subsets
    assert not subset.addresses and len(subset.not_ready_addresses) == 1


async def test_endpoints_follow_pods_that_come_and_go(cluster: FakeCluster) -> None:
    await cluster.client.create(service())
    await cluster.settled()
    assert not (await endpoints(cluster)).subsets
    await cluster.client.create(deployment())
    await cluster.settled()
    await patch(cluster, Deployment, "web", {"spec": {"replicas": 1}})
    await cluster.settled()
    (found,) = await slices(cluster)
    assert len(found.endpoints) == 1
    await cluster.client.delete(Service, "web", namespace="default")
    await cluster.settled()
    assert not await slices(cluster)
    with pytest.raises(NotFound):
        await endpoints(cluster)


async def test_a_named_port_is_that_of_each_pod(cluster: FakeCluster) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": "web"}]
    containers = [{"name": "main", "image": "nginx", "ports": [{"name": "web", "containerPort": 9000}]}]
    await cluster.client.create(service(ports=ports))
    await cluster.client.create(deployment(pod={"containers": containers}))
    await cluster.settled()
    (found,) = await slices(cluster)
    assert [(port.name, port.port) for port in found.ports] == [("http", 9000)]


async def test_a_headless_service_names_the_pods_of_a_stateful_set(cluster: FakeCluster) -> None:
    await cluster.client.create(service(clusterIP="None"))
    await cluster.client.create(stateful_set("web", replicas=2))
    await cluster.settled()
    (found,) = await slices(cluster)
    assert sorted(endpoint.hostname or "" for endpoint in found.endpoints) == ["web-0", "web-1"]


@pytest.mark.cluster(nodes=3)
async def test_many_pods_are_spread_over_slices_of_a_hundred(cluster: FakeCluster) -> None:
    await cluster.client.create(service())
    await cluster.client.create(deployment(replicas=120))
    await cluster.settled()
    assert sorted(len(found.endpoints) for found in await slices(cluster)) == [20, 100]


# Disruption budgets.


def budget(**spec: Any) -> PodDisruptionBudget:
    chosen = {"selector": {"matchLabels": {"app": "web"}}, **spec}
    return PodDisruptionBudget.from_dict({"metadata": {"name": "web", "namespace": "default"}, "spec": chosen})


async def numbers(cluster: FakeCluster) -> tuple[int | None, ...]:
    """Expected, desired, healthy, allowed."""
    status = (await cluster.client.get(PodDisruptionBudget, "web", namespace="default")).status
    return status.expected_pods, status.desired_healthy, status.current_healthy, status.disruptions_allowed


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"minAvailable": 2}, (3, 2, 3, 1)),
        ({"minAvailable": "50%"}, (3, 2, 3, 1)),
        ({"maxUnavailable": 2}, (3, 1, 3, 2)),
        ({"maxUnavailable": "30%"}, (3, 2, 3, 1)),
        ({"minAvailable": 3}, (3, 3, 3, 0)),
        ({"maxUnavailable": 0}, (3, 3, 3, 0)),
    ],
)
async def test_a_budget_counts_what_may_be_disrupted(
    cluster: FakeCluster, spec: dict[str, Any], expected: tuple[int, ...]
) -> None:
    await cluster.client.create(budget(**spec))
    await cluster.client.create(deployment(replicas=3))
    await cluster.settled()
    assert await numbers(cluster) == expected
    status = (await cluster.client.get(PodDisruptionBudget, "web", namespace="default")).status
    wanted = ("True", "SufficientPods", "") if expected[3] else ("False", "InsufficientPods", "")
    assert condition(status, "DisruptionAllowed") == wanted


async def evict(cluster: FakeCluster, name: str) -> None:
    path = Pod.resource_type.path("default", name, "eviction")
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
    await cluster.client.request("POST", path, body=body)


async def test_evictions_spend_a_budget_that_new_pods_fill_up_again(cluster: FakeCluster) -> None:
    await cluster.client.create(budget(minAvailable=2))
    await cluster.client.create(deployment(replicas=3))
    await cluster.settled()
    first, second, _ = await pods(cluster)
    await evict(cluster, first.name)
    with pytest.raises(TooManyRequests):
        await evict(cluster, second.name)
    await cluster.settled()
    assert await numbers(cluster) == (3, 2, 3, 1)
    await evict(cluster, second.name)
    await cluster.settled()
    assert await numbers(cluster) == (3, 2, 3, 1)


async def test_a_budget_without_pods_and_one_that_cannot_be_counted_say_so(cluster: FakeCluster) -> None:
    await cluster.client.create(budget(maxUnavailable=1))
    await cluster.settled()
    assert ("NoPods", "No matching pods found") in await events(cluster, "PodDisruptionBudget")
    await cluster.client.create(pod("web"))
    await cluster.settled()
    status = (await cluster.client.get(PodDisruptionBudget, "web", namespace="default")).status
    assert condition(status, "DisruptionAllowed")[:2] == ("False", "SyncFailed")


# Volumes.


def claim(name: str = "data", **spec: Any) -> PersistentVolumeClaim:
    chosen = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return PersistentVolumeClaim.from_dict({"metadata": {"name": name, "namespace": "default"}, "spec": chosen})


def volume(name: str, size: str, policy: str = "Retain") -> PersistentVolume:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": size},
        "hostPath": {"path": "/x"},
        "persistentVolumeReclaimPolicy": policy,
        "storageClassName": "",
    }
    return PersistentVolume.from_dict({"metadata": {"name": name}, "spec": spec})


async def test_a_claim_is_bound_at_once_to_a_volume_made_for_it(cluster: FakeCluster) -> None:
    await cluster.client.create(claim(storageClassName="fast"))
    await cluster.settled()
    bound = await cluster.client.get(PersistentVolumeClaim, "data", namespace="default")
    made = await cluster.client.get(PersistentVolume, bound.spec.volume_name or "")
    assert (bound.status.phase, made.status.phase) == ("Bound", "Bound")
    assert made.spec.claim_ref is not None and made.spec.claim_ref.uid == bound.uid
    await cluster.client.delete(PersistentVolumeClaim, "data", namespace="default")
    await cluster.settled()
    assert not list(await cluster.client.list(PersistentVolume))


async def test_a_claim_of_no_class_takes_the_smallest_volume_that_fits(cluster: FakeCluster) -> None:
    for made in (volume("small", "500Mi"), volume("large", "10Gi"), volume("medium", "2Gi")):
        await cluster.client.create(made)
    await cluster.client.create(claim(storageClassName=""))
    await cluster.settled()
    bound = await cluster.client.get(PersistentVolumeClaim, "data", namespace="default")
    assert bound.spec.volume_name == "medium"
    await cluster.client.delete(PersistentVolumeClaim, "data", namespace="default")
    await cluster.settled()
    phases = {one.name: one.status.phase for one in await cluster.client.list(PersistentVolume)}
    assert phases == {"small": "Available", "large": "Available", "medium": "Released"}


async def test_a_pod_waits_for_its_claim_to_be_bound(cluster: FakeCluster) -> None:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    await cluster.client.create(pod(volumes=volumes))
    await cluster.settled()
    waiting = await cluster.client.get(Pod, "p", namespace="default")
    assert condition(waiting.status, "PodScheduled")[2] == 'persistentvolumeclaim "data" not found'
    await cluster.client.create(claim(storageClassName=""))
    await cluster.settled()
    waiting = await cluster.client.get(Pod, "p", namespace="default")
    assert condition(waiting.status, "PodScheduled")[2] == "pod has unbound immediate PersistentVolumeClaims"
    await cluster.client.create(volume("v", "1Gi"))
    await cluster.settled()
    assert (await cluster.client.get(Pod, "p", namespace="default")).status.phase == "Running"


# Namespaces.


async def test_every_namespace_has_the_root_certificate_and_gets_it_back(cluster: FakeCluster) -> None:
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    await cluster.settled()
    found = await cluster.client.get(ConfigMap, "kube-root-ca.crt", namespace="shop")
    assert found.data["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")
    await cluster.client.delete(ConfigMap, "kube-root-ca.crt", namespace="shop")
    await cluster.settled()
    assert await cluster.client.get(ConfigMap, "kube-root-ca.crt", namespace="shop")


async def test_a_secret_for_a_service_account_is_given_a_token(cluster: FakeCluster) -> None:
    await cluster.settled()
    annotations = {"kubernetes.io/service-account.name": "default"}
    metadata = {"name": "token", "namespace": "default", "annotations": annotations}
    await cluster.client.create(Secret.from_dict({"metadata": metadata, "type": "kubernetes.io/service-account-token"}))
    await cluster.settled()
    found = await cluster.client.get(Secret, "token", namespace="default")
    assert sorted(found.data) == ["ca.crt", "namespace", "token"]
    assert "kubernetes.io/service-account.uid" in found.metadata.annotations

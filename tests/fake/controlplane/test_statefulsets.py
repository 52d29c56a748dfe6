"""StatefulSets: names, order, volumes, revisions."""

from typing import Any

import pytest

from kubernaut.fake import FakeCluster, PodScript
from kubernaut.resources.builtin.apps_v1 import ControllerRevision, StatefulSet
from kubernaut.resources.builtin.core_v1 import PersistentVolume, PersistentVolumeClaim, Pod
from tests.fake.controlplane.objects import (
    SECOND,
    events,
    patch,
    pods,
    set_image,
    stateful_set,
    the_pod,
)

CLAIMS = [
    {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}},
    }
]


async def live(cluster: FakeCluster, name: str = "db") -> StatefulSet:
    return await cluster.client.get(StatefulSet, name, namespace="default")


def created_order(found: list[Pod]) -> list[str]:
    return [pod.name for pod in sorted(found, key=lambda pod: int(pod.metadata.resource_version or 0))]


async def test_pods_have_stable_names_and_start_one_after_the_other(cluster: FakeCluster) -> None:
    await cluster.client.create(stateful_set())
    await cluster.advance(seconds=1.5)
    assert [pod.name for pod in await pods(cluster)] == ["db-0", "db-1"]
    await cluster.settled()
    found = await pods(cluster)
    assert [pod.name for pod in found] == ["db-0", "db-1", "db-2"]
    started = [pod.status.start_time for pod in found]
    assert started == sorted(started, key=str) and len({*started}) == 3
    status = (await live(cluster)).status
    assert (status.replicas, status.ready_replicas, status.current_replicas, status.updated_replicas) == (3, 3, 3, 3)
    assert status.current_revision == status.update_revision is not None
    first = found[0]
    assert first.spec.hostname == "db-0" and first.spec.subdomain == "db"
    assert first.metadata.labels["statefulset.kubernetes.io/pod-name"] == "db-0"
    assert first.metadata.labels["apps.kubernetes.io/pod-index"] == "0"
    assert first.metadata.labels["controller-revision-hash"] == status.current_revision


async def test_parallel_pods_start_together(cluster: FakeCluster) -> None:
    await cluster.client.create(stateful_set(podManagementPolicy="Parallel"))
    await cluster.advance(seconds=0.5)
    assert len(await pods(cluster)) == 3


async def test_a_pod_that_is_not_ready_holds_up_the_next(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: PodScript(ready=pod.name != "db-1")
    await cluster.client.create(stateful_set())
    await cluster.settled()
    assert [pod.name for pod in await pods(cluster)] == ["db-0", "db-1"]


async def test_scaling_down_goes_from_the_highest_ordinal(cluster: FakeCluster) -> None:
    await cluster.client.create(stateful_set())
    await cluster.settled()
    await patch(cluster, StatefulSet, "db", {"spec": {"replicas": 1}})
    await cluster.settled()
    assert [pod.name for pod in await pods(cluster)] == ["db-0"]
    deleted = [message for reason, message in await events(cluster, "StatefulSet") if reason == "SuccessfulDelete"]
    assert deleted == [f"delete Pod db-{n} in StatefulSet db successful" for n in (2, 1)]


async def test_a_deleted_pod_comes_back_under_its_name(cluster: FakeCluster) -> None:
    await cluster.client.create(stateful_set(replicas=2))
    await cluster.settled()
    before = await the_pod(cluster, "db-1")
    await cluster.client.delete(Pod, "db-1", namespace="default")
    await cluster.settled()
    after = await the_pod(cluster, "db-1")
    assert after.uid != before.uid and after.status.phase == "Running"


async def test_a_failed_pod_is_made_anew(cluster: FakeCluster) -> None:
    await cluster.client.create(stateful_set(replicas=1))
    await cluster.settled()
    before = await the_pod(cluster, "db-0")
    await patch(cluster, Pod, "db-0", {"status": {"phase": "Failed", "reason": "Evicted"}}, subresource="status")
    await cluster.settled()
    after = await the_pod(cluster, "db-0")
    assert after.uid != before.uid and after.status.phase == "Running"
    assert "RecreatingFailedPod" in [reason for reason, _ in await events(cluster, "StatefulSet")]


async def test_each_pod_has_its_own_bound_volume(cluster: FakeCluster) -> None:
    await cluster.client.create(stateful_set(replicas=2, volumeClaimTemplates=CLAIMS))
    await cluster.settled()
    claims = {claim.name: claim for claim in await cluster.client.list(PersistentVolumeClaim)}
    assert sorted(claims) == ["data-db-0", "data-db-1"]
    assert {claim.status.phase for claim in claims.values()} == {"Bound"}
    assert claims["data-db-0"].status.capacity == {"storage": "2Gi"}
    volume = next(v for v in (await the_pod(cluster, "db-1")).spec.volumes if v.name == "data")
    assert volume.persistent_volume_claim is not None and volume.persistent_volume_claim.claim_name == "data-db-1"
    await patch(cluster, StatefulSet, "db", {"spec": {"replicas": 1}})
    await cluster.settled()
    assert len(list(await cluster.client.list(PersistentVolumeClaim))) == 2


@pytest.mark.parametrize(("policy", "left"), [("whenScaled", ["data-db-0"]), ("whenDeleted", [])])
async def test_claims_go_where_the_retention_policy_says_so(cluster: FakeCluster, policy: str, left: list[str]) -> None:
    retention = {"whenScaled": "Retain", "whenDeleted": "Retain", policy: "Delete"}
    await cluster.client.create(
        stateful_set(replicas=2, volumeClaimTemplates=CLAIMS, persistentVolumeClaimRetentionPolicy=retention)
    )
    await cluster.settled()
    if policy == "whenScaled":
        await patch(cluster, StatefulSet, "db", {"spec": {"replicas": 1}})
    else:
        await cluster.client.delete(StatefulSet, "db", namespace="default")
    await cluster.settled()
    assert sorted(claim.name for claim in await cluster.client.list(PersistentVolumeClaim)) == left
    assert len(list(await cluster.client.list(PersistentVolume))) == len(left)


async def test_an_update_goes_from_the_highest_ordinal_one_by_one(cluster: FakeCluster) -> None:
    await cluster.client.create(stateful_set())
    await cluster.settled()
    before = (await live(cluster)).status.current_revision
    await set_image(cluster, StatefulSet, "db", "nginx:2")
    await cluster.advance(seconds=0.5)
    images = {pod.name: pod.spec.containers[0].image for pod in await pods(cluster)}
    assert images["db-0"] == images["db-1"] == "nginx:1"
    status = (await live(cluster)).status
    assert status.current_revision == before != status.update_revision
    await cluster.settled()
    assert {pod.spec.containers[0].image for pod in await pods(cluster)} == {"nginx:2"}
    status = (await live(cluster)).status
    assert status.current_revision == status.update_revision != before and status.current_replicas == 3


async def test_a_partition_keeps_the_lower_ordinals_on_the_old_template(cluster: FakeCluster) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    await cluster.client.create(stateful_set(updateStrategy=strategy))
    await cluster.settled()
    await set_image(cluster, StatefulSet, "db", "nginx:2")
    await cluster.settled()
    assert [pod.spec.containers[0].image for pod in await pods(cluster)] == ["nginx:1", "nginx:1", "nginx:2"]
    status = (await live(cluster)).status
    assert (status.current_replicas, status.updated_replicas) == (2, 1)
    await cluster.client.delete(Pod, "db-0", namespace="default")
    await cluster.settled()
    assert (await the_pod(cluster, "db-0")).spec.containers[0].image == "nginx:1"


async def test_on_delete_waits_for_pods_to_be_deleted(cluster: FakeCluster) -> None:
    await cluster.client.create(stateful_set(replicas=2, updateStrategy={"type": "OnDelete"}))
    await cluster.settled()
    await set_image(cluster, StatefulSet, "db", "nginx:2")
    await cluster.settled()
    assert {pod.spec.containers[0].image for pod in await pods(cluster)} == {"nginx:1"}


async def test_revisions_are_kept_up_to_the_limit_and_come_back(cluster: FakeCluster) -> None:
    await cluster.client.create(stateful_set(replicas=1, revisionHistoryLimit=1))
    for image in ("nginx:2", "nginx:3", "nginx:1"):
        await cluster.settled()
        await set_image(cluster, StatefulSet, "db", image)
    await cluster.settled()
    found = sorted(await cluster.client.list(ControllerRevision), key=lambda one: one.revision)
    images = [_image(one.data or {}) for one in found]
    assert images == ["nginx:3", "nginx:1"]
    assert found[-1].name == (await live(cluster)).status.update_revision


def _image(data: Any) -> str:
    return str(data["spec"]["template"]["spec"]["containers"][0]["image"])


async def test_ordinals_may_start_later_and_availability_takes_its_time(cluster: FakeCluster) -> None:
    await cluster.client.create(stateful_set(replicas=2, ordinals={"start": 5}, minReadySeconds=30))
    await cluster.settled(quiet=5 * SECOND)
    assert [pod.name for pod in await pods(cluster)] == ["db-5"]
    assert (await live(cluster)).status.available_replicas == 0
    await cluster.settled(quiet=40 * SECOND)
    assert [pod.name for pod in await pods(cluster)] == ["db-5", "db-6"]
    assert (await live(cluster)).status.available_replicas == 2

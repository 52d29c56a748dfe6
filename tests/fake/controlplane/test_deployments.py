"""Deployments: conditions, revisions, strategies, scaling in proportion; ReplicaSets: adoption, order of deletion."""

from kubernaut.fake import FakeCluster, PodScript
from kubernaut.resources.builtin.apps_v1 import Deployment, ReplicaSet
from kubernaut.resources.builtin.core_v1 import Pod, ResourceQuota
from tests.fake.controlplane.objects import (
    SECOND,
    condition,
    deployment,
    events,
    patch,
    pod,
    pods,
    reasons,
    set_image,
)

REVISION = "deployment.kubernetes.io/revision"


async def live(cluster: FakeCluster) -> Deployment:
    return await cluster.client.get(Deployment, "web", namespace="default")


async def sets(cluster: FakeCluster) -> dict[str, ReplicaSet]:
    """By image."""
    return {rs.spec.template.spec.containers[0].image or "": rs for rs in await cluster.client.list(ReplicaSet)}


def broken(pod: Pod, container: object, restarts: int) -> PodScript:
    return PodScript(ready=pod.spec.containers[0].image != "broken")


async def test_a_rollout_tells_what_it_does_in_conditions_and_events(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(replicas=3))
    await cluster.settled()
    found = await live(cluster)
    (rs,) = (await sets(cluster)).values()
    expected = ("True", "NewReplicaSetAvailable", f'ReplicaSet "{rs.name}" has successfully progressed.')
    assert condition(found.status, "Progressing") == expected
    expected = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    assert condition(found.status, "Available") == expected
    assert found.metadata.annotations[REVISION] == "1"
    assert await events(cluster, "Deployment") == [
        ("ScalingReplicaSet", f"Scaled up replica set {rs.name} from 0 to 3")
    ]
    assert await reasons(cluster, "ReplicaSet") == ["SuccessfulCreate"] * 3
    status = found.status
    assert (status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas) == (3, 3, 3, 3)
    assert status.unavailable_replicas is None and status.observed_generation == 1


async def test_before_pods_are_ready_the_deployment_is_unavailable_and_progresses(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(replicas=2))
    await cluster.advance(seconds=0.5)
    status = (await live(cluster)).status
    expected = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    assert condition(status, "Available") == expected
    assert condition(status, "Progressing")[:2] == ("True", "ReplicaSetUpdated")
    assert (status.replicas, status.unavailable_replicas) == (2, 2)


async def test_a_rollout_that_is_stuck_misses_its_deadline(cluster: FakeCluster) -> None:
    cluster.behaviour = broken
    await cluster.client.create(deployment(progressDeadlineSeconds=60))
    await cluster.settled()
    await set_image(cluster, Deployment, "web", "broken")
    await cluster.advance(seconds=50)
    assert condition((await live(cluster)).status, "Progressing")[1] == "ReplicaSetUpdated"
    await cluster.advance(seconds=20)
    status = (await live(cluster)).status
    name = (await sets(cluster))["broken"].name
    expected = ("False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.')
    assert condition(status, "Progressing") == expected
    assert condition(status, "Available")[0] == "True"


async def test_undoing_a_rollout_brings_the_old_replica_set_back_under_a_new_revision(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment())
    for image in ("nginx:2", "nginx:1"):
        await cluster.settled()
        await set_image(cluster, Deployment, "web", image)
    await cluster.settled()
    found = await sets(cluster)
    assert sorted(found) == ["nginx:1", "nginx:2"]
    assert found["nginx:1"].metadata.annotations[REVISION] == "3"
    assert found["nginx:1"].metadata.annotations["deployment.kubernetes.io/revision-history"] == "1"
    assert found["nginx:1"].spec.replicas == 2 and found["nginx:2"].spec.replicas == 0
    assert (await live(cluster)).metadata.annotations[REVISION] == "3"


async def test_the_change_cause_travels_with_the_revision(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment())
    await cluster.settled()
    await patch(cluster, Deployment, "web", {"metadata": {"annotations": {"kubernetes.io/change-cause": "why"}}})
    await cluster.settled()
    (rs,) = (await sets(cluster)).values()
    assert rs.metadata.annotations["kubernetes.io/change-cause"] == "why"


async def test_old_replica_sets_are_kept_up_to_the_limit(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(revisionHistoryLimit=1))
    for image in ("nginx:2", "nginx:3", "nginx:4"):
        await cluster.settled()
        await set_image(cluster, Deployment, "web", image)
    await cluster.settled()
    assert sorted(await sets(cluster)) == ["nginx:3", "nginx:4"]


async def test_never_more_or_fewer_pods_than_the_bounds_allow(cluster: FakeCluster) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    await cluster.client.create(deployment(replicas=4, strategy=strategy))
    await cluster.settled()
    await set_image(cluster, Deployment, "web", "nginx:2")
    for _ in range(40):
        await cluster.advance(seconds=0.25)
        there = [one for one in await pods(cluster) if one.metadata.deletion_timestamp is None]
        ready = [one for one in there if any(c.type == "Ready" and c.status == "True" for c in one.status.conditions)]
        assert len(there) <= 5 and len(ready) >= 4
    assert {one.spec.containers[0].image for one in await pods(cluster)} == {"nginx:2"}


async def test_recreate_never_runs_old_and_new_pods_together(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: PodScript(stop_time=5 * SECOND)
    await cluster.client.create(deployment(strategy={"type": "Recreate"}))
    await cluster.settled()
    await set_image(cluster, Deployment, "web", "nginx:2")
    for _ in range(20):
        await cluster.advance(seconds=0.5)
        assert len({one.spec.containers[0].image for one in await pods(cluster)}) <= 1
    assert [one.spec.containers[0].image for one in await pods(cluster)] == ["nginx:2"] * 2


async def test_a_paused_deployment_scales_but_rolls_nothing_out(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment())
    await cluster.settled()
    await patch(cluster, Deployment, "web", {"spec": {"paused": True}})
    await set_image(cluster, Deployment, "web", "nginx:2")
    await patch(cluster, Deployment, "web", {"spec": {"replicas": 3}})
    await cluster.settled()
    assert [one.spec.containers[0].image for one in await pods(cluster)] == ["nginx:1"] * 3
    expected = ("Unknown", "DeploymentPaused", "Deployment is paused")
    assert condition((await live(cluster)).status, "Progressing") == expected
    await patch(cluster, Deployment, "web", {"spec": {"paused": None}})
    await cluster.settled()
    assert [one.spec.containers[0].image for one in await pods(cluster)] == ["nginx:2"] * 3
    assert condition((await live(cluster)).status, "Progressing")[1] == "NewReplicaSetAvailable"


async def test_scaling_in_the_middle_of_a_rollout_is_shared_out(cluster: FakeCluster) -> None:
    cluster.behaviour = broken
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
    await cluster.client.create(deployment(replicas=10, strategy=strategy))
    await cluster.settled()
    await set_image(cluster, Deployment, "web", "broken")
    await cluster.settled()
    found = await sets(cluster)
    assert (found["nginx:1"].spec.replicas, found["broken"].spec.replicas) == (8, 5)
    await patch(cluster, Deployment, "web", {"spec": {"replicas": 15}})
    await cluster.settled()
    found = await sets(cluster)
    assert (found["nginx:1"].spec.replicas, found["broken"].spec.replicas) == (11, 7)


async def test_a_deployment_without_replicas_is_complete(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(replicas=0))
    await cluster.settled()
    assert condition((await live(cluster)).status, "Progressing")[1] == "NewReplicaSetAvailable"
    assert not await pods(cluster)


async def test_pods_that_cannot_be_made_show_as_a_replica_failure(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(replicas=1, pod={"serviceAccountName": "absent"}))
    await cluster.advance(seconds=5)
    status, reason, message = condition((await live(cluster)).status, "ReplicaFailure")
    assert (status, reason) == ("True", "FailedCreate") and "absent" in message
    assert "FailedCreate" in await reasons(cluster, "ReplicaSet")


async def test_pods_that_a_quota_refuses_are_tried_ever_more_seldom(cluster: FakeCluster) -> None:
    quota = {"metadata": {"name": "none", "namespace": "default"}, "spec": {"hard": {"pods": "0"}}}
    await cluster.client.create(ResourceQuota.from_dict(quota))
    await cluster.settled()
    await cluster.client.create(deployment(replicas=1))
    await cluster.advance(seconds=60)
    before = len(cluster.requests)
    await cluster.advance(seconds=60)
    assert "exceeded quota" in condition((await live(cluster)).status, "ReplicaFailure")[2]
    assert len(cluster.requests) - before < 60, "each refusal is no news"


async def test_a_relabelled_pod_is_released_and_replaced(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(replicas=1))
    await cluster.settled()
    (before,) = await pods(cluster)
    await patch(cluster, Pod, before.name, {"metadata": {"labels": {"app": "debug"}}})
    await cluster.settled()
    assert len(await pods(cluster, app="web")) == 1
    (kept,) = await pods(cluster, app="debug")
    assert kept.name == before.name and kept.metadata.controller_reference() is None


async def test_orphans_are_adopted(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment())
    await cluster.settled()
    before = {one.name for one in await pods(cluster)}
    await cluster.client.delete(Deployment, "web", namespace="default", propagation="Orphan")
    await cluster.settled()
    await cluster.client.create(deployment())
    await cluster.settled()
    assert {one.name for one in await pods(cluster)} == before
    (rs,) = (await sets(cluster)).values()
    reference = rs.metadata.controller_reference()
    assert reference is not None and reference.uid == (await live(cluster)).uid


async def test_a_stray_pod_is_adopted_by_the_replica_set_that_selects_it(cluster: FakeCluster) -> None:
    labels = {"matchLabels": {"app": "p"}}
    template = {"metadata": {"labels": {"app": "p"}}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}}
    spec = {"replicas": 1, "selector": labels, "template": template}
    await cluster.client.create(
        ReplicaSet.from_dict({"metadata": {"name": "rs", "namespace": "default"}, "spec": spec})
    )
    await cluster.settled()
    await cluster.client.create(pod())
    await cluster.settled()
    (left,) = await pods(cluster)
    assert left.name != "p"


async def test_pods_that_are_cheap_to_delete_go_first(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(replicas=3))
    await cluster.settled()
    chosen = (await pods(cluster))[1].name
    annotations = {"controller.kubernetes.io/pod-deletion-cost": "-5"}
    await patch(cluster, Pod, chosen, {"metadata": {"annotations": annotations}})
    await patch(cluster, Deployment, "web", {"spec": {"replicas": 2}})
    await cluster.settled()
    assert chosen not in {one.name for one in await pods(cluster)}


async def test_pods_that_are_not_ready_go_before_those_that_are(cluster: FakeCluster) -> None:
    seen: list[str] = []

    def first_is_unready(pod: Pod, container: object, restarts: int) -> PodScript:
        seen.append(pod.name)
        return PodScript(ready=pod.name != seen[0])

    cluster.behaviour = first_is_unready
    await cluster.client.create(deployment(replicas=3))
    await cluster.settled()
    await patch(cluster, Deployment, "web", {"spec": {"replicas": 2}})
    await cluster.settled()
    assert seen[0] not in {one.name for one in await pods(cluster)}


async def test_min_ready_seconds_delays_availability(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(minReadySeconds=30))
    await cluster.settled()
    assert ((await live(cluster)).status.ready_replicas, (await live(cluster)).status.available_replicas) == (2, None)
    await cluster.advance(seconds=35)
    assert (await live(cluster)).status.available_replicas == 2

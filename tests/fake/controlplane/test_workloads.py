"""Deployments, Jobs, pods and owner references come to life, under virtual time."""

from datetime import timedelta
from typing import Any

import pytest

from kubernaut.client import MergePatch, NotFound
from kubernaut.fake import FakeCluster, PodScript
from kubernaut.resources.builtin.apps_v1 import Deployment, ReplicaSet
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace, Node, Pod, ServiceAccount


def deployment(name: str = "web", replicas: int = 2, image: str = "nginx:1") -> Deployment:
    spec = {"containers": [{"name": "main", "image": image}]}
    return Deployment.from_dict(
        {
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
            },
        }
    )


def job(*argv: str, name: str = "task", **spec: Any) -> Job:
    container = {
        "name": "main",
        "image": "registry.k8s.io/kubectl:v1.36.0",
        "command": list(argv),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return Job.from_dict({"metadata": {"name": name, "namespace": "default"}, "spec": {"template": template, **spec}})


def true_conditions(status: Any) -> dict[str, str]:
    return {c.type: c.reason for c in status.conditions if c.status == "True"}


async def test_a_deployment_becomes_ready_pods_on_two_nodes(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment())
    await cluster.settled()
    pods = list(await cluster.client.list(Pod))
    assert {pod.spec.node_name for pod in pods} == {"node-1", "node-2"}
    assert all(pod.status.phase == "Running" and pod.status.pod_ip for pod in pods)
    live = await cluster.client.get(Deployment, "web", namespace="default")
    assert live.status.available_replicas == 2
    assert true_conditions(live.status) == {
        "Available": "MinimumReplicasAvailable",
        "Progressing": "NewReplicaSetAvailable",
    }


async def test_a_settled_cluster_sends_no_requests(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment())
    await cluster.settled()
    before = len([r for r in cluster.requests if r.verb != "watch"])
    await cluster.advance(seconds=120)
    assert len([r for r in cluster.requests if r.verb != "watch"]) == before


async def test_a_new_template_replaces_pods_and_keeps_enough_available(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(replicas=4))
    await cluster.settled()
    patch = MergePatch({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:2"}]}}}})
    await cluster.client.patch(Deployment, "web", patch, namespace="default")
    await cluster.settled()
    pods = list(await cluster.client.list(Pod))
    assert [pod.spec.containers[0].image for pod in pods] == ["nginx:2"] * 4
    sets = list(await cluster.client.list(ReplicaSet))
    assert sorted(rs.spec.replicas or 0 for rs in sets) == [0, 4]
    live = await cluster.client.get(Deployment, "web", namespace="default")
    assert live.metadata.annotations["deployment.kubernetes.io/revision"] == "2"


async def test_recreate_stops_all_old_pods_first(cluster: FakeCluster) -> None:
    web = deployment()
    await cluster.client.create(
        Deployment.from_dict(web.to_dict() | {"spec": web.to_dict()["spec"] | {"strategy": {"type": "Recreate"}}})
    )
    await cluster.settled()
    patch = MergePatch({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:2"}]}}}})
    await cluster.client.patch(Deployment, "web", patch, namespace="default")
    await cluster.settled()
    assert [pod.spec.containers[0].image for pod in await cluster.client.list(Pod)] == ["nginx:2"] * 2


async def test_a_deleted_pod_is_replaced_under_another_name(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment(replicas=1))
    await cluster.settled()
    (before,) = await cluster.client.list(Pod)
    await cluster.client.delete(Pod, before.name, namespace="default")
    await cluster.settled()
    (after,) = await cluster.client.list(Pod)
    assert after.name != before.name and after.status.phase == "Running"


async def test_a_cordoned_node_gets_no_new_pods(cluster: FakeCluster) -> None:
    await cluster.client.patch(Node, "node-1", MergePatch({"spec": {"unschedulable": True}}))
    await cluster.client.create(deployment(replicas=3))
    await cluster.settled()
    assert {pod.spec.node_name for pod in await cluster.client.list(Pod)} == {"node-2"}


async def test_a_pod_without_a_node_says_why_and_is_scheduled_later(cluster: FakeCluster) -> None:
    for name in ("node-1", "node-2"):
        await cluster.client.patch(Node, name, MergePatch({"spec": {"unschedulable": True}}))
    await cluster.client.create(deployment(replicas=1))
    await cluster.settled()
    (pod,) = await cluster.client.list(Pod)
    assert pod.status.phase == "Pending"
    assert pod.status.conditions[0].message == "0/2 nodes are available: 2 node(s) were unschedulable."
    await cluster.client.patch(Node, "node-2", MergePatch({"spec": {"unschedulable": None}}))
    await cluster.settled()
    (pod,) = await cluster.client.list(Pod)
    assert (pod.spec.node_name, pod.status.phase) == ("node-2", "Running")


async def test_a_scale_job_scales_and_completes(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment())
    await cluster.settled()
    await cluster.client.create(job("kubectl", "scale", "deployment/web", "--replicas=3", "--current-replicas=2"))
    await cluster.settled()
    done = await cluster.client.get(Job, "task", namespace="default")
    assert set(true_conditions(done.status)) == {"SuccessCriteriaMet", "Complete"}
    assert done.status.succeeded == 1 and done.status.completion_time is not None
    assert (await cluster.client.get(Deployment, "web", namespace="default")).status.ready_replicas == 3
    (pod,) = await cluster.client.list(Pod, labels={"job-name": "task"})
    path = Pod.resource_type.path("default", pod.name, "log")
    assert (await cluster.client.request("GET", path)).body == b"deployment.apps/web scaled\n"


async def test_a_failing_command_gives_exit_code_and_message(cluster: FakeCluster) -> None:
    await cluster.client.create(job("kubectl", "scale", "deployment/absent", "--replicas=3", backoffLimit=0))
    await cluster.settled()
    failed = await cluster.client.get(Job, "task", namespace="default")
    assert true_conditions(failed.status)["Failed"] == "BackoffLimitExceeded"
    (pod,) = await cluster.client.list(Pod)
    ended = pod.status.container_statuses[0].state.terminated
    assert pod.status.phase == "Failed" and ended is not None
    assert ended.exit_code == 1
    assert ended.message == 'error: no objects passed to scale deployments.apps "absent" not found\n'


@pytest.mark.cluster(rbac=True)
async def test_a_job_may_do_only_what_its_service_account_may(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment())
    await cluster.settled()
    await cluster.client.create(job("kubectl", "scale", "deployment/web", "--replicas=3", backoffLimit=0))
    await cluster.settled()
    (pod,) = await cluster.client.list(Pod, labels={"job-name": "task"})
    ended = pod.status.container_statuses[0].state.terminated
    assert ended is not None and ended.message is not None
    assert "is forbidden: User" in ended.message
    assert (await cluster.client.get(Deployment, "web", namespace="default")).spec.replicas == 2


async def test_failures_are_retried_with_backoff_up_to_the_limit(cluster: FakeCluster) -> None:
    await cluster.client.create(job("false", backoffLimit=2))
    await cluster.settled()
    assert (await cluster.client.get(Job, "task", namespace="default")).status.failed == 1
    await cluster.advance(minutes=2)
    await cluster.settled()
    failed = await cluster.client.get(Job, "task", namespace="default")
    assert failed.status.failed == 3 and "Failed" in true_conditions(failed.status)


async def test_a_job_past_its_deadline_fails_and_its_pod_ends(cluster: FakeCluster) -> None:
    await cluster.client.create(job("sleep", "600", activeDeadlineSeconds=60))
    await cluster.advance(seconds=90)
    await cluster.settled()
    failed = await cluster.client.get(Job, "task", namespace="default")
    assert true_conditions(failed.status)["Failed"] == "DeadlineExceeded"
    assert not await cluster.client.list(Pod)


async def test_a_finished_job_goes_after_its_ttl_with_its_pods(cluster: FakeCluster) -> None:
    await cluster.client.create(job("true", ttlSecondsAfterFinished=300))
    await cluster.settled()
    assert (await cluster.client.get(Job, "task", namespace="default")).status.succeeded == 1
    await cluster.advance(seconds=310)
    await cluster.settled()
    with pytest.raises(NotFound):
        await cluster.client.get(Job, "task", namespace="default")
    assert not await cluster.client.list(Pod)


async def test_a_running_job_pod_that_is_deleted_counts_as_failed(cluster: FakeCluster) -> None:
    await cluster.client.create(job("sleep", "600", backoffLimit=0))
    await cluster.settled()
    (pod,) = await cluster.client.list(Pod)
    await cluster.client.delete(Pod, pod.name, namespace="default")
    await cluster.settled()
    failed = await cluster.client.get(Job, "task", namespace="default")
    assert failed.status.failed == 1 and "Failed" in true_conditions(failed.status)


async def test_a_deleted_running_job_leaves_nothing_behind(cluster: FakeCluster) -> None:
    await cluster.client.create(job("sleep", "600"))
    await cluster.settled()
    await cluster.client.delete(Job, "task", namespace="default", propagation="Background")
    await cluster.settled()
    assert not await cluster.client.list(Pod)


async def test_a_script_makes_a_container_crash_and_back_off(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: PodScript(
        exit_code=3, run_time=timedelta(seconds=5), log="boom\n"
    )
    await cluster.client.create(deployment(replicas=1))
    await cluster.settled(quiet=timedelta(seconds=9))
    (pod,) = await cluster.client.list(Pod)
    status = pod.status.container_statuses[0]
    assert status.restart_count == 2 and status.state.waiting is not None
    assert status.state.waiting.reason == "CrashLoopBackOff"
    assert status.last_state.terminated is not None and status.last_state.terminated.exit_code == 3


async def test_an_image_that_cannot_be_pulled_waits(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: PodScript(waiting="ImagePullBackOff")
    await cluster.client.create(deployment(replicas=1))
    await cluster.settled()
    (pod,) = await cluster.client.list(Pod)
    assert pod.status.phase == "Pending"
    waiting = pod.status.container_statuses[0].state.waiting
    assert waiting is not None and waiting.reason == "ImagePullBackOff"


async def test_a_pod_stops_within_its_grace_period(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: PodScript(stop_time=timedelta(seconds=60))
    pod = Pod.from_dict(
        {"metadata": {"name": "p", "namespace": "default"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    )
    await cluster.client.create(pod)
    await cluster.settled()
    await cluster.client.delete(Pod, "p", namespace="default", grace_period=20)
    await cluster.advance(seconds=19)
    assert (await cluster.client.get(Pod, "p", namespace="default")).metadata.deletion_timestamp is not None
    await cluster.advance(seconds=2)
    with pytest.raises(NotFound):
        await cluster.client.get(Pod, "p", namespace="default")


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
async def test_what_a_deployment_owns_goes_with_it(cluster: FakeCluster, propagation: Any) -> None:
    await cluster.client.create(deployment())
    await cluster.settled()
    await cluster.client.delete(Deployment, "web", namespace="default", propagation=propagation)
    await cluster.settled()
    assert not await cluster.client.list(Deployment)
    assert not await cluster.client.list(ReplicaSet)
    assert not await cluster.client.list(Pod)


async def test_orphans_stay(cluster: FakeCluster) -> None:
    await cluster.client.create(deployment())
    await cluster.settled()
    await cluster.client.delete(Deployment, "web", namespace="default", propagation="Orphan")
    await cluster.settled()
    assert not await cluster.client.list(Deployment)
    (rs,) = await cluster.client.list(ReplicaSet)
    assert rs.metadata.owner_references == [] and len(await cluster.client.list(Pod)) == 2


async def test_an_object_whose_owner_never_was_is_collected(cluster: FakeCluster) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "absent", "uid": "00000000-0000-0000-0000-000000000000"}
    metadata = {"name": "child", "namespace": "default", "ownerReferences": [owner]}
    await cluster.client.create(ConfigMap.from_dict({"metadata": metadata}))
    await cluster.settled()
    assert "child" not in {item.name for item in await cluster.client.list(ConfigMap, namespace="default")}


async def test_a_namespace_gets_an_account_and_is_emptied_before_it_goes(cluster: FakeCluster) -> None:
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    await cluster.settled()
    assert (await cluster.client.get(ServiceAccount, "default", namespace="shop")).name == "default"
    await cluster.client.create(ConfigMap.from_dict({"metadata": {"name": "c", "namespace": "shop"}}))
    await cluster.client.delete(Namespace, "shop")
    await cluster.settled()
    assert "shop" not in {item.name for item in await cluster.client.list(Namespace)}
    assert not await cluster.client.list(ConfigMap, namespace="shop")


async def test_two_runs_of_one_seed_are_the_same() -> None:
    from kubernaut.testing.virtualtime import run_virtual

    async def run() -> list[tuple[str, str, int]]:
        async with FakeCluster(seed=7) as fake:
            await fake.client.create(deployment(replicas=3))
            await fake.settled()
            names = sorted(pod.name for pod in await fake.client.list(Pod))
            return [(r.verb, r.path, r.code) for r in fake.requests] + [(name, "", 0) for name in names]

    import asyncio

    def twice() -> bool:
        return run_virtual(run) == run_virtual(run)

    assert await asyncio.to_thread(twice)

"""A Job that somebody deletes is never made a second time, and nothing holds it longer than its execution needs it."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.client import NotFound
from kubernaut.fake import FakeCluster
from kubernaut.policy import allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions
from kubernaut.remediation.execution.held import HELD
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Namespace, Secret
from tests.remediation.conftest import World

EXECUTOR = "kubernaut-executor"
RESTART: dict[str, Any] = {
    "action": "restart-pod",
    "target": {"kind": "Pod", "namespace": "shop", "name": "web-0"},
    "parameters": {},
}
"""An action with files, which come in a Secret after the Job."""


class Crashed(BaseException):
    """The manager died: nothing of it goes on, and nothing more is written."""


def crash_at(world: Any, number: int) -> list[str]:
    """The process ends after the server has taken its request `number`; the requests up to then are returned."""
    calls: list[str] = []

    def fault(request: Any) -> Any:
        if len(calls) == number:
            raise Crashed
        calls.append(f"{request.method} {request.path}")
        return None

    world.faults.append(fault)
    return calls


class Counting(World):
    """Counts the Jobs that there ever were."""

    made = 0

    def put(self, obj: dict[str, Any], path: str) -> dict[str, Any]:
        self.made += "/jobs/" in path and "uid" not in obj.get("metadata", {})
        return super().put(obj, path)


async def until_announced(world: Any) -> None:
    while "rollbackInformation" not in world.status:
        await world.step()


def deleted_by_somebody(world: Any, *, foreground: bool) -> bool:
    """`kubectl delete job`, with what the garbage collector does of it; False where there is none."""
    found = [path for path in world.objects if "/jobs/" in path]
    if not found:
        return False
    (path,) = found
    metadata = world.objects[path]["metadata"]
    metadata["deletionTimestamp"] = world.stamp()
    if foreground or not metadata.get("finalizers"):
        for other in [other for other in world.objects if "/secrets/" in other]:
            del world.objects[other]
    if not metadata.get("finalizers"):
        del world.objects[path]
    return True


@pytest.mark.parametrize("foreground", [False, True], ids=["background", "foreground"])
@pytest.mark.parametrize("spec", [{}, RESTART], ids=["plain", "with files"])
async def test_a_job_that_is_deleted_while_the_manager_is_dead_is_not_made_again(
    spec: dict[str, Any], foreground: bool
) -> None:
    """The manager dies at every call in turn, somebody deletes the Job if there is one, and another manager begins."""
    hit = 0
    for number in range(1, 100):
        world = Counting()
        world.create(**spec)
        await until_announced(world)
        calls, died = crash_at(world, number), False
        try:
            for _ in range(3):
                await world.step()
        except Crashed:
            died = True
        world.faults.clear()
        hit += deleted_by_somebody(world, foreground=foreground)
        await world.settle()
        for _ in range(3):
            world.advance(seconds=20)
            await world.settle()
        assert world.made == 1, calls
        if hit and "jobUid" in world.status:
            assert world.status["phase"] in ("executing", "failed")
        if world.status["phase"] == "failed":
            assert world.failed()[0] == "JobLost"
            assert not world.jobs(), "it is let go of"
        if not died:
            break
    else:
        raise AssertionError("it never comes to an end")
    assert hit >= 2


async def test_the_job_is_held_from_its_creation_until_its_result_is_stored(world: Any) -> None:
    world.create()
    assert (await world.run_to_job())["metadata"]["finalizers"] == [HELD]
    world.finish()
    result: list[bool] = []

    def note(request: Any) -> None:
        if request.method == "PATCH" and "/jobs/" in request.path:
            result.append("executionResults" in world.status)

    world.faults.append(note)
    await world.settle()
    assert "finalizers" not in world.job()["metadata"]
    assert world.job()["spec"]["ttlSecondsAfterFinished"] == 300
    assert result == [True], "with its time to live, in one request"


async def test_the_result_of_a_job_that_is_deleted_after_its_end_is_read_all_the_same(world: Any) -> None:
    world.create()
    await world.run_to_job()
    world.finish()
    assert deleted_by_somebody(world, foreground=False)
    await world.settle()
    assert world.status["phase"] == "rollback_ready" and world.status["executionResults"]["success"]
    assert not world.jobs()


async def test_a_job_that_is_deleted_while_it_runs_is_lost_and_let_go_of(world: Any) -> None:
    world.create()
    await world.run_to_job()
    assert deleted_by_somebody(world, foreground=False)
    await world.settle()
    assert world.failed()[0] == "JobLost" and not world.jobs()


async def test_somebody_else_s_finalizers_stay(world: Any) -> None:
    world.create()
    (await world.run_to_job())["metadata"]["finalizers"] = ["example.com/theirs", HELD]
    world.finish()
    await world.settle()
    assert world.job()["metadata"]["finalizers"] == ["example.com/theirs"]


async def test_a_job_that_got_its_time_to_live_from_elsewhere_is_let_go_of(world: Any) -> None:
    """Where a policy of the cluster writes one into every Job; the finalizer keeps the result until it is read."""
    world.create()
    (await world.run_to_job())["spec"]["ttlSecondsAfterFinished"] = 5
    world.finish()
    deleted_by_somebody(world, foreground=True)
    await world.settle()
    assert world.status["phase"] == "rollback_ready" and not world.jobs()


async def test_a_job_of_an_earlier_version_is_taken_as_it_is() -> None:
    world = Counting()
    world.create()
    await until_announced(world)
    world.faults.append(lambda r: (503, "lost") if r.path.endswith("/status") else None)
    with pytest.raises(Exception, match="lost"):
        await world.step()
    world.faults.clear()
    del world.job()["metadata"]["finalizers"]
    world.finish()
    await world.settle()
    assert world.status["phase"] == "rollback_ready" and world.made == 1


async def test_a_job_without_its_files_is_made_anew_for_its_pod_never_ran(world: Any) -> None:
    """The manager died between the Job and its Secret; nobody deleted anything."""
    world.create(**RESTART)
    await until_announced(world)
    fault = lambda r: (503, "lost") if r.method == "POST" and r.path.endswith("/secrets") else None  # noqa: E731
    world.faults.append(fault)
    with pytest.raises(Exception, match="lost"):
        await world.step()
    world.faults.clear()
    first = world.job()["metadata"]["uid"]
    await world.settle()
    world.advance(seconds=2)
    await world.settle()
    assert world.job()["metadata"]["uid"] != first and world.status["jobUid"] == world.job()["metadata"]["uid"]


async def test_a_dry_run_job_is_not_held(world: Any) -> None:
    world.create(dryRun="always")
    job = await world.run_to_job()
    assert "-dry" in job["metadata"]["name"] and "finalizers" not in job["metadata"]


# On a cluster with a garbage collector.

CATALOG = Catalog([Catalog.builtin().get("scale-deployment")])
CONFIG = ExecutionConfig(catalog=CATALOG, evaluator=allow_all(), allow_unstamped=True)


async def prepare(cluster: FakeCluster) -> None:
    await cluster.load(crds())
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    for manifest in rbac_manifests(CATALOG):
        await cluster.client.create(manifest)
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    web = {"metadata": {"name": "web", "namespace": "shop"}, "spec": spec}
    await cluster.client.create(Deployment.from_dict(web))


async def scale(cluster: FakeCluster) -> None:
    target = {"kind": "Deployment", "namespace": "shop", "name": "web"}
    spec = {"action": "scale-deployment", "target": target, "parameters": {"replicas": 5}}
    body = {"metadata": {"name": "fix", "namespace": "shop"}, "spec": spec}
    await cluster.client.create(KubernetesExecution.from_dict(body))


async def jobs(cluster: FakeCluster) -> list[Job]:
    return list(await cluster.client.list(Job, namespace=EXECUTOR))


@pytest.mark.cluster(declared=True, nodes=1)
@pytest.mark.parametrize("propagation", ["Background", "Foreground", "Orphan"])
async def test_a_deleted_job_ends_its_execution_and_goes(cluster: FakeCluster, propagation: Any) -> None:
    await prepare(cluster)
    async with cluster.running(executions(CONFIG)):
        await scale(cluster)
        while not (found := await jobs(cluster)):
            await cluster.advance(seconds=0.1)
        assert found[0].metadata.finalizers == [HELD]
        await cluster.client.delete(Job, found[0].name, namespace=EXECUTOR, propagation=propagation)
        await cluster.settled()
        await cluster.advance(seconds=60)
        status = (await cluster.client.get(KubernetesExecution, "fix", namespace="shop")).status
        assert (status.phase, status.reason) == ("failed", "JobLost"), status.to_dict()
        assert await jobs(cluster) == []


@pytest.mark.cluster(declared=True, nodes=1)
async def test_the_deletion_of_an_execution_takes_its_held_job_with_it(cluster: FakeCluster) -> None:
    await prepare(cluster)
    async with cluster.running(executions(CONFIG)):
        await scale(cluster)
        while not await jobs(cluster):
            await cluster.advance(seconds=0.1)
        await cluster.client.delete(KubernetesExecution, "fix", namespace="shop")
        await cluster.settled()
        assert await jobs(cluster) == []
        with pytest.raises(NotFound):
            await cluster.client.get(KubernetesExecution, "fix", namespace="shop")


@pytest.mark.cluster(declared=True, nodes=1)
async def test_the_time_to_live_deletes_a_job_that_is_let_go_of(cluster: FakeCluster) -> None:
    await prepare(cluster)
    async with cluster.running(executions(CONFIG)):
        await scale(cluster)
        await cluster.settled()
        (job,) = await jobs(cluster)
        assert job.metadata.finalizers == []
        await cluster.advance(seconds=310)
        assert await jobs(cluster) == []
        assert list(await cluster.client.list(Secret, namespace=EXECUTOR)) == []

"""Jobs as the controller of Kubernetes 1.36 runs them."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from kubernaut.client import NotFound
from kubernaut.fake import FakeCluster, PodScript
from kubernaut.fake.controlplane.jobs.indexes import parse, shown
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Pod
from tests.fake.controlplane.objects import (
    CRASHES,
    SECOND,
    condition,
    events,
    job,
    patch,
    pods,
    reasons,
    true_conditions,
)

INDEX = "batch.kubernetes.io/job-completion-index"
LONG = timedelta(minutes=30)


async def live(cluster: FakeCluster, name: str = "task") -> Job:
    return await cluster.client.get(Job, name, namespace="default")


async def finished(cluster: FakeCluster, made: Job, quiet: timedelta = LONG) -> Job:
    await cluster.client.create(made)
    await cluster.settled(quiet=quiet, within=timedelta(hours=20))
    return await live(cluster, made.name)


async def test_a_job_runs_so_many_pods_at_once_until_enough_have_succeeded(cluster: FakeCluster) -> None:
    await cluster.client.create(job(command="sleep 60", parallelism=2, completions=5))
    await cluster.advance(seconds=30)
    status = (await live(cluster)).status
    assert (status.active, status.ready, len(await pods(cluster))) == (2, 2, 2)
    await cluster.settled(quiet=LONG)
    done = await live(cluster)
    assert (done.status.succeeded, done.status.active, done.status.failed) == (5, None, None)
    assert condition(done.status, "SuccessCriteriaMet") == condition(done.status, "Complete")
    expected = ("True", "CompletionsReached", "Reached expected number of succeeded pods")
    assert condition(done.status, "Complete") == expected
    assert done.status.completion_time is not None and done.status.terminating == 0
    assert done.status.uncounted_terminated_pods is not None
    assert await reasons(cluster, "Job") == ["SuccessfulCreate"] * 5 + ["Completed"]
    assert all(not pod.metadata.finalizers for pod in await pods(cluster))


async def test_without_completions_one_success_is_enough_and_no_pod_is_added(cluster: FakeCluster) -> None:
    def behave(pod: Pod, container: Any, restarts: int) -> PodScript:
        return PodScript(exit_code=0, run_time=SECOND * (5 if pod.name == first else 60))

    first = ""
    cluster.behaviour = behave
    await cluster.client.create(job(parallelism=3))
    await cluster.advance(seconds=0.5)
    first = (await pods(cluster))[0].name
    await cluster.advance(seconds=20)
    assert "Complete" not in true_conditions((await live(cluster)).status) and len(await pods(cluster)) == 3
    await cluster.settled(quiet=LONG)
    assert "Complete" in true_conditions((await live(cluster)).status)


async def test_failures_beyond_the_backoff_limit_fail_the_job(cluster: FakeCluster) -> None:
    done = await finished(cluster, job(command="false", backoffLimit=2))
    expected = ("True", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert condition(done.status, "FailureTarget") == condition(done.status, "Failed") == expected
    assert done.status.failed == 3 and done.status.completion_time is None
    told = await events(cluster, "Job")
    assert told[-1] == ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    starts = sorted(pod.metadata.creation_timestamp for pod in await pods(cluster) if pod.metadata.creation_timestamp)
    gaps = [int((later - earlier).total_seconds()) for earlier, later in pairwise(starts)]
    assert 10 <= gaps[0] <= 14 and 20 <= gaps[1] <= 24


async def test_a_success_resets_the_backoff(cluster: FakeCluster) -> None:
    outcomes = iter([1, 1, 0, 1, 0])
    made: dict[str, int] = {}

    def behave(pod: Pod, container: Any, restarts: int) -> PodScript:
        code = made.setdefault(pod.name, -1)
        if code < 0:
            code = made[pod.name] = next(outcomes)
        return PodScript(exit_code=code)

    cluster.behaviour = behave
    done = await finished(cluster, job(completions=2, backoffLimit=6))
    assert (done.status.succeeded, done.status.failed) == (2, 3)
    ordered = sorted(await pods(cluster), key=lambda pod: str(pod.metadata.creation_timestamp))
    starts = [pod.metadata.creation_timestamp for pod in ordered]
    gaps = [(b - a).total_seconds() for a, b in pairwise(starts) if a and b]
    assert [round(gap / 10) for gap in gaps] == [1, 2, 0, 1]


async def test_restarts_of_a_container_count_with_restart_policy_on_failure(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: CRASHES
    done = await finished(cluster, job(pod={"restartPolicy": "OnFailure"}, backoffLimit=2))
    assert true_conditions(done.status)["Failed"] == "BackoffLimitExceeded"
    assert not await pods(cluster)


async def test_a_job_that_takes_too_long_fails_and_its_pods_are_ended(cluster: FakeCluster) -> None:
    done = await finished(cluster, job(command="sleep 600", activeDeadlineSeconds=60))
    expected = ("True", "DeadlineExceeded", "Job was active longer than specified deadline")
    assert condition(done.status, "Failed") == expected
    assert not await pods(cluster)
    began, ended = done.status.start_time, done.status.conditions[0].last_transition_time
    assert began is not None and ended is not None and 60 <= (ended - began).total_seconds() <= 62


async def test_the_failed_condition_waits_until_no_pod_runs_any_more(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: PodScript(stop_time=20 * SECOND)
    await cluster.client.create(job(activeDeadlineSeconds=10))
    await cluster.advance(seconds=20)
    status = (await live(cluster)).status
    assert "FailureTarget" in true_conditions(status) and "Failed" not in true_conditions(status)
    assert status.terminating == 1
    await cluster.advance(seconds=20)
    status = (await live(cluster)).status
    assert "Failed" in true_conditions(status) and status.terminating == 0


async def test_a_finished_job_is_deleted_after_its_time(cluster: FakeCluster) -> None:
    await cluster.client.create(job(ttlSecondsAfterFinished=100))
    await cluster.advance(seconds=60)
    assert "Complete" in true_conditions((await live(cluster)).status)
    await cluster.advance(seconds=60)
    with pytest.raises(NotFound):
        await live(cluster)
    assert not await pods(cluster)


async def test_a_suspended_job_has_no_pods_and_starts_when_it_is_resumed(cluster: FakeCluster) -> None:
    await cluster.client.create(job(command="sleep 60", suspend=True))
    await cluster.settled()
    suspended = await live(cluster)
    assert condition(suspended.status, "Suspended") == ("True", "JobSuspended", "Job suspended")
    assert suspended.status.start_time is None and not await pods(cluster)
    await patch(cluster, Job, "task", {"spec": {"suspend": False}})
    await cluster.settled()
    resumed = await live(cluster)
    assert condition(resumed.status, "Suspended") == ("False", "JobResumed", "Job resumed")
    assert resumed.status.active == 1 and resumed.status.start_time is not None
    await patch(cluster, Job, "task", {"spec": {"suspend": True}})
    await cluster.settled()
    assert not await pods(cluster) and (await live(cluster)).status.active is None
    told = await reasons(cluster, "Job")
    assert {"Suspended", "Resumed"} <= {*told}


async def test_a_pod_failure_policy_may_fail_the_job_at_once(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: PodScript(exit_code=42)
    rules = [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]
    done = await finished(cluster, job(podFailurePolicy={"rules": rules}))
    (pod,) = await pods(cluster)
    message = f"Container main for pod default/{pod.name} failed with exit code 42 matching FailJob rule at index 0"
    assert condition(done.status, "FailureTarget") == condition(done.status, "Failed")
    assert condition(done.status, "Failed") == ("True", "PodFailurePolicy", message)


async def test_ignored_failures_do_not_count(cluster: FakeCluster) -> None:
    codes = iter([3, 3, 0])
    made: dict[str, int] = {}

    def behave(pod: Pod, container: Any, restarts: int) -> PodScript:
        if pod.name not in made:
            made[pod.name] = next(codes)
        return PodScript(exit_code=made[pod.name])

    cluster.behaviour = behave
    rules = [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3]}}]
    done = await finished(cluster, job(backoffLimit=0, podFailurePolicy={"rules": rules}))
    assert "Complete" in true_conditions(done.status)
    assert (done.status.succeeded, done.status.failed) == (1, None)


async def test_a_disrupted_pod_matches_a_rule_on_its_condition(cluster: FakeCluster) -> None:
    rules = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
    await cluster.client.create(job(command="sleep 60", backoffLimit=0, podFailurePolicy={"rules": rules}))
    await cluster.settled()
    (pod,) = await pods(cluster)
    await cluster.client.request(
        "PATCH",
        f"/api/v1/nodes/{pod.spec.node_name}",
        body={"spec": {"taints": [{"key": "maintenance", "effect": "NoExecute"}]}},
        headers={"content-type": "application/merge-patch+json"},
    )
    await cluster.settled(quiet=LONG)
    assert "Complete" in true_conditions((await live(cluster)).status)


async def test_indexed_pods_have_an_index_each(cluster: FakeCluster) -> None:
    done = await finished(cluster, job(completions=3, parallelism=2, completionMode="Indexed"))
    assert (done.status.succeeded, done.status.completed_indexes) == (3, "0-2")
    found = await pods(cluster)
    assert [pod.metadata.annotations[INDEX] for pod in found] == ["0", "1", "2"]
    assert [pod.spec.hostname for pod in found] == ["task-0", "task-1", "task-2"]
    assert all(pod.name.startswith(f"task-{number}-") for number, pod in enumerate(found))
    variable = found[0].spec.containers[0].env[0]
    assert variable.name == "JOB_COMPLETION_INDEX" and variable.value_from is not None
    assert variable.value_from.field_ref is not None
    assert variable.value_from.field_ref.field_path == f"metadata.labels['{INDEX}']"


async def test_a_failed_index_is_tried_again(cluster: FakeCluster) -> None:
    failed: list[str] = []

    def behave(pod: Pod, container: Any, restarts: int) -> PodScript:
        if pod.metadata.labels.get(INDEX) == "1" and (not failed or pod.name in failed):
            failed[:] = [pod.name]
            return CRASHES
        return PodScript(exit_code=0)

    cluster.behaviour = behave
    done = await finished(cluster, job(completions=2, parallelism=2, completionMode="Indexed"))
    assert (done.status.succeeded, done.status.failed, done.status.completed_indexes) == (2, 1, "0,1")


def index_one_fails(pod: Pod, container: Any, restarts: int) -> PodScript:
    return PodScript(exit_code=1 if pod.metadata.labels.get(INDEX) == "1" else 0)


async def test_each_index_has_its_own_backoff_limit(cluster: FakeCluster) -> None:
    cluster.behaviour = index_one_fails
    spec: dict[str, Any] = {"completions": 3, "parallelism": 3, "completionMode": "Indexed", "backoffLimit": 100}
    done = await finished(cluster, job(backoffLimitPerIndex=1, **spec))
    assert (done.status.completed_indexes, done.status.failed_indexes) == ("0,2", "1")
    assert condition(done.status, "Failed") == ("True", "FailedIndexes", "Job has failed indexes")
    counts = [
        pod.metadata.annotations.get("batch.kubernetes.io/job-index-failure-count") for pod in await pods(cluster)
    ]
    assert sorted(count or "" for count in counts) == ["0", "0", "0", "1"]


async def test_too_many_failed_indexes_end_the_job_early(cluster: FakeCluster) -> None:
    cluster.behaviour = index_one_fails
    spec: dict[str, Any] = {"completions": 3, "parallelism": 3, "completionMode": "Indexed", "backoffLimit": 100}
    done = await finished(cluster, job(backoffLimitPerIndex=0, maxFailedIndexes=0, **spec))
    assert true_conditions(done.status)["Failed"] == "MaxFailedIndexesExceeded"


async def test_a_fail_index_rule_fails_its_index_at_once(cluster: FakeCluster) -> None:
    cluster.behaviour = index_one_fails
    rules = [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [1]}}]
    spec: dict[str, Any] = {"completions": 2, "parallelism": 2, "completionMode": "Indexed", "backoffLimit": 100}
    done = await finished(cluster, job(backoffLimitPerIndex=5, podFailurePolicy={"rules": rules}, **spec))
    assert (done.status.failed_indexes, len(await pods(cluster))) == ("1", 2)


async def test_a_success_policy_ends_the_job_with_the_indexes_that_matter(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: (
        PodScript(exit_code=0) if pod.metadata.labels.get(INDEX) == "0" else PodScript()
    )
    policy = {"rules": [{"succeededIndexes": "0", "succeededCount": 1}]}
    done = await finished(cluster, job(completions=3, parallelism=3, completionMode="Indexed", successPolicy=policy))
    assert condition(done.status, "SuccessCriteriaMet") == ("True", "SuccessPolicy", "Matched rules at index 0")
    assert condition(done.status, "Complete")[:2] == ("True", "SuccessPolicy")
    assert [pod.metadata.labels[INDEX] for pod in await pods(cluster)] == ["0"]


async def test_pod_replacement_policy_failed_waits_for_the_old_pod_to_end(cluster: FakeCluster) -> None:
    cluster.behaviour = lambda pod, container, restarts: PodScript(stop_time=20 * SECOND)
    await cluster.client.create(job(podReplacementPolicy="Failed"))
    await cluster.settled()
    (first,) = await pods(cluster)
    await cluster.client.delete(Pod, first.name, namespace="default")
    await cluster.advance(seconds=5)
    assert len(await pods(cluster)) == 1 and (await live(cluster)).status.terminating == 1
    await cluster.advance(seconds=60)
    (second,) = await pods(cluster)
    assert second.name != first.name


async def test_fewer_parallel_pods_are_wanted(cluster: FakeCluster) -> None:
    await cluster.client.create(job(command="sleep 600", parallelism=3, completions=3))
    await cluster.settled()
    await patch(cluster, Job, "task", {"spec": {"parallelism": 1}})
    await cluster.settled()
    assert len(await pods(cluster)) == 1


async def test_a_job_managed_by_somebody_else_is_left_alone(cluster: FakeCluster) -> None:
    await cluster.client.create(job(managedBy="example.com/other"))
    await cluster.settled()
    assert not await pods(cluster) and (await live(cluster)).status.start_time is None


@pytest.mark.parametrize(
    ("text", "indexes"), [("", set()), ("3", {3}), ("1,2", {1, 2}), ("0-2,5,7-9", {0, 1, 2, 5, 7, 8, 9})]
)
def test_indexes_are_listed_in_short(text: str, indexes: set[int]) -> None:
    assert parse(text) == indexes and shown(indexes) == text

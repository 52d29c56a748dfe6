"""A Job that a deposed leader sent, and that arrives when its execution has ended and the Job it had is gone."""

from __future__ import annotations

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.remediation.execution import executions
from kubernaut.remediation.execution.held import HELD
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from tests.remediation.lock.test_lock import EXECUTOR, config, hold_up, leases, prepare, scale, status

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1)]


async def test_it_is_removed_and_what_was_done_stays_done(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await hold_up(cluster, True)
    async with cluster.running(executions(config())):
        await scale(cluster, "first", 3)
        await cluster.advance(seconds=20)
        (job,) = await cluster.client.list(Job, namespace=EXECUTOR)
        await hold_up(cluster, False)
        await cluster.advance(minutes=2)
        before = await status(cluster, "first")
        assert before.phase == "rollback_ready"
        await cluster.client.delete(Job, job.name, namespace=EXECUTOR, propagation="Background")
        await cluster.settled()

        await cluster.client.create(_as_sent(job))
        await cluster.advance(seconds=30)
        assert list(await cluster.client.list(Job, namespace=EXECUTOR)) == []
        assert await leases(cluster) == []
        after = await status(cluster, "first")
        assert (after.phase, after.job_uid) == ("rollback_ready", before.job_uid)
        assert (await cluster.client.get(Deployment, "web", namespace="shop")).spec.replicas == 3


def _as_sent(job: Job) -> Job:
    """The Job as its creation was sent."""
    sent = job.to_dict()
    sent.pop("status", None)
    metadata = {key: sent["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    sent["metadata"] = metadata | {"finalizers": [HELD]}
    generated = {"controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"}
    sent["spec"].pop("selector", None)
    labels = sent["spec"]["template"]["metadata"]["labels"]
    sent["spec"]["template"]["metadata"]["labels"] = {key: labels[key] for key in labels if key not in generated}
    return Job.from_dict(sent)


async def test_a_dry_run_that_comes_late_does_not_stay_for_ever(cluster: FakeCluster) -> None:
    await prepare(cluster)
    async with cluster.running(executions(config())):
        made = await scale(cluster, "first", 3, dryRun="always")
        await cluster.advance(minutes=2)
        results = (await status(cluster, "first")).validation_results.dry_run_results
        tried = await cluster.client.get(Job, results.job_name, namespace=EXECUTOR)
        await cluster.client.delete(Job, tried.name, namespace=EXECUTOR, propagation="Background")
        await cluster.settled()
        late = _as_sent(tried)
        late.metadata.finalizers, late.spec.ttl_seconds_after_finished = [], None
        await cluster.client.create(late)
        await cluster.advance(minutes=30)
        left = [each.name for each in await cluster.client.list(Job, namespace=EXECUTOR)]
        assert left == [] and (await status(cluster, "first")).is_true("JobsReleased"), (left, made.uid)

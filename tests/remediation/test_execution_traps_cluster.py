"""Traps seen in earlier designs that only a whole controller on a cluster can fall into."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kubernaut.client.transports.faults import Fault
from kubernaut.fake import FakeCluster
from kubernaut.policy import PolicyDecision, PolicyInput, PolicyUnavailable, PythonEvaluator
from kubernaut.remediation.execution import ExecutionConfig, Limits, executions
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.authorization_v1 import SubjectAccessReview
from kubernaut.resources.builtin.batch_v1 import Job
from tests.actions.cases import CASES, Case
from tests.actions.executing import controlled, execute
from tests.remediation.test_execution_cluster import CONFIG, WEB, create, prepare, read

pytestmark = [
    pytest.mark.cluster(declared=True),
    pytest.mark.fake_only("faults, and limits of hours"),
]


def config(**changes: Any) -> ExecutionConfig:
    return CONFIG.model_copy(update=changes)


async def test_the_end_of_a_job_in_another_namespace_is_heard_of_and_not_polled_for(cluster: FakeCluster) -> None:
    """Neither an owner reference across namespaces, which leads nowhere, nor a predicate that hides what only a status
    tells: with either, the result would be read an hour later."""
    await prepare(cluster)
    async with cluster.running(executions(config(limits=Limits(poll=timedelta(hours=1))))):
        await create(cluster, "scale-deployment", WEB, replicas=5)
        await cluster.advance(seconds=20)
        assert (await read(cluster)).status.phase == "rollback_ready"


async def test_an_error_at_every_try_does_not_hide_the_deadline(cluster: FakeCluster) -> None:
    """What asks to run again at a time, and fails, is run again by back-off alone: it must still end in time."""
    await prepare(cluster)
    cluster.faults.add(Fault.status(503), verb="create", resource=SubjectAccessReview)
    async with cluster.running(executions(config(limits=Limits(validation=timedelta(minutes=2))))):
        await create(cluster, "scale-deployment", WEB, replicas=5)
        await cluster.advance(seconds=119)
        assert (await read(cluster)).status.phase == "validating"
        await cluster.advance(seconds=17)
        status = (await read(cluster)).status
        assert (status.phase, status.reason) == ("failed", "ValidationTimeout")


async def test_errors_that_end_are_tried_again_until_then(cluster: FakeCluster) -> None:
    await prepare(cluster)
    for number in range(1, 9):
        cluster.faults.add(Fault.status(503), verb="create", resource=SubjectAccessReview, nth=number)
    async with cluster.running(executions(CONFIG)):
        await create(cluster, "scale-deployment", WEB, replicas=5)
        await cluster.advance(seconds=29)
        assert (await read(cluster)).status.phase == "rollback_ready"
    assert len(cluster.faults.injected) == 8


async def test_a_requeue_asked_for_is_kept_though_nothing_else_happens(cluster: FakeCluster) -> None:
    """A policy that is away is asked again every five seconds, and its answer counts within them."""
    away, asked = [True], []

    def decide(question: PolicyInput) -> PolicyDecision:
        asked.append(question.action)
        if away[0]:
            raise PolicyUnavailable("being moved")
        return PolicyDecision(allowed=True)

    await prepare(cluster)
    async with cluster.running(executions(config(evaluator=PythonEvaluator(decide)))):
        await create(cluster, "scale-deployment", WEB, replicas=5)
        await cluster.advance(seconds=17)
        assert 3 <= len(asked) <= 6
        away[0] = False
        await cluster.advance(seconds=8)
        assert (await read(cluster)).status.phase == "rollback_ready"


async def test_a_status_that_could_not_be_written_is_written_later_and_there_is_one_job(cluster: FakeCluster) -> None:
    """Every write of a status fails once: nothing is done twice for that, and nothing is forgotten."""
    await prepare(cluster)
    for number in range(1, 12, 2):
        cluster.faults.add(Fault.answer_lost(1), verb="update", resource="kubernetesexecutions/status", nth=number)
    async with cluster.running(executions(CONFIG)):
        await create(cluster, "scale-deployment", WEB, replicas=5)
        await cluster.advance(minutes=2)
        status = (await read(cluster)).status
        assert status.phase == "rollback_ready", status.to_dict()
        assert status.rollback_information and status.rollback_information.parameters == {"replicas": 2}
        assert [step.phase for step in status.transitions] == ["validating", "validated", "executing", "rollback_ready"]
        assert len(list(await cluster.client.list(Job, namespace="kubernaut-executor"))) == 1
    assert cluster.faults.injected
    assert (await cluster.client.get(Deployment, "web", namespace="shop")).spec.replicas == 5


ENDLESS = sorted(name for name, case in CASES.items() if not case.inverse)


@pytest.mark.virtual_time
@pytest.mark.parametrize("name", ENDLESS)
async def test_an_action_that_nothing_undoes_runs_with_its_own_rights_and_is_completed(name: str) -> None:
    case: Case = CASES[name]
    async with controlled() as cluster:
        done = await execute(cluster, "fix", case)
        assert done.status.phase == "completed", done.status.to_dict()
        results = done.status.execution_results
        assert results is not None
        assert results.success and results.exit_code == 0
        assert done.status.rollback_information is not None
        assert not done.status.rollback_information.available

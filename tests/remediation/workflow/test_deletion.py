"""What is deleted, or written by others, in the middle: workflows in every phase, executions, phases, specs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from kubernaut.client import Invalid, MergePatch, NotFound
from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodScript
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.workflow import Phase, WorkflowExecution
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.events_v1 import Event
from tests.remediation.workflow.shop import (
    API,
    EXECUTOR,
    carry_out,
    config,
    execution_config,
    failing,
    leases,
    names,
    phases,
    replicas,
    restart,
    running,
    scale,
    scripted,
    status,
    workflow,
)

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1, declared=True)]
SLOW = PodScript(run_time=timedelta(minutes=2), exit_code=0)


@asynccontextmanager
async def in_phase(cluster: FakeCluster, phase: Phase) -> AsyncIterator[None]:
    """A workflow that has just come to this phase, and stays there for a while."""
    async with running(cluster):
        bad = {"heal-1-1": failing(), "heal-0-1-rollback": SLOW} if phase == Phase.ROLLING_BACK else {}
        scripted(cluster, {"heal-0-1": SLOW} if phase == Phase.EXECUTING else bad)
        seconds = 0.01 if phase in (Phase.PLANNING, Phase.VALIDATING) else 0.5
        await cluster.client.create(workflow(scale("web", 3), restart("next", API, dependsOn=["web"])))
        for _ in range(200):
            await cluster.advance(seconds=seconds)
            if phase in phases(await status(cluster)):
                break
        yield


@pytest.mark.parametrize("phase", [*Phase])
async def test_a_workflow_can_be_deleted_in_every_phase(cluster: FakeCluster, phase: Phase) -> None:
    if phase == Phase.FAILED:
        async with running(cluster):
            assert (await carry_out(cluster, scale("x", 101), minutes=0.2)).phase == "failed"
            await _delete(cluster)
        return
    async with in_phase(cluster, phase):
        found = phases(await status(cluster))
        assert found[-1] == phase or phase in (Phase.PLANNING, Phase.VALIDATING)
        await cluster.advance(seconds=2)
        await _delete(cluster)


async def _delete(cluster: FakeCluster) -> None:
    await cluster.client.delete(WorkflowExecution, "heal", namespace="shop")
    await cluster.advance(seconds=45)
    with pytest.raises(NotFound):
        await status(cluster)
    assert await names(cluster) == [] and await leases(cluster) == []
    running = [
        job.name for job in await cluster.client.list(Job, namespace=EXECUTOR) if job.status and job.status.active
    ]
    assert running == []


async def test_the_workflow_goes_when_its_executions_are_gone(cluster: FakeCluster) -> None:
    async with in_phase(cluster, Phase.EXECUTING):
        await cluster.advance(seconds=5)
        held = MergePatch({"metadata": {"finalizers": ["example.com/hold"]}})
        await cluster.client.patch(KubernetesExecution, "heal-0-1", held, namespace="shop")
        await cluster.client.delete(WorkflowExecution, "heal", namespace="shop")
        await cluster.advance(minutes=1)
        found = await status(cluster)
        assert (found.phase, found.reason) == ("failed", "Cancelled")
        free = MergePatch({"metadata": {"finalizers": []}})
        await cluster.client.patch(KubernetesExecution, "heal-0-1", free, namespace="shop")
        await cluster.advance(minutes=1)
        with pytest.raises(NotFound):
            await status(cluster)


async def test_an_execution_that_vanishes_is_noticed_and_never_tried_again(cluster: FakeCluster) -> None:
    async with in_phase(cluster, Phase.EXECUTING):
        await cluster.advance(seconds=5)
        await cluster.client.delete(KubernetesExecution, "heal-0-1", namespace="shop")
        await cluster.advance(minutes=1)
        found = await status(cluster)
        assert (found.phase, found.error_type, found.failed_step) == ("failed", "unknown_error", 0)
        assert found.steps[0].reason == "ExecutionVanished" and found.steps[0].uncertain
        assert await names(cluster) == []


async def test_an_unknown_phase_is_a_condition_and_nothing_is_done(cluster: FakeCluster) -> None:
    async with in_phase(cluster, Phase.EXECUTING):
        patch = MergePatch({"status": {"phase": "pondering"}})
        await cluster.client.patch(WorkflowExecution, "heal", patch, namespace="shop", subresource="status")
        await cluster.advance(minutes=3)
        found = await status(cluster)
        assert found.phase == "pondering" and found.is_true("UnknownPhase")
        assert "UnknownPhase" in await _events(cluster)
        assert await names(cluster) == ["heal-0-1"], "nothing more was begun"
        await _delete(cluster)


async def _events(cluster: FakeCluster) -> set[str]:
    await cluster.advance(seconds=2)
    found = await cluster.client.list(Event, namespace="shop")
    return {each.reason or "" for each in found if each.regarding and each.regarding.name == "heal"}


async def test_an_execution_that_has_lost_its_owner_is_still_known_and_told(cluster: FakeCluster) -> None:
    async with in_phase(cluster, Phase.EXECUTING):
        await cluster.advance(seconds=5)
        patch = MergePatch({"metadata": {"ownerReferences": []}})
        await cluster.client.patch(KubernetesExecution, "heal-0-1", patch, namespace="shop")
        await cluster.advance(minutes=3)
        assert "OwnerReferenceFailed" in await _events(cluster)
        assert (await status(cluster)).phase == "completed"


async def test_nobody_knows_who_asked_so_nothing_is_done(cluster: FakeCluster) -> None:
    async with running(cluster, config(execution_config(allow_unstamped=False))):
        done = await carry_out(cluster, scale("web", 3), minutes=0.2)
        assert (done.phase, done.reason, done.error_type) == ("failed", "RequesterUnknown", "permission_denied")
        asker = {"username": "alice", "groups": ["system:masters"]}
        done = await carry_out(cluster, scale("web", 3), minutes=0.2, name="stamped", requestedBy=asker)
        assert (done.phase, done.reason) == ("failed", "RequesterUnknown")
        assert "nothing vouches for that: the webhooks are not installed" in (done.failure_reason or "")
        assert await replicas(cluster) == 1


@pytest.mark.fake_only("servers before 1.25 have no CEL")
async def test_the_spec_cannot_be_changed(cluster: FakeCluster) -> None:
    async with in_phase(cluster, Phase.EXECUTING):
        with pytest.raises(Invalid, match="spec is immutable"):
            patch = MergePatch({"spec": {"maxParallel": 1}})
            await cluster.client.patch(WorkflowExecution, "heal", patch, namespace="shop")

"""A request from its signal to its end, by children that are scripted."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request.health import Health
from kubernaut.remediation.workflow.types import WorkflowExecution
from tests.remediation.request.world import World, proposing, working

pytestmark = [pytest.mark.cluster(declared=True, controlplane=False), pytest.mark.virtual_time]

CHILDREN: list[tuple[type[Any], str]] = [
    (RemediationProcessing, "web-down"),
    (AIAnalysis, "web-down"),
    (WorkflowExecution, "web-down-0"),
]


async def test_a_request_goes_from_pending_to_completed(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
    status = await world.status()
    assert await world.phases() == ["pending", "processing", "analyzing", "executing", "verifying", "completed"]
    assert status.reason == "Remediated" and status.is_true("Ready") and status.completion_time is not None
    assert await world.names(RemediationProcessing) == ["web-down"]
    assert await world.names(AIAnalysis) == ["web-down"]
    assert await world.names(WorkflowExecution) == ["web-down-0"]


async def test_every_child_belongs_to_its_request_and_is_recorded(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        created = await world.create(requestedBy={"username": "gateway", "groups": ["robots"]})
        await world.cluster.advance(minutes=2)
    status = await world.status()
    for kind, name in CHILDREN:
        child = await world.client.get(kind, name, namespace="shop")
        controller = child.metadata.controller_reference()
        assert controller is not None and controller.uid == created.uid
        assert child.spec.remediation_request_ref.uid == created.uid
    assert status.remediation_processing_ref is not None and status.remediation_processing_ref.name == "web-down"
    (analysis,) = status.ai_analysis_refs
    assert (analysis.name, analysis.attempt_number, analysis.outcome) == ("web-down", 0, "proceed")
    (workflow,) = status.workflow_execution_refs
    assert (workflow.name, workflow.outcome) == ("web-down-0", "completed") and workflow.completion_time is not None
    made = await world.client.get(WorkflowExecution, "web-down-0", namespace="shop")
    assert made.spec.requested_by is not None and made.spec.requested_by.username == "gateway"
    assert made.spec.target is not None and made.spec.target.name == "web"
    assert [step.action for step in made.spec.steps] == ["rollback-deployment"]
    assert made.spec.require_approval is None


async def test_an_analysis_that_is_not_sure_asks_for_approval(world: World) -> None:
    world.scripts[AIAnalysis] = proposing("approve", reason="confidence 0.6 is below 0.8")
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=30)
        made = await world.client.get(WorkflowExecution, "web-down-0", namespace="shop")
        assert made.spec.require_approval == "confidence 0.6 is below 0.8"


async def test_a_proposal_for_review_tells_the_person_what_to_look_at(world: World) -> None:
    world.scripts[AIAnalysis] = proposing("review", reason="confidence 0.4 is below 0.5")
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=5)
    status = await world.status()
    assert status.overall_phase == "manual_review" and status.reason == "AnalysisInconclusive"
    assert status.manual_review is not None and "confidence 0.4" in status.manual_review.message
    look_at = status.manual_review.look_at
    assert look_at[0] == "Deployment shop/web" and "AIAnalysis shop/web-down: a bad rollout (90% sure)" in look_at
    assert "pod/web-1: ImagePullBackOff" in look_at and "proposed: rollback-deployment on Deployment web" in look_at
    assert not await world.names(WorkflowExecution)


async def test_what_an_analysis_says_twice_is_told_once(world: World) -> None:
    world.scripts[AIAnalysis] = proposing("review", reason="a bad rollout; confidence 0.4 is below 0.5")
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=5)
    review = (await world.status()).manual_review
    assert review is not None and review.message == "a bad rollout; confidence 0.4 is below 0.5"


async def test_a_proposal_without_steps_is_a_persons(world: World) -> None:
    world.scripts[AIAnalysis] = lambda analysis: {
        "phase": "completed",
        "proposal": {"rootCause": "unknown", "confidence": 0.9, "recommendation": "proceed"},
    }
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=1)
    status = await world.status()
    assert (status.overall_phase, status.reason) == ("manual_review", "AnalysisInconclusive")


@pytest.mark.parametrize(
    ("kind", "reason"), [(RemediationProcessing, "ProcessingFailed"), (AIAnalysis, "AnalysisFailed")]
)
async def test_a_child_that_fails_hands_the_request_to_a_person(world: World, kind: type[Any], reason: str) -> None:
    world.scripts[kind] = lambda child: {"phase": "failed", "message": "the model answers nonsense"}
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=1)
    status = await world.status()
    assert (status.overall_phase, status.reason) == ("manual_review", reason)
    assert status.manual_review is not None and "nonsense" in status.manual_review.look_at[1]


@pytest.mark.parametrize(
    ("kind", "reason", "minutes"), [(RemediationProcessing, "ProcessingTimeout", 2), (AIAnalysis, "AnalysisTimeout", 5)]
)
async def test_a_child_that_takes_too_long_hands_the_request_to_a_person(
    world: World, kind: type[Any], reason: str, minutes: int
) -> None:
    world.scripts[kind] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=minutes, seconds=-10)
        assert (await world.status()).overall_phase in ("processing", "analyzing")
        await world.cluster.advance(seconds=20)
        assert (await world.status()).reason == reason


async def test_a_requests_own_timeouts_count(world: World) -> None:
    world.scripts[AIAnalysis] = working
    async with world.cluster.running(*world.controllers()):
        await world.create(timeouts={"analyzing": "10s"})
        await world.cluster.advance(seconds=15)
        assert (await world.status()).reason == "AnalysisTimeout"


async def test_a_workflow_beyond_the_requests_limit_is_stopped_and_a_person_looks(world: World) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create(timeouts={"executing": "2m"})
        await world.cluster.advance(minutes=3)
        assert (await world.status()).reason == "ExecutingTimeout"
        assert not await world.names(WorkflowExecution)


@pytest.mark.parametrize("field", ["processing", "analyzing", "executing", "verifying", "overall"])
async def test_a_timeout_of_zero_is_refused_by_name(world: World, field: str) -> None:
    async with world.cluster.running(*world.controllers()):
        await world.create(timeouts={field: "0s"})
        await world.cluster.advance(seconds=5)
    status = await world.status()
    assert (status.overall_phase, status.reason) == ("failed", "TimeoutInvalid")
    assert status.message == f"spec.timeouts.{field} is not positive"


async def test_verifying_wants_the_target_healthy_without_a_break(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=15)
        assert (await world.status()).overall_phase == "verifying"
        world.told.health = Health(False, "1 of 2 replicas are ready")
        await world.cluster.advance(seconds=10)
        status = await world.status()
        assert status.healthy_since is None and status.condition("Healthy").message == "1 of 2 replicas are ready"  # type: ignore[union-attr]
        world.told.health = Health(True)
        await world.cluster.advance(seconds=25)
        assert (await world.status()).overall_phase == "verifying"
        await world.cluster.advance(seconds=20)
        assert (await world.status()).overall_phase == "completed"


async def test_an_event_tells_of_every_transition(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
    assert await world.events() == ["Pending", "Processing", "Analyzing", "Executing", "Verifying", "Remediated"]


async def test_a_phase_of_a_newer_version_is_a_condition_and_nothing_is_done(world: World) -> None:
    created = await world.create()
    created.status.overall_phase = "dreaming"
    await world.client.update_status(created)
    async with world.cluster.running(*world.controllers()):
        await world.cluster.advance(minutes=1)
    status = await world.status()
    assert status.overall_phase == "dreaming" and status.is_true("UnknownPhase")
    assert not await world.names(RemediationProcessing)


async def test_a_request_at_rest_writes_nothing(world: World) -> None:
    world.scripts[AIAnalysis] = proposing("review")
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=5)
        before = (await world.read()).metadata.resource_version
        await world.cluster.advance(minutes=30)
        assert (await world.read()).metadata.resource_version == before

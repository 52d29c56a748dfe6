"""After a failed workflow: another attempt where that makes sense, a person where it does not."""

from __future__ import annotations

import pytest

from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request.health import Health
from kubernaut.remediation.workflow.types import WorkflowExecution
from tests.remediation.request.world import (
    World,
    done,
    failing,
    in_turn,
    proposing,
    signal,
    working,
)

pytestmark = [pytest.mark.cluster(declared=True, controlplane=False), pytest.mark.virtual_time]


async def test_a_failed_workflow_leads_to_another_analysis_that_knows_of_it(world: World) -> None:
    world.scripts[WorkflowExecution] = in_turn(failing("timeout", step=1, why="the rollout took too long"), done)
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
    status = await world.status()
    assert (await world.phases())[3:] == ["executing", "recovering", "executing", "verifying", "completed"]
    assert (status.recovery_attempts, status.recovery_reason) == (1, "workflow_timeout_step_1")
    assert status.last_failure_time is not None
    assert await world.names(AIAnalysis) == ["web-down", "web-down-recovery-1"]
    assert await world.names(WorkflowExecution) == ["web-down-0", "web-down-1"]
    told = (await world.client.get(AIAnalysis, "web-down-recovery-1", namespace="shop")).spec
    assert told.is_recovery_attempt and told.recovery_attempt_number == 1
    assert told.failed_workflow_ref is not None and told.failed_workflow_ref.name == "web-down-0"
    assert (told.failed_step, told.failed_action, told.error_type) == (1, "rollback-deployment", "timeout")
    assert told.failure_reason == "the rollout took too long"
    assert [ref.name for ref in told.previous_ai_analysis_refs] == ["web-down"]
    assert told.processing_ref is not None and told.processing_ref.name == "web-down-recovery-1"


async def test_the_refs_tell_of_every_attempt(world: World) -> None:
    world.scripts[WorkflowExecution] = in_turn(failing("timeout", step=1, why="slow"), done)
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
    status = await world.status()
    first, second = status.workflow_execution_refs
    assert (first.name, first.attempt_number, first.outcome) == ("web-down-0", 0, "failed")
    assert (first.failed_step, first.failed_action, first.failure_reason) == (1, "rollback-deployment", "slow")
    assert first.error_type == "timeout" and first.completion_time is not None
    assert (second.name, second.attempt_number, second.outcome) == ("web-down-1", 1, "completed")
    assert status.current_workflow_execution_ref is not None
    assert status.current_workflow_execution_ref.name == "web-down-1"
    assert [(ref.name, ref.attempt_number) for ref in status.ai_analysis_refs] == [
        ("web-down", 0),
        ("web-down-recovery-1", 1),
    ]


async def test_the_event_of_a_recovery(world: World) -> None:
    world.scripts[WorkflowExecution] = in_turn(failing(), done)
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
    assert (await world.events()).count("RecoveryInitiated") == 1


async def test_a_recovery_gathers_the_facts_anew(world: World) -> None:
    world.scripts[WorkflowExecution] = in_turn(failing(), done)
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
    assert await world.names(RemediationProcessing) == ["web-down", "web-down-recovery-1"]
    ref = (await world.status()).remediation_processing_ref
    assert ref is not None and ref.name == "web-down-recovery-1"


async def test_when_no_attempt_is_left_a_person_looks(world: World) -> None:
    errors = ["timeout", "resource_conflict", "resource_not_found", "validation_error"]
    world.scripts[WorkflowExecution] = in_turn(*(failing(error, why=f"because {error}") for error in errors))
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=5)
    status = await world.status()
    assert (status.overall_phase, status.reason) == ("manual_review", "MaxRecoveryAttempts")
    assert status.recovery_attempts == 3
    assert len(await world.names(WorkflowExecution)) == 4
    assert status.manual_review is not None
    look_at = status.manual_review.look_at
    assert look_at[0] == "Deployment shop/web" and "because validation_error" in look_at[1] and len(look_at) == 5


async def test_without_attempts_the_first_failure_is_a_persons(world: World) -> None:
    world.scripts[WorkflowExecution] = failing()
    async with world.cluster.running(*world.controllers()):
        await world.create(maxRecoveryAttempts=0)
        await world.cluster.advance(minutes=2)
    assert (await world.status()).reason == "MaxRecoveryAttempts"
    assert await world.names(AIAnalysis) == ["web-down"]


async def test_the_same_failure_twice_is_a_persons(world: World) -> None:
    world.scripts[WorkflowExecution] = failing("timeout")
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
    status = await world.status()
    assert (status.reason, status.recovery_attempts) == ("SameFailureTwice", 1)
    assert len(await world.names(WorkflowExecution)) == 2


async def test_the_same_failure_is_found_also_with_another_between(world: World) -> None:
    world.scripts[WorkflowExecution] = in_turn(failing("timeout"), failing("resource_conflict"), failing("timeout"))
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
    status = await world.status()
    assert (status.reason, status.recovery_attempts) == ("SameFailureTwice", 2)


@pytest.mark.parametrize(
    "other", [failing("timeout", step=1), failing("timeout", action="restart-deployment"), failing("resource_conflict")]
)
async def test_another_step_action_or_error_is_another_failure(world: World, other: object) -> None:
    world.scripts[WorkflowExecution] = in_turn(failing("timeout"), other, done)  # type: ignore[arg-type]
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=3)
    status = await world.status()
    assert (status.reason, status.recovery_attempts) == ("Remediated", 2)


@pytest.mark.parametrize(
    ("error", "reason"), [("policy_denied", "PolicyDenied"), ("approval_denied", "ApprovalDenied")]
)
async def test_what_was_refused_is_never_tried_another_way(world: World, error: str, reason: str) -> None:
    world.scripts[WorkflowExecution] = failing(error, why="production is frozen")
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
    status = await world.status()
    assert (status.overall_phase, status.reason, status.recovery_attempts) == ("manual_review", reason, 0)
    assert status.manual_review is not None and "production is frozen" in status.manual_review.message


async def test_no_recovery_begins_while_most_requests_of_the_last_hour_failed(world: World) -> None:
    limits = world.config.limits.model_copy(update={"failed_rate_sample": 3})
    world.config = world.config.model_copy(update={"limits": limits})
    async with world.cluster.running(*world.controllers()):
        for number, script in enumerate((failing("policy_denied"), failing("approval_denied"), done)):
            world.scripts[WorkflowExecution] = script
            target = {"kind": "Deployment", "namespace": "shop", "name": f"api-{number}"}
            await world.create(f"r{number}", target=target, signal=signal(f"f{number}"))
            await world.cluster.advance(minutes=1)
        world.scripts[WorkflowExecution] = failing("timeout")
        await world.create()
        await world.cluster.advance(minutes=1)
        status = await world.status()
        assert (status.reason, status.recovery_attempts) == ("FailureRateExceeded", 0)
        assert status.message is not None and "2 of 3" in status.message
        # An hour later those count no more.
        await world.cluster.advance(minutes=61)
        await world.create("later", signal=signal("f9"))
        await world.cluster.advance(minutes=2)
        assert (await world.status("later")).recovery_attempts == 1


async def test_a_target_that_stays_unhealthy_is_a_failure_as_well(world: World) -> None:
    world.told.health = Health(False, "1 of 2 replicas are ready")
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=6)
        status = await world.status()
        assert status.recovery_attempts == 1 and status.recovery_reason == "workflow_timeout_step_0"
        first = status.workflow_execution_refs[0]
        assert first.outcome == "unhealthy" and "1 of 2 replicas" in (first.failure_reason or "")
        await world.cluster.advance(minutes=6)
        assert (await world.status()).reason == "SameFailureTwice"


async def test_an_inconclusive_recovery_analysis_is_a_persons(world: World) -> None:
    world.scripts[WorkflowExecution] = failing()
    first, review = proposing(), proposing("review", reason="nothing else would help")
    world.scripts[AIAnalysis] = lambda analysis: (review if analysis.spec.is_recovery_attempt else first)(analysis)
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
    status = await world.status()
    assert (status.overall_phase, status.reason) == ("manual_review", "AnalysisInconclusive")
    assert [ref.outcome for ref in status.ai_analysis_refs] == ["proceed", "review"]


async def test_a_request_in_review_ends_when_somebody_has_repaired_the_target(world: World) -> None:
    world.scripts[AIAnalysis] = proposing("review")
    world.told.health = Health(False, "0 of 2 replicas are ready")
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=70)
        assert (await world.status()).overall_phase == "manual_review"
        world.told.health = Health(True)
        await world.cluster.advance(minutes=2)
        status = await world.status()
        assert (status.overall_phase, status.reason) == ("completed", "ResolvedByPerson")


async def test_a_target_that_was_healthy_all_along_ends_no_review(world: World) -> None:
    world.scripts[AIAnalysis] = proposing("review")
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=70)
        assert (await world.status()).overall_phase == "manual_review"


async def test_a_person_ends_a_review_by_cancelling(world: World) -> None:
    world.scripts[AIAnalysis] = proposing("review")
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=1)
        await world.change(cancel=True)
        await world.cluster.advance(seconds=5)
        status = await world.status()
        assert (status.overall_phase, status.reason) == ("failed", "Cancelled")


async def test_the_count_of_attempts_survives_a_restart_at_any_moment(world: World) -> None:
    world.scripts[WorkflowExecution] = in_turn(failing("timeout"), working)
    await world.create()
    for _ in range(12):
        async with world.cluster.running(*world.controllers()):
            await world.cluster.advance(seconds=1)
    status = await world.status()
    assert (status.overall_phase, status.recovery_attempts) == ("executing", 1)
    assert len(status.workflow_execution_refs) == 2

"""What stands between a request and acting: the same signal, a busy target, recent outcomes, the limit, suspension."""

from __future__ import annotations

import pytest

from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request import RESOLVED_AT
from kubernaut.remediation.request.health import Health
from kubernaut.remediation.workflow.types import WorkflowExecution
from tests.remediation.request.world import World, done, failing, proposing, signal, working

pytestmark = [pytest.mark.cluster(declared=True, controlplane=False), pytest.mark.virtual_time]

OTHER = {"kind": "Deployment", "namespace": "shop", "name": "api"}


async def test_the_younger_of_two_with_one_signal_waits_and_is_then_done(world: World) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create("first")
        await world.cluster.advance(seconds=2)
        await world.create("second")
        await world.cluster.advance(minutes=1)
        second = await world.status("second")
        assert second.overall_phase == "blocked" and second.blocked is not None and second.is_true("Blocked")
        assert second.blocked.reason == second.reason == "DuplicateSignal"
        assert "shop/first" in second.blocked.message
        assert await world.names(RemediationProcessing) == ["first"]
        world.scripts[WorkflowExecution] = done
        await world.cluster.advance(minutes=1)
        assert (await world.status("first")).reason == "Remediated"
        second = await world.status("second")
        assert (second.overall_phase, second.reason) == ("completed", "DuplicateSignal")
        assert second.blocked is None and not second.is_true("Blocked")
        assert await world.names(WorkflowExecution) == ["first-0"]


async def test_of_two_of_one_second_the_smaller_uid_goes_first(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        one, two = await world.create("one"), await world.create("two")
        await world.cluster.advance(minutes=2)
    assert one.metadata.creation_timestamp == two.metadata.creation_timestamp
    first, second = sorted((one, two), key=lambda each: each.uid or "")
    assert (await world.status(first.name)).reason == "Remediated"
    assert (await world.status(second.name)).reason == "DuplicateSignal"
    assert len(await world.names(WorkflowExecution)) == 1


async def test_a_duplicate_goes_on_where_the_first_was_cancelled(world: World) -> None:
    world.scripts[AIAnalysis] = working
    async with world.cluster.running(*world.controllers()):
        await world.create("first")
        await world.cluster.advance(seconds=2)
        await world.create("second")
        await world.cluster.advance(seconds=5)
        world.scripts[AIAnalysis] = proposing()
        await world.change("first", cancel=True)
        await world.cluster.advance(seconds=10)
        assert (await world.status("first")).reason == "Cancelled"
        assert (await world.status("second")).overall_phase == "verifying"


async def test_a_duplicate_is_woken_by_the_end_of_the_first_not_by_polling(world: World) -> None:
    world.scripts[AIAnalysis] = working
    world.config = world.config.model_copy(
        update={"limits": world.config.limits.model_copy(update={"poll": world.config.limits.overall})}
    )
    async with world.cluster.running(*world.controllers()):
        await world.create("first")
        await world.cluster.advance(seconds=2)
        await world.create("second")
        await world.cluster.advance(seconds=5)
        await world.delete(type(await world.read("first")), "first")
        await world.cluster.advance(seconds=10)
        assert (await world.status("second")).overall_phase == "analyzing"


async def test_another_signal_waits_while_its_target_is_busy_and_looks_anew_afterwards(world: World) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create("first")
        await world.cluster.advance(seconds=10)
        await world.create("second", signal=signal("f2"))
        await world.cluster.advance(seconds=10)
        second = await world.status("second")
        assert second.reason == "TargetBusy" and second.message == "shop/first is executing on the same target"
        world.scripts[WorkflowExecution] = done
        await world.cluster.advance(minutes=1)
        second = await world.status("second")
        assert second.blocked is not None and second.blocked.reason == "RecentlyRemediated"
        assert second.blocked.until is not None
        await world.cluster.advance(minutes=4)
        assert (await world.status("second")).overall_phase == "blocked"
        await world.cluster.advance(minutes=2)
        assert (await world.status("second")).reason == "Remediated"


async def test_another_target_is_nobodys_hindrance(world: World) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create("first")
        await world.create("second", signal=signal("f2"), target=OTHER)
        await world.cluster.advance(seconds=10)
        assert len(await world.names(WorkflowExecution)) == 2


async def test_two_that_decide_at_the_same_time_do_not_both_act_on_one_target(world: World) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        for number in range(4):
            await world.create(f"r{number}", signal=signal(f"f{number}"))
        for _ in range(60):
            await world.cluster.advance(seconds=0.5)
            assert len(await world.names(WorkflowExecution)) <= 1
        phases = [str((await world.status(f"r{number}")).overall_phase) for number in range(4)]
    assert sorted(phases) == ["blocked", "blocked", "blocked", "executing"]


async def test_what_was_found_out_before_a_wait_is_found_out_anew(world: World) -> None:
    world.scripts[AIAnalysis] = working
    async with world.cluster.running(*world.controllers()):
        await world.create("first")
        await world.create("second", signal=signal("f2"))
        await world.cluster.advance(seconds=5)
        old = await world.client.get(AIAnalysis, "second", namespace="shop")
        world.scripts[AIAnalysis] = proposing()
        world.scripts[WorkflowExecution] = working
        await world.cluster.advance(seconds=10)
        blocked = "first" if (await world.status("first")).overall_phase == "blocked" else "second"
        other = {"first": "second", "second": "first"}[blocked]
        old = await world.client.get(AIAnalysis, blocked, namespace="shop")
        await world.change(other, cancel=True)
        await world.cluster.advance(seconds=10)
        assert (await world.status(blocked)).overall_phase == "executing"
        new = await world.client.get(AIAnalysis, blocked, namespace="shop")
        assert new.uid != old.uid
        (ref,) = (await world.status(blocked)).ai_analysis_refs
        assert ref.uid == new.uid


async def test_a_new_signal_soon_after_a_success_waits_for_the_cool_down(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        await world.create("first")
        await world.cluster.advance(minutes=2)
        await world.create("second")
        await world.cluster.advance(seconds=5)
        ended = (await world.status("first")).completion_time
        status = await world.status("second")
        assert ended is not None and status.blocked is not None
        assert status.blocked.reason == "RecentlyRemediated"
        assert status.blocked.until is not None and (status.blocked.until - ended).total_seconds() == 300
        await world.cluster.advance(minutes=6)
        assert (await world.status("second")).reason == "Remediated"


async def test_the_wait_after_failures_doubles_up_to_its_cap(world: World) -> None:
    limits = world.config.limits.model_copy(update={"cooldown": world.config.limits.backoff})
    world.config = world.config.model_copy(update={"limits": limits})
    world.scripts[WorkflowExecution] = failing("policy_denied")
    waits = []
    async with world.cluster.running(*world.controllers()):
        for number in range(8):
            await world.create(f"r{number}", signal=signal(f"f{number}"))
            await world.cluster.advance(seconds=5)
            blocked = (await world.status(f"r{number}")).blocked
            if number:
                assert blocked is not None and blocked.until is not None, number
                last = (await world.status(f"r{number - 1}")).manual_review
                assert last is not None and last.since is not None
                waits.append((blocked.until - last.since).total_seconds() / 60)
            while (await world.status(f"r{number}")).overall_phase != "manual_review":
                await world.cluster.advance(seconds=20)
    assert waits == [1, 2, 4, 8, 16, 30, 30]


async def test_a_success_ends_the_row_of_failures(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        world.scripts[WorkflowExecution] = failing("policy_denied")
        await world.create("r0")
        await world.cluster.advance(minutes=2)
        await world.change("r0", cancel=True)
        world.scripts[WorkflowExecution] = done
        await world.cluster.advance(seconds=5)
        await world.create("r1", signal=signal("f2"))
        await world.cluster.advance(minutes=2)
        assert (await world.status("r1")).reason == "Remediated"
        await world.cluster.advance(minutes=6)
        world.scripts[WorkflowExecution] = working
        await world.create("r2", signal=signal("f3"))
        await world.cluster.advance(seconds=10)
        assert (await world.status("r2")).overall_phase == "executing"


async def test_no_more_than_so_many_requests_execute_at_once(world: World) -> None:
    limits = world.config.limits.model_copy(update={"max_executing": 2})
    world.config = world.config.model_copy(update={"limits": limits})
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        for number in range(5):
            await world.create(f"r{number}", signal=signal(f"f{number}"), target={**OTHER, "name": f"api-{number}"})
        for _ in range(40):
            await world.cluster.advance(seconds=0.5)
            assert len(await world.names(WorkflowExecution)) <= 2
        reasons = [(await world.status(f"r{number}")).reason for number in range(5)]
        assert reasons.count("TooManyExecuting") == 3 and len(await world.names(WorkflowExecution)) == 2
        world.scripts[WorkflowExecution] = done
        await world.cluster.advance(minutes=2)
        assert [(await world.status(f"r{number}")).reason for number in range(5)] == ["Remediated"] * 5


async def test_a_suspended_request_begins_nothing_until_it_may(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        await world.create(suspend=True)
        await world.cluster.advance(minutes=10)
        status = await world.status()
        assert (status.overall_phase, status.reason) == ("blocked", "Suspended")
        assert not await world.names(RemediationProcessing)
        await world.change(suspend=False)
        await world.cluster.advance(minutes=1)
        assert (await world.status()).reason == "Remediated"


async def test_a_request_suspended_half_way_lets_what_runs_end_and_begins_nothing_new(world: World) -> None:
    world.scripts[AIAnalysis] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=5)
        await world.change(suspend=True)
        await world.cluster.advance(seconds=20)
        assert (await world.status()).overall_phase == "analyzing"
        world.scripts[AIAnalysis] = proposing()
        await world.cluster.advance(seconds=20)
        assert (await world.status()).reason == "Suspended" and not await world.names(WorkflowExecution)
        await world.change(suspend=False)
        await world.cluster.advance(minutes=1)
        assert (await world.status()).reason == "Remediated"


async def test_a_running_workflow_ends_although_its_request_is_suspended(world: World) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=10)
        await world.change(suspend=True)
        world.scripts[WorkflowExecution] = done
        await world.cluster.advance(minutes=1)
        assert (await world.status()).reason == "Remediated"


async def test_a_recovery_of_a_suspended_request_waits(world: World) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=10)
        await world.change(suspend=True)
        world.scripts[WorkflowExecution] = failing()
        await world.cluster.advance(seconds=10)
        status = await world.status()
        assert status.reason == "Suspended" and status.recovery_attempts == 1
        assert status.blocked is not None and status.blocked.resume == "recovering"
        assert await world.names(AIAnalysis) == ["web-down"]
        world.scripts[WorkflowExecution] = done
        await world.change(suspend=False)
        await world.cluster.advance(minutes=1)
        status = await world.status()
        assert (status.reason, status.recovery_attempts) == ("Remediated", 1)


async def test_a_signal_that_is_resolved_before_anything_began_is_done(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        await world.create(suspend=True)
        await world.cluster.advance(seconds=10)
        await world.change(annotations={RESOLVED_AT: "2024-01-01T00:00:00Z"})
        await world.cluster.advance(seconds=2)
        status = await world.status()
        assert (status.overall_phase, status.reason) == ("completed", "SignalResolved")
        assert status.message == "the signal was resolved at 2024-01-01T00:00:00Z"
        assert not await world.names(RemediationProcessing)


async def test_a_signal_that_is_resolved_before_the_workflow_needs_none(world: World) -> None:
    world.scripts[AIAnalysis] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=5)
        await world.change(annotations={RESOLVED_AT: "2024-01-01T00:00:00Z"})
        world.scripts[AIAnalysis] = proposing()
        await world.cluster.advance(seconds=5)
        assert (await world.status()).reason == "SignalResolved" and not await world.names(WorkflowExecution)


async def test_a_workflow_at_work_is_not_cut_off_by_a_resolved_signal(world: World) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=10)
        await world.change(annotations={RESOLVED_AT: "2024-01-01T00:00:00Z"})
        await world.cluster.advance(minutes=1)
        assert (await world.status()).overall_phase == "executing"
        world.scripts[WorkflowExecution] = done
        await world.cluster.advance(minutes=1)
        assert (await world.status()).reason == "Remediated"


async def test_the_cost_of_a_look_does_not_grow_with_other_requests(world: World) -> None:
    world.told.health = Health(True)
    async with world.cluster.running(*world.controllers()):
        for number in range(10, 20):
            target = {**OTHER, "name": f"api-{number}"}
            await world.create(f"r{number}", signal=signal(f"f{number}"), target=target)
        await world.cluster.advance(minutes=2)
        before = len(world.cluster.requests)
        await world.create("web-down")
        await world.cluster.advance(minutes=2)
        spent = world.cluster.requests[before:]
        assert not [each for each in spent if "/r1" in each.path]

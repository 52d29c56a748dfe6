"""One contender's attempts, case by case after client-go's leaderelection_test.go."""

from __future__ import annotations

import anyio
import pytest

from kubernaut.reconcile.election import LeadershipLost, NotLeading
from kubernaut.resources.builtin.coordination_v1 import LeaseSpec
from tests.reconcile.election.tapped import (
    HANGS,
    LONG_AGO,
    LOST_ANSWER,
    REFUSED,
    Fault,
    Tapped,
    delete,
    elector,
    lease_of,
    now,
    put,
    seconds,
    stored,
)

pytestmark = pytest.mark.virtual_time


# Acquiring and renewing: testTryAcquireOrRenew.


async def test_acquire_from_no_lease() -> None:
    wire = Tapped()
    contender = elector(wire)
    assert await contender.attempt()
    assert wire.ops == ["get", "create"]
    spec = await stored(wire)
    assert spec and (spec.holder_identity, spec.lease_duration_seconds, spec.lease_transitions) == ("baz", 15, 0)
    assert spec.acquire_time == spec.renew_time


async def test_acquire_from_a_lease_with_an_empty_record() -> None:
    wire = Tapped()
    await put(wire, LeaseSpec())
    contender = elector(wire)
    assert await contender.attempt()
    assert wire.ops == ["get", "update"]
    spec = await stored(wire)
    assert spec and (spec.holder_identity, spec.lease_transitions) == ("baz", 1)


async def test_acquire_from_a_lease_held_when_the_holders_own_duration_is_over() -> None:
    wire = Tapped()
    await lease_of(wire, "bing", seconds=3)
    contender = elector(wire)
    assert not await contender.attempt()
    await anyio.sleep(3)
    assert await contender.attempt()
    assert wire.ops == ["get", "get", "update"]
    spec = await stored(wire)
    assert spec and (spec.holder_identity, spec.lease_transitions) == ("baz", 1)


async def test_acquire_from_a_lease_that_nobody_holds() -> None:
    wire = Tapped()
    await lease_of(wire, "", seconds=1)
    assert await elector(wire).attempt()


async def test_acquire_from_a_lease_held_that_was_not_renewed_for_long() -> None:
    wire = Tapped()
    await lease_of(wire, "bing", seconds=None)
    contender = elector(wire)
    assert not await contender.attempt(), "a holder that states no duration is given ours"
    await anyio.sleep(15)
    assert await contender.attempt()


async def test_acquire_at_once_when_the_holder_gives_up_while_its_time_is_not_over() -> None:
    wire = Tapped()
    await lease_of(wire, "bing")
    contender = elector(wire)
    assert not await contender.attempt()
    await lease_of(wire, "")
    assert await contender.attempt()


async def test_a_lease_held_and_renewed_is_not_acquired() -> None:
    wire = Tapped()
    await lease_of(wire, "bing")
    contender = elector(wire)
    for count in range(10):
        await lease_of(wire, "bing", transitions=count)
        assert not await contender.attempt()
        await anyio.sleep(14.9)
    assert contender.record.holder == "bing"
    with pytest.raises(NotLeading):
        contender.fence.check()


async def test_a_lease_that_is_ours_already_is_renewed_without_a_transition() -> None:
    wire = Tapped()
    await lease_of(wire, "baz", transitions=7)
    assert await elector(wire).attempt()
    spec = await stored(wire)
    assert spec and spec.lease_transitions == 7 and spec.acquire_time == LONG_AGO != spec.renew_time


async def test_the_times_in_a_record_are_never_compared_with_the_own_clock() -> None:
    wire = Tapped()
    await lease_of(wire, "bing")  # renewed in the year 2000, by its holder's clock
    contender = elector(wire)
    assert not await contender.attempt()
    await anyio.sleep(14.9)
    assert not await contender.attempt()


async def test_a_change_of_the_record_counts_from_when_it_was_seen() -> None:
    wire = Tapped()
    await lease_of(wire, "bing")
    contender = elector(wire)
    assert not await contender.attempt()
    await anyio.sleep(10)
    await lease_of(wire, "bing", transitions=1)
    await anyio.sleep(4)
    assert not await contender.attempt()
    await anyio.sleep(14.9)
    assert not await contender.attempt()
    await anyio.sleep(0.1)
    assert await contender.attempt()


async def test_a_renewal_changes_the_record_also_when_the_wall_clock_stands_still() -> None:
    wire = Tapped()
    leader, candidate = elector(wire), elector(wire, "bing")
    assert await leader.attempt()
    versions = set()
    for _ in range(20):
        assert await leader.attempt()
        versions.add((await stored(wire) or LeaseSpec()).renew_time)
    assert len(versions) == 20
    assert not await candidate.attempt()


# The fast path: TestFastPathLeaderElection.


async def test_a_leader_renews_without_reading_first() -> None:
    wire = Tapped()
    contender = elector(wire)
    for _ in range(3):
        assert await contender.attempt()
    assert wire.ops == ["get", "create", "update", "update"]


async def test_a_leader_whose_renewal_fails_reads_and_tries_again() -> None:
    wire = Tapped()
    wire.faults["update"] = [None, Fault(409)]
    contender = elector(wire)
    for _ in range(4):
        assert await contender.attempt()
    assert wire.ops == ["get", "create", "update", "update", "get", "update", "update"]


# Errors of the server and the network.


@pytest.mark.parametrize("fault", [Fault(500), Fault(403), REFUSED, HANGS, LOST_ANSWER])
@pytest.mark.parametrize("verb", ["get", "create"])
async def test_a_candidate_whose_request_fails_does_not_lead_and_leads_at_the_next_attempt(
    verb: str, fault: Fault
) -> None:
    wire = Tapped()
    wire.faults[verb] = [fault]
    contender = elector(wire)
    with anyio.move_on_after(200):
        assert not await contender.attempt()
    with pytest.raises(NotLeading):
        contender.fence.check()
    assert await contender.attempt()
    assert (await stored(wire) or LeaseSpec()).lease_transitions == 0


@pytest.mark.parametrize("fault", [Fault(500), Fault(500, effect=True), Fault(409), REFUSED, HANGS, LOST_ANSWER])
async def test_a_leader_survives_one_renewal_that_fails_whether_it_happened_or_not(fault: Fault) -> None:
    wire = Tapped()
    contender = elector(wire)
    await contender.acquire()
    wire.faults["update"] = [fault]
    with anyio.move_on_after(60):
        await contender.renew()
    assert contender.fence.open
    assert (await stored(wire) or LeaseSpec()).lease_transitions == 0


async def test_a_renewal_whose_answer_was_lost_does_not_count() -> None:
    wire = Tapped()
    contender = elector(wire)
    await contender.acquire()
    began = now()
    wire.down = LOST_ANSWER
    with pytest.raises(LeadershipLost, match="not renewed before the renew deadline"):
        await contender.renew()
    assert now() - began == pytest.approx(10, abs=0.01)


# Losing.


@pytest.mark.parametrize("fault", [Fault(500), REFUSED, HANGS])
async def test_a_leader_that_cannot_renew_is_lost_at_the_renew_deadline(fault: Fault) -> None:
    wire = Tapped()
    contender = elector(wire)
    await contender.acquire()
    deadline = contender.fence.deadline
    wire.down = fault
    with pytest.raises(LeadershipLost):
        await contender.renew()
    assert now() == pytest.approx(deadline, abs=0.01)
    with pytest.raises(LeadershipLost):
        contender.fence.check()


async def test_a_leader_that_sees_another_holder_is_lost_at_once() -> None:
    wire = Tapped()
    contender = elector(wire)
    await contender.acquire()
    began = now()
    await lease_of(wire, "thief")
    with pytest.raises(LeadershipLost, match="thief holds it"):
        await contender.renew()
    assert now() - began == pytest.approx(2, abs=0.01)
    assert (await stored(wire) or LeaseSpec()).holder_identity == "thief"


async def test_a_leader_that_sees_its_lease_given_up_by_another_hand_is_lost() -> None:
    wire = Tapped()
    contender = elector(wire)
    await contender.acquire()
    await lease_of(wire, "")
    with pytest.raises(LeadershipLost, match="nobody holds it"):
        await contender.renew()


async def test_of_two_processes_under_one_identity_one_is_lost_at_once() -> None:
    wire = Tapped()
    one, other = elector(wire), elector(wire)
    await one.acquire()
    assert await other.attempt(), "the record is its own, it thinks"
    with pytest.raises(LeadershipLost, match="another process contends as 'baz': give each its own identity"):
        await one.renew()
    assert now() == pytest.approx(2, abs=0.01)


async def test_a_lease_deleted_by_hand_is_created_again_by_its_holder_and_by_nobody_else() -> None:
    wire = Tapped()
    leader, candidate = elector(wire), elector(wire, "bing")
    await leader.acquire()
    assert not await candidate.attempt()
    await delete(wire)
    assert not await candidate.attempt(), "its holder may still act"
    assert await leader.attempt()
    assert wire.ops[-3:] == ["update", "get", "create"]
    assert (await stored(wire) or LeaseSpec()).holder_identity == "baz"


async def test_a_lease_deleted_by_hand_whose_holder_is_dead_is_acquired_when_its_time_is_over() -> None:
    wire = Tapped()
    leader, candidate = elector(wire), elector(wire, "bing")
    await leader.acquire()
    assert not await candidate.attempt()
    await delete(wire)
    began = now()
    await candidate.acquire()
    assert 14.9 <= now() - began <= 24


# Releasing: testReleaseLease, TestReleaseMethodCallsGet, TestReleaseRetriesOnConflict.


async def test_a_lease_acquired_is_released() -> None:
    wire = Tapped()
    contender = elector(wire)
    assert await contender.attempt()
    assert await contender.release()
    assert wire.ops == ["get", "create", "get", "update"]
    spec = await stored(wire)
    assert spec and (spec.holder_identity, spec.lease_duration_seconds, spec.lease_transitions) == ("", 1, 0)


async def test_the_fence_closes_before_the_release_is_sent() -> None:
    wire = Tapped()
    contender = elector(wire)
    assert await contender.attempt()
    wire.faults["get"] = [HANGS]
    async with anyio.create_task_group() as group:
        group.start_soon(contender.release)
        await anyio.sleep(0.1)
        with pytest.raises(NotLeading):
            contender.fence.check()


async def test_a_release_is_tried_again_on_a_conflict() -> None:
    wire = Tapped()
    contender = elector(wire)
    assert await contender.attempt()
    wire.faults["update"] = [Fault(409)]
    assert await contender.release()
    assert (await stored(wire) or LeaseSpec()).holder_identity == ""


async def test_a_lease_that_another_holds_by_now_is_not_released() -> None:
    wire = Tapped()
    contender = elector(wire)
    assert await contender.attempt()
    await lease_of(wire, "bing")
    assert await contender.release()
    assert (await stored(wire) or LeaseSpec()).holder_identity == "bing"


async def test_a_candidate_that_never_wrote_has_nothing_to_release() -> None:
    wire = Tapped()
    await lease_of(wire, "bing")
    contender = elector(wire)
    assert not await contender.attempt()
    assert await contender.release()
    assert wire.ops == ["get"]


async def test_a_release_takes_no_longer_than_the_renew_deadline() -> None:
    wire = Tapped()
    contender = elector(wire)
    assert await contender.attempt()
    wire.down = HANGS
    began = now()
    assert not await contender.release()
    assert now() - began == pytest.approx(10, abs=0.01)


# How long things take.


async def test_attempts_are_a_retry_period_and_up_to_1_2_more_apart() -> None:
    wire = Tapped()
    contender = elector(wire)
    waits = [contender.pause() for _ in range(300)]
    assert 2 <= min(waits) < 2.1 and 4.3 < max(waits) <= 4.4


async def test_a_candidate_does_not_sleep_past_the_end_of_the_lease() -> None:
    wire = Tapped()
    await lease_of(wire, "bing", seconds=1)
    contender = elector(wire)
    began = now()
    await contender.acquire()
    assert now() - began == pytest.approx(1, abs=0.01)


async def test_times_other_than_the_defaults_are_kept() -> None:
    wire = Tapped()
    contender = elector(wire, lease_duration=seconds(60), renew_deadline=seconds(40), retry_period=seconds(5))
    await contender.acquire()
    spec = await stored(wire)
    assert spec and spec.lease_duration_seconds == 60
    began = now()
    wire.down = REFUSED
    with pytest.raises(LeadershipLost):
        await contender.renew()
    assert now() - began == pytest.approx(40, abs=0.01)

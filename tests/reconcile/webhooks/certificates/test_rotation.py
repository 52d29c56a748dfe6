"""Certificates and authorities change over years, by replicas that crash; no API server ever refuses what is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from kubernaut.client import TransportError
from kubernaut.reconcile.webhooks.certificates.state import State
from kubernaut.reconcile.webhooks.certificates.x509 import facts_of
from tests.reconcile.webhooks.certificates.replicas import HOST, SETTINGS, Replica, Turns, World, trusted

DAY = timedelta(days=1)
OVERLAP = SETTINGS.overlap


@pytest.fixture
async def world() -> World:
    world = World()
    await world.setup()
    return world


def state_of(world: World) -> State:
    secret = world.stored("Secret", "hooks")
    assert secret is not None
    return State.from_data(secret["data"])


def serial(replica: Replica) -> int:
    assert replica.shown is not None
    return facts_of(replica.shown[0]).serial


async def test_two_replicas_share_what_the_first_one_made(world: World) -> None:
    first, second = Replica(world, "a"), Replica(world, "b")
    assert (first.keeper.problem() or "").startswith("no certificate yet")
    for replica in (first, second):
        await replica.step()
        assert replica.keeper.problem() is None
    assert serial(first) == serial(second)
    assert len(world.bundles()) == 5
    assert set(world.bundles().values()) == {state_of(world).bundle}
    theirs = world.stored("MutatingWebhookConfiguration", "shop")
    assert theirs is not None
    assert "caBundle" not in theirs["webhooks"][1]["clientConfig"], "an entry that leads elsewhere is not ours"


async def test_the_loser_of_a_race_takes_the_winners(world: World) -> None:
    for seed in range(20):
        world = World()
        await world.setup()
        replicas = [Replica(world, name) for name in "abc"]
        await Turns(world, Random(seed)).steps(replicas, timedelta())
        assert len({serial(replica) for replica in replicas}) == 1
        made = [call for call in world.calls if " POST /api/v1/namespaces/shop/secrets" in call]
        assert made


async def test_a_certificate_is_renewed_when_two_thirds_of_its_life_are_over(world: World) -> None:
    replica, other = Replica(world, "a"), Replica(world, "b")
    await replica.step()
    await other.step()
    first, authority = serial(replica), state_of(world).issuer
    world.time += 59 * DAY
    await replica.step()
    assert serial(replica) == first
    world.time += 2 * DAY
    await other.step()
    assert serial(other) != first
    assert serial(replica) == first
    await replica.step()
    assert serial(replica) == serial(other)
    assert state_of(world).issuer == authority


async def test_a_new_authority_is_trusted_before_it_is_used_and_the_old_one_after(world: World) -> None:
    replica = Replica(world, "a")
    await replica.step()
    old = state_of(world).issuer.certificate
    while state_of(world).next is None:
        world.time += 10 * DAY
        await replica.step()
    assert 0.66 < (world.time - facts_of(old).not_before) / SETTINGS.ca_lifetime < 0.68
    following = state_of(world).next
    assert following is not None
    assert {bundle.count(b"BEGIN") for bundle in world.bundles().values()} == {2}
    assert state_of(world).issuer.certificate == old
    await replica.step()
    assert state_of(world).next_published == world.time
    world.time += OVERLAP - timedelta(seconds=1)
    await replica.step()
    assert state_of(world).issuer.certificate == old, "not before the overlap is over"
    ends = state_of(world).issued_until
    world.time += timedelta(seconds=1)
    await replica.step()
    assert state_of(world).issuer == following
    assert replica.shown is not None
    assert trusted(replica.shown[0], following.certificate, world.time)
    assert not trusted(replica.shown[0], old, world.time)
    world.time = ends - timedelta(hours=1)
    await replica.step()
    assert old in state_of(world).trusted, "somebody may still show one of its certificates"
    world.time = ends + timedelta(hours=1)
    await replica.step()
    assert old not in state_of(world).trusted
    assert {bundle.count(b"BEGIN") for bundle in world.bundles().values()} == {1}


async def test_an_authority_that_could_not_be_published_is_not_used(world: World) -> None:
    replica = Replica(world, "a")
    await replica.step()
    old = state_of(world).issuer
    world.time += SETTINGS.ca_lifetime * 2 / 3
    replica.refused = "PATCH"
    for _ in range(30):
        with pytest.raises(TransportError):
            await replica.step()
        world.time += timedelta(hours=1)
    found = state_of(world)
    assert found.next is not None
    assert (found.next_published, found.issuer) == (None, old)
    assert replica.keeper.problem() is None


@pytest.mark.parametrize("effect", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_call_of_any_step_leaves_nothing_that_another_cannot_finish(effect: bool) -> None:
    """The whole life of an authority, with a crash at call 0, 1, 2 ... of each step that has something to do."""
    for number in range(9):
        world = World()
        await world.setup()
        replica, other = Replica(world, "a"), Replica(world, "b")
        moments = [timedelta(), 61 * DAY, SETTINGS.ca_lifetime * 2 / 3, OVERLAP, OVERLAP, 61 * DAY, 40 * DAY]
        crashes = 0
        for moment in moments:
            world.time += moment
            replica.kill_at = (number, effect)
            crashes += not await replica.step()
            replica.kill_at = None
            await replica.step()
            await other.step()
            assert replica.keeper.problem() is None
            assert other.keeper.problem() is None
        assert len(state_of(world).trusted) == 1
        assert facts_of(state_of(world).issuer.certificate).not_before.year == 2027
        assert bool(crashes) == (number < 8), "a step has eight calls at most"


@pytest.mark.parametrize("seed", range(1))
async def test_ten_years_of_two_replicas_that_race_stall_and_crash(seed: int) -> None:
    random = Random(seed)
    world = World()
    await world.setup()
    replicas = [Replica(world, name) for name in "ab"]
    turns = Turns(world, random)
    end = world.time + timedelta(days=3653)
    authorities: dict[bytes, None] = {}
    while world.time < end:
        for replica in replicas:
            if random.random() < 0.1:
                replica.kill_at = (random.randrange(14), random.random() < 0.5)
        stall = random.choice([timedelta(), timedelta(minutes=1), timedelta(hours=1), DAY])
        await turns.steps(replicas, stall)
        state = state_of(world)
        authorities[state.issuer.certificate] = None
        # while an authority changes, look closely
        near = state.next is not None or random.random() < 0.02
        world.time += random.choice([timedelta(minutes=3), OVERLAP]) if near else 15 * DAY * random.random()
        world.look(written=False)
        assert len(state.trusted) <= 3
    for replica in replicas:
        replica.kill_at = None
        await replica.step()
        assert replica.keeper.problem() is None
    assert len(authorities) >= 3


async def test_replicas_that_were_all_down_for_years_begin_anew(world: World) -> None:
    replica = Replica(world, "a")
    await replica.step()
    old = state_of(world)
    for pause in (80 * DAY, 200 * DAY, 6 * 365 * DAY):
        world.time += pause
        replica.start()
        world.replicas.clear()  # what is shown is new: API servers that are behind may refuse it for a moment
        await replica.step()
        assert replica.keeper.problem() is None
        assert replica.shown is not None
        assert trusted(replica.shown[0], next(iter(world.bundles().values())), world.time)
    assert old.issuer.certificate not in state_of(world).trusted


async def test_an_end_that_comes_while_the_api_server_is_away_is_told(world: World) -> None:
    replica = Replica(world, "a")
    await replica.step()
    world.time += 91 * DAY
    assert (replica.keeper.problem() or "").startswith("the certificate ended at 2024-03-31T00:00:00Z")


async def test_names_of_two_releases_are_both_served_while_one_follows_the_other(world: World) -> None:
    old = Replica(world, "a")
    new = Replica(world, "b", replace(SETTINGS, dns_names=[HOST, "more.shop.svc", "127.0.0.1"]))
    await old.step()
    await new.step()
    both = serial(new)
    for _ in range(3):
        await old.step()
        await new.step()
    assert serial(new) == serial(old) == both, "they do not renew against each other"
    assert new.shown is not None
    assert facts_of(new.shown[0]).names == (HOST, "more.shop.svc", "127.0.0.1")
    only = Replica(world, "c", replace(SETTINGS, dns_names=["more.shop.svc"], configurations=[], crds=[]))
    world.time += 61 * DAY
    world.replicas.remove(only)
    await only.step()
    assert only.shown is not None
    assert facts_of(only.shown[0]).names == ("more.shop.svc",), "the next renewal drops what nobody asks for"

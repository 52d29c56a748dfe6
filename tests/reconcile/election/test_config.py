"""LeaderElection: what is refused, and what is the default. client-go's TestLeaderElectionConfigValidation."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from kubernaut.client import Client
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile.election import LeaderElection, config, contend
from kubernaut.reconcile.election.identity import default_identity
from kubernaut.testing import run_virtual


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def test_the_defaults_are_15_10_and_2_seconds() -> None:
    election = LeaderElection("widgets")
    assert (election.lease_duration, election.renew_deadline, election.retry_period) == (
        seconds(15),
        seconds(10),
        seconds(2),
    )
    assert election.release_on_stop and election.shards == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lease_duration": seconds(10)}, "lease_duration (10 s) must be longer than renew_deadline (10 s)"),
        ({"lease_duration": seconds(0)}, "lease_duration (0 s) must be longer than renew_deadline"),
        ({"lease_duration": seconds(15.5)}, "lease_duration (15.5 s) must be whole seconds"),
        ({"renew_deadline": seconds(2.4)}, "renew_deadline (2.4 s) must be longer than 1.2 x retry_period (2.4 s)"),
        ({"renew_deadline": seconds(0)}, "renew_deadline (0 s) must be longer than 1.2 x retry_period"),
        ({"retry_period": seconds(0)}, "retry_period is 0 s: it must be longer than 0 s"),
        ({"identity": ""}, "identity is empty"),
        ({"name": "Widgets"}, "name is 'Widgets'"),
        ({"name": ""}, "name is ''"),
        ({"shards": 0}, "shards is 0"),
    ],
)
def test_an_error_names_the_field_and_what_to_change(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"LeaderElection.{message}")) as caught:
        LeaderElection(**{"name": "widgets", **fields})
    assert ": " in str(caught.value)


def test_times_a_hair_within_the_bounds_are_taken() -> None:
    LeaderElection("w", lease_duration=seconds(3), renew_deadline=seconds(2.5), retry_period=seconds(2))


def test_a_fenced_write_may_take_what_lies_between_the_renew_deadline_and_the_end_of_the_lease() -> None:
    assert LeaderElection("w").write_timeout == 5
    assert LeaderElection("w").request_timeout == 5


def test_the_namespace_is_the_pods_own_and_default_outside_of_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "NAMESPACE_FILE", tmp_path / "namespace")
    assert config.default_namespace() == "default"
    (tmp_path / "namespace").write_text("operators\n")
    assert config.default_namespace() == "operators"


def test_the_identity_is_the_hostname_and_a_uuid_the_same_in_each_run_of_a_test() -> None:
    async def make() -> str:
        return default_identity(Random(7))

    host, _, unique = run_virtual(make).rpartition("_")
    assert host and re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", unique)
    assert run_virtual(make) == f"{host}_{unique}"


@pytest.mark.virtual_time
async def test_two_contenders_with_one_seed_never_share_an_identity() -> None:
    client = Client(InProcessTransport(ApiServer(seed=1)))
    first, second = (contend(client, LeaderElection("w"), random=Random(0)) for _ in range(2))
    assert first.identity != second.identity


async def test_on_an_ordinary_loop_identities_do_not_depend_on_the_seed() -> None:
    assert default_identity(Random(0)) != default_identity(Random(0))

"""What docs/exploration.md shows: tests that pass, what the exploration finds, and what the mends come to."""

from __future__ import annotations

import pytest

from examples.exploring import (
    Cloud,
    Database,
    DatabaseReconciler,
    RepairedReconciler,
    TokenReconciler,
    databases,
    first,
    orders,
    repaired,
    second,
)
from kubernaut.fake import FakeCluster
from kubernaut.testing.exploration import Fault, Injection, Schedule, explore, replay


@pytest.mark.cluster(crds=[Database], controlplane=False)
@pytest.mark.parametrize("reconciler", [DatabaseReconciler, TokenReconciler, RepairedReconciler])
async def test_a_database_comes_and_goes(cluster: FakeCluster, reconciler: type[DatabaseReconciler]) -> None:
    cloud = Cloud()
    async with cluster.running(databases(reconciler(cloud))):
        await cluster.client.create(orders())
        await cluster.settled()
        assert await cluster.client.get(Database, "orders", namespace="default")
        assert cloud.dump() == ["small-1"]

        await cluster.client.delete(Database, "orders", namespace="default")
        await cluster.settled()
        assert cloud.dump() == []


def test_the_first_run_finds_the_crash() -> None:
    [failure] = explore(first, runs=200).failures
    [injection] = failure.schedule.injections
    assert (injection.fault, injection.call, injection.after) == (Fault.CRASH, "cloud.create", True)
    assert "+- small-2" in failure.story()


def test_the_second_run_finds_the_deletion() -> None:
    [failure] = explore(second, runs=200).failures
    [injection] = failure.schedule.injections
    assert (injection.fault, injection.call) == (Fault.DELETE, "cloud.create")


def test_nothing_that_goes_wrong_leaves_an_instance_behind() -> None:
    explore(repaired, runs=100).check()


def test_a_crash_after_the_cloud_has_created_leaves_one_instance() -> None:
    schedule = Schedule((Injection.of(Fault.CRASH, "cloud.create", after=True),))
    replay(repaired, schedule).check()
    assert replay(first, schedule).failed

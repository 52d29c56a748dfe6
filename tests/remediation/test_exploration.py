"""KubernetesExecution under a crash and every other fault at each API call, and under several by seed."""

from __future__ import annotations

import pytest

from kubernaut.testing.exploration import Fault, Injection, Scenario, Schedule, replay
from tests.remediation.bearing import bears
from tests.remediation.scenarios import SCENARIOS, deletion_half_way, failing_job, scale_deployment

# In CI: all crashes of the first, of the others some; seeds of each.
BOUNDED = {
    "scale-deployment": (0, 90),
    "failing-job": (40, 45),
    "deletion-half-way": (20, 45),
    "audited": (30, 45),
    "audited-deletion": (45, 30),
}
SEEDS = 20


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_execution_bears_every_fault(scenario: Scenario) -> None:
    first, count = BOUNDED[scenario.name]
    bears(scenario, first=first, count=count, seeds=SEEDS)


# What exploration has found before.

PATCH, DELETE = "patch jobs.batch", "delete jobs.batch"


@pytest.mark.parametrize("scenario", [scale_deployment, failing_job], ids=lambda scenario: scenario.name)
def test_a_conflict_when_a_job_gets_its_time_to_live_does_not_leave_it_for_ever(scenario: Scenario) -> None:
    replay(scenario, Schedule((Injection.of(Fault.ERROR, PATCH, code=409),))).check()


def test_a_conflict_when_a_job_is_deleted_is_tried_again() -> None:
    replay(deletion_half_way, Schedule((Injection.of(Fault.ERROR, DELETE, code=409),))).check()


def test_a_lease_that_somebody_annotated_is_still_let_go() -> None:
    conflict = Injection.of(Fault.ERROR, "delete leases.coordination.k8s.io", code=409)
    replay(scale_deployment, Schedule((conflict,))).check()

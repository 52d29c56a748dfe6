"""The whole way from a request to a healed target, under every fault: by all five controllers together.

`KUBERNAUT_EXPLORE=10000` in the environment sets how many runs each scenario gets (`make explore`),
`KUBERNAUT_EXPLORE_FROM` the number of the first.
"""

from __future__ import annotations

import os

import pytest

from kubernaut.testing.exploration import Fault, Injection, Scenario, Schedule, explore, replay
from tests.remediation.request.scenarios import recovery
from tests.remediation.story_scenarios import SCENARIOS

RUNS = int(os.environ.get("KUBERNAUT_EXPLORE", "0"))
FIRST = int(os.environ.get("KUBERNAUT_EXPLORE_FROM", "0"))
# In CI some of each, from another place in each.
BOUNDED = {"healing": (0, 12), "another-way": (300, 6), "deletion": (150, 8)}
SEEDS = 5
RANDOM = 50_000
"""A number that is certainly a seed's."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_remediation_bears_every_fault(scenario: Scenario) -> None:
    if RUNS:
        explore(scenario, runs=RUNS, seed=FIRST, workers=2).check()
        return
    first, count = BOUNDED[scenario.name]
    explore(scenario, runs=count, seed=first).check()
    explore(scenario, runs=SEEDS, seed=RANDOM).check()


# What exploration has found before.

UPDATE = "update remediationrequests.remediation.kubernaut.io/status"


def test_a_clock_that_is_set_back_while_a_target_is_verified_does_not_keep_its_request_waiting() -> None:
    back = Injection.of(Fault.CLOCK, UPDATE, 14, after=True, seconds=-3600.0)
    replay(recovery, Schedule((back,))).check()

"""RemediationRequest under a crash and every other fault at each API call, and under several by seed.

`KUBERNAUT_EXPLORE=10000` in the environment sets how many runs each scenario gets (`make explore`),
`KUBERNAUT_EXPLORE_FROM` the number of the first.
"""

from __future__ import annotations

import os

import pytest

from kubernaut.testing.exploration import Scenario, explore
from tests.remediation.request.scenarios import SCENARIOS

RUNS = int(os.environ.get("KUBERNAUT_EXPLORE", "0"))
FIRST = int(os.environ.get("KUBERNAUT_EXPLORE_FROM", "0"))
# In CI some of each, from another place in each.
BOUNDED = {
    "recovery": (0, 14),
    "same-failure-twice": (60, 6),
    "two-on-one-target": (20, 8),
    "one-signal-twice": (40, 6),
    "deletion-half-way": (20, 8),
    "cancellation-half-way": (10, 6),
}
SEEDS = 4
RANDOM = 5000
"""A number that is certainly a seed's."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_request_bears_every_fault(scenario: Scenario) -> None:
    if RUNS:
        explore(scenario, runs=RUNS, seed=FIRST, workers=2).check()
        return
    first, count = BOUNDED[scenario.name]
    explore(scenario, runs=count, seed=first).check()
    explore(scenario, runs=SEEDS, seed=RANDOM).check()

"""RemediationRequest under a crash and every other fault at each API call, and under several by seed."""

from __future__ import annotations

import pytest

from kubernaut.testing.exploration import Scenario
from tests.remediation.bearing import bears
from tests.remediation.request.scenarios import SCENARIOS

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


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_request_bears_every_fault(scenario: Scenario) -> None:
    first, count = BOUNDED[scenario.name]
    bears(scenario, first=first, count=count, seeds=SEEDS)

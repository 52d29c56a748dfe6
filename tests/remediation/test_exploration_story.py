"""The whole way from a request to a healed target, under every fault: by all five controllers together."""

from __future__ import annotations

import pytest

from kubernaut.testing.exploration import Fault, Injection, Scenario, Schedule, replay
from tests.remediation.bearing import bears
from tests.remediation.request.scenarios import recovery
from tests.remediation.story_scenarios import SCENARIOS

# In CI some of each, from another place in each.
BOUNDED = {"healing": (0, 12), "another-way": (300, 6), "deletion": (150, 8)}
SEEDS = 5


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_remediation_bears_every_fault(scenario: Scenario) -> None:
    first, count = BOUNDED[scenario.name]
    bears(scenario, first=first, count=count, seeds=SEEDS)


# What exploration has found before.

UPDATE = "update remediationrequests.remediation.kubernaut.io/status"


def test_a_clock_that_is_set_back_while_a_target_is_verified_does_not_keep_its_request_waiting() -> None:
    back = Injection.of(Fault.CLOCK, UPDATE, 14, after=True, seconds=-3600.0)
    replay(recovery, Schedule((back,))).check()

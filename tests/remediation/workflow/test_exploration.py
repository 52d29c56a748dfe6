"""WorkflowExecution under a crash and every other fault at each API call, and under several by seed."""

from __future__ import annotations

import pytest

from kubernaut.testing.exploration import Scenario
from tests.remediation.bearing import bears
from tests.remediation.workflow.scenarios import SCENARIOS

# In CI: some crashes of each, and some seeds.
BOUNDED = {"two-steps": (60, 4), "failing-second": (110, 6), "one-target": (40, 3), "deletion": (20, 3)}
SEEDS = 1


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_workflow_bears_every_fault(scenario: Scenario) -> None:
    first, count = BOUNDED[scenario.name]
    bears(scenario, first=first, count=count, seeds=SEEDS)

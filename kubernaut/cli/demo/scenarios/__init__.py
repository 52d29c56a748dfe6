"""The scenarios of `kubernaut demo`, by name."""

from __future__ import annotations

from kubernaut.cli.demo.scenarios import busy, memory, node, recovery, rejected, review, rollout
from kubernaut.cli.demo.scenarios.base import Scenario

SCENARIOS = {each.SCENARIO.name: each.SCENARIO for each in (rollout, recovery, memory, node, busy, rejected, review)}
"""In the order in which they are listed; the first is played by default."""
DEFAULT = rollout.SCENARIO.name

__all__ = ["DEFAULT", "SCENARIOS", "Scenario"]

"""Facts and analyses under a crash and every other fault at each API call, and under several by seed.

`KUBERNAUT_EXPLORE=10000` in the environment sets how many runs the scenario gets (`make explore`),
`KUBERNAUT_EXPLORE_FROM` the number of the first.
"""

from __future__ import annotations

import os

from kubernaut.testing.exploration import Fault, Injection, Schedule, explore, replay
from tests.remediation.analysis.scenarios import facts_and_analysis

RUNS = int(os.environ.get("KUBERNAUT_EXPLORE", "0"))
FIRST = int(os.environ.get("KUBERNAUT_EXPLORE_FROM", "0"))
SYSTEMATIC = 14
SEEDS = 4
RANDOM = 5000
"""A number that is certainly a seed's."""


def test_facts_and_analyses_bear_every_fault() -> None:
    if RUNS:
        explore(facts_and_analysis, runs=RUNS, seed=FIRST, workers=2).check()
        return
    explore(facts_and_analysis, runs=SYSTEMATIC).check()
    explore(facts_and_analysis, runs=SEEDS, seed=RANDOM).check()


def test_a_clock_that_is_set_back_does_not_put_the_next_call_off() -> None:
    back = Injection.of(
        Fault.CLOCK, "update aianalyses.aianalysis.kubernaut.io/status", nth=2, after=True, seconds=-3600
    )
    replay(facts_and_analysis, Schedule((back,))).check()

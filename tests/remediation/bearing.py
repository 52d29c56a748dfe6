"""How every scenario of remediation is explored: a part of the runs in CI, as many as one likes by `make explore`.

`KUBERNAUT_EXPLORE=10000` in the environment sets how many runs each scenario gets, `KUBERNAUT_EXPLORE_FROM` the number
of the first. A failure prints its number and its timeline; the number gives the same run again.
"""

from __future__ import annotations

import os

from kubernaut.testing.exploration import Scenario, explore

RUNS = int(os.environ.get("KUBERNAUT_EXPLORE", "0"))
FIRST = int(os.environ.get("KUBERNAUT_EXPLORE_FROM", "0"))
RANDOM = 50_000
"""A number that is certainly a seed's: no scenario has so many single faults."""


def bears(scenario: Scenario, *, first: int, count: int, seeds: int) -> None:
    """In CI `count` single faults from number `first` on, and `seeds`. Raises ExplorationFailed."""
    if RUNS:
        report = explore(scenario, runs=RUNS, seed=FIRST, workers=2)
        report.check()
        assert report.systematic > RUNS or not report.coverage.never_crashed
        return
    explore(scenario, runs=count, seed=first).check()
    explore(scenario, runs=seeds, seed=RANDOM).check()

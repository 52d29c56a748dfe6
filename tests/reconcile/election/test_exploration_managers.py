"""Two whole managers on one server under random partitions and pauses, a seed at a time; see test_exploration.py."""

from __future__ import annotations

import os

from tests.reconcile.election.test_exploration import FIRST, RUNS, total
from tests.reconcile.election.world.exploration import explore
from tests.reconcile.election.world.managers import ManagedContender


def test_of_two_managers_at_most_one_leads_and_no_write_is_late_and_the_dead_are_followed_in_time() -> None:
    # A whole manager takes three times as long as an elector alone; who asked for many runs gets them.
    seeds = RUNS if "KUBERNAUT_EXPLORE" in os.environ else RUNS // 3
    runs = [explore(seed, make=ManagedContender) for seed in range(FIRST, FIRST + seeds)]
    assert total(runs, "gains") > seeds
    assert total(runs, "writes") > seeds

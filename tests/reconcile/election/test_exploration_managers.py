"""Two whole managers on one server under random partitions and pauses, a seed at a time; see test_exploration.py."""

from __future__ import annotations

from tests.reconcile.election.test_exploration import FIRST, RUNS, total
from tests.reconcile.election.world.exploration import explore
from tests.reconcile.election.world.managers import ManagedContender


def test_of_two_managers_at_most_one_leads_and_no_write_is_late_and_the_dead_are_followed_in_time() -> None:
    runs = [explore(seed, make=ManagedContender) for seed in range(FIRST, FIRST + RUNS)]
    assert total(runs, "gains") > RUNS
    assert total(runs, "writes") > RUNS

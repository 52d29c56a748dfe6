"""Random partitions, late deliveries and pauses, a seed at a time: what must never happen does not.

`KUBERNAUT_EXPLORE=10000` in the environment sets the number of seeds, `KUBERNAUT_EXPLORE_FROM` the first: a failure
prints its seed and the timeline of that run, and the seed gives the same run again.
"""

from __future__ import annotations

import asyncio
import os

import pytest

from kubernaut.reconcile.election.fence import LeaseFence
from kubernaut.reconcile.election.observed import ObservedRecord
from kubernaut.timing import current_clock
from tests.reconcile.election.world.exploration import Failed, Summary, explore

RUNS = int(os.environ.get("KUBERNAUT_EXPLORE", "500"))
FIRST = int(os.environ.get("KUBERNAUT_EXPLORE_FROM", "0"))


def processes(seed: int) -> tuple[int, ...]:
    return (1, 1, 1) if seed % 3 == 0 else (1, 1)


def test_at_most_one_leads_and_no_write_is_late_and_the_dead_are_followed_in_time() -> None:
    # Whole managers are explored with as many seeds as asked for; their electors alone, three at times, with half.
    runs = [explore(seed, shards=processes(seed)) for seed in range(FIRST, FIRST + max(1, RUNS // 2))]
    number = len(runs)
    assert total(runs, "gains") > number and total(runs, "losses") > number and total(runs, "writes") > 5 * number
    assert RUNS < 500 or total(runs, "late_writes_refused"), "no run had a late write to refuse"


def test_the_same_holds_for_each_share_of_a_sharded_election() -> None:
    for seed in range(FIRST, FIRST + max(1, RUNS // 50)):
        explore(seed, shards=(3, 3, 3) if seed % 5 == 0 else (2, 2))


def test_the_same_holds_for_each_key_while_another_number_of_shares_is_rolled_out() -> None:
    for seed in range(FIRST, FIRST + max(1, RUNS // 100)):
        explore(seed, shards=(2, 3, 2) if seed % 5 == 0 else (2, 3))


def test_a_seed_gives_the_same_run_again() -> None:
    assert explore(7) == explore(7)


# That the exploration finds what it looks for.


def write_without_asking(fence: LeaseFence) -> None:
    return


def count_from_the_response(fence: LeaseFence, deadline: float) -> bool:
    return extend(fence, asyncio.get_running_loop().time() + 10)


def trust_the_holders_clock(record: ObservedRecord) -> float:
    if record.spec is None or not record.holder or record.spec.renew_time is None:
        return 0.0
    return max(0.0, 15 - (current_clock().now() - record.spec.renew_time).total_seconds())


extend = LeaseFence.extend
# What to get wrong, and a seed that found it before: others follow, for a change may move it.
MISTAKES = {
    "no write asks the fence": (LeaseFence, "check", write_without_asking, 4),
    "the deadline counts from the response": (LeaseFence, "extend", count_from_the_response, 151),
    "the holder's clock is trusted": (ObservedRecord, "left", property(trust_the_holders_clock), 0),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_exploration_finds_the_mistake(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong, known = MISTAKES[mistake]
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(Failed, match=r"seed \d+.*: Violated: .*(deadline|both believe|taken over)"):
        for seed in (known, *range(500)):
            explore(seed)


def total(runs: list[Summary], what: str) -> int:
    return sum(getattr(run, what) for run in runs)

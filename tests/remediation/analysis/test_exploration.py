"""Facts and analyses under a crash and every other fault at each API call, and under several by seed."""

from __future__ import annotations

from kubernaut.testing.exploration import Fault, Injection, Schedule, replay
from tests.remediation.analysis.scenarios import facts_and_analysis
from tests.remediation.bearing import bears

SYSTEMATIC = 14
SEEDS = 4


def test_facts_and_analyses_bear_every_fault() -> None:
    bears(facts_and_analysis, first=0, count=SYSTEMATIC, seeds=SEEDS)


def test_a_clock_that_is_set_back_does_not_put_the_next_call_off() -> None:
    back = Injection.of(
        Fault.CLOCK, "update aianalyses.aianalysis.kubernaut.io/status", nth=2, after=True, seconds=-3600
    )
    replay(facts_and_analysis, Schedule((back,))).check()

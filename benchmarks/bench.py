"""What the rows measure with: programs, rounds, and whether it is to be quick."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmarks.measure import LONGEST, Cost, Failed, LoadServer, run
from benchmarks.peers import KOPF, Argv, Tell

T = TypeVar("T")


@dataclass(frozen=True)
class Bench:
    """One run of some rows. `small` divides all sizes further, for tests."""

    programs: Mapping[str, Argv]
    tell: Tell
    quick: bool = False
    rounds: int = 3
    small: bool = False

    def size(self, full: T, quick: T, small: T) -> T:
        """Of the three, the one that is wanted."""
        return small if self.small else quick if self.quick else full

    def rounds_of(self, program: str, most: int = 3) -> int:
        """How often; kopf once, for it takes longer than all others together."""
        return 1 if self.quick or self.small or program == KOPF else min(most, self.rounds)

    def run(
        self, label: str, argv: list[str], server: LoadServer, missing: list[str], longest: float = LONGEST
    ) -> Cost | None:
        """Run a program and tell what it took; what failed is noted in `missing`."""
        try:
            cost = run(argv, kubeconfig=server.kubeconfig, longest=longest)
        except Failed as error:
            self.tell(f"  {label}: {error}")
            missing.append(f"{label}: {' '.join(str(error).split())[:200]}")
            return None
        self.tell(f"  {label}: {cost.cpu:.2f} s CPU, {cost.rss:.0f} MiB, {cost.wall:.1f} s")
        return cost


def scale(mode: str, *numbers: int) -> list[str]:
    """kubernaut's own program for what is not a plain sync."""
    return [sys.executable, "-m", "benchmarks.programs.kubernaut_scale", mode, *map(str, numbers)]


def said(cost: Cost) -> dict[str, Any]:
    """All figures of a run, for figures.json."""
    return {"cpu": cost.cpu, "wall": cost.wall, "rss": cost.rss, "said": dict(cost.said)}

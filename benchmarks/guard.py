"""`python -m benchmarks.guard [--update] [ROW ...]`: has anything become worse since quick.json was written?

Compared are ratios, kubernaut against the peers on this machine, and where there is no peer the processor time of one
object, scaled by how fast this machine is. It only tells: the exit code is 0 whatever it finds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.peers import install
from benchmarks.report import machine
from benchmarks.rows.all import measure
from benchmarks.section import Section, short, table

FILE = Path(__file__).parent / "quick.json"
ROWS = ("sync", "status", "burst", "micro")
NOISE, NOISE_RSS = 1.25, 1.10
"""The least by which one run of these sizes may differ from another: in time, and in memory."""
MARGIN = 1.1
"""By how much more than the runs for quick.json differed from each other is noise too."""
UPDATES = 2
WORK = 300_000


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure then and now; less is better."""

    name: str
    then: float
    now: float
    spread: float = 1.0
    """By what factor the figures of then differed from run to run."""

    @property
    def noise(self) -> float:
        return max(NOISE_RSS if "RSS" in self.name else NOISE, self.spread * MARGIN)

    @property
    def verdict(self) -> str:
        times = self.now / self.then
        if times > self.noise:
            return f"WORSE x {times:.2f}"
        return f"better x {times:.2f}" if times < 1 / self.noise else "as before"


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Of two measurements, as `measured` makes them: what both have."""
    speed = now["speed"] / then["speed"]
    found = []
    for name, value in now["ratios"].items():
        if name in then["ratios"]:
            # What is no ratio is in microseconds, say: of a slower machine more are expected.
            before = then["ratios"][name] * (speed if " against " not in name else 1.0)
            found.append(Difference(name, before, value, then.get("spreads", {}).get(name, 1.0)))
    return found


def measured(sections: list[Section]) -> dict[str, Any]:
    """What quick.json keeps."""
    ratios = {name: ratio for section in sections for name, ratio in section.ratios.items()}
    return {"machine": machine(), "speed": speed(), "ratios": ratios}


def together(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One measurement of several: the geometric means, and by what factor the largest is above the smallest."""
    first = runs[0]
    names = [name for name in first["ratios"] if all(name in run["ratios"] for run in runs)]
    values = {name: [run["ratios"][name] for run in runs] for name in names}
    return {
        "machine": first["machine"],
        "speed": min(run["speed"] for run in runs),
        "ratios": {name: statistics.geometric_mean(each) for name, each in values.items()},
        "spreads": {name: max(each) / min(each) for name, each in values.items()},
    }


def speed() -> float:
    """Processor seconds for some work in Python: how slow this machine is."""
    return min(_work() for _ in range(5))


def _work() -> float:
    began = time.process_time()
    counts: dict[str, int] = {}
    for number in range(WORK):
        key = f"key-{number % 1000}"
        counts[key] = counts.get(key, 0) + 1
    return time.process_time() - began


def report(found: list[Difference]) -> str:
    """A table of all, and what became worse."""
    cells = [(each.name, short(each.then), short(each.now), f"x {each.noise:.2f}", each.verdict) for each in found]
    worse = [each.name for each in found if each.verdict.startswith("WORSE")]
    noise = f"noise: x {NOISE} for time, x {NOISE_RSS} for memory, or {MARGIN} times the spread in {FILE.name}"
    verdict = f"worse by more than that: {', '.join(worse)}" if worse else "nothing became worse by more than that"
    return "\n".join([*table(["figure, less is better", "then", "now", "noise", ""], cells), noise, verdict])


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.guard", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], metavar="ROW")
    parser.add_argument("--update", action="store_true", help=f"write {FILE.name}, of {UPDATES} runs")
    given = parser.parse_args()
    bench = Bench(install(tell), tell, quick=True)
    runs = []
    for _ in range(UPDATES if given.update else 1):
        sections = [measure(name, bench) for name in given.rows or ROWS]
        runs.append(measured(sections))
        for line in dict.fromkeys(line for section in sections for line in section.missing):
            print(f"not measured: {line}")
    now = together(runs)
    if FILE.exists():
        print(report(differences(json.loads(FILE.read_text()), now)))
    else:
        print(f"there is no {FILE.name} to compare with: make one with --update")
    if given.update:
        FILE.write_text(json.dumps(now, indent=1) + "\n")
        print(f"{FILE.name} is written")


if __name__ == "__main__":
    main()

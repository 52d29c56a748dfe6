"""`python -m benchmarks [--quick] [--rounds N] [--out FILE] [ROW ...]`: measures, and writes the table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.goals import ROWS, Row
from benchmarks.measure import Cost, Failed, load_server, median, run
from benchmarks.peers import Argv, install
from benchmarks.report import Report, machine

RESULTS = Path(__file__).parent / "RESULTS.md"


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measured(row: Row, programs: dict[str, Argv], rounds: int, count: int) -> dict[str, list[Cost]]:
    """The costs of every program, interleaved: whatever the machine does meanwhile, it does to all."""
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    with load_server(items=0 if row.mode == "pods" else count, pods=count if row.mode == "pods" else 0) as server:
        for number in range(rounds):
            for name, argv in programs.items():
                server.control("items/reset")
                try:
                    cost = run(argv(row.mode, count), kubeconfig=server.kubeconfig)
                except Failed as error:
                    tell(f"  {row.name} {name}: {error}")
                    continue
                costs[name].append(cost)
                tell(f"  {row.name} {number + 1}/{rounds} {name}: {cost.cpu:.2f} s CPU, {cost.rss:.0f} MiB")
    return {name: found for name, found in costs.items() if found}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *(row.name for row in ROWS)], metavar="ROW")
    parser.add_argument("--quick", action="store_true", help="a tenth of the objects, one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=None, help=f"where the table goes; {RESULTS.name} unless --quick")
    given = parser.parse_args()
    programs = dict(install(tell))
    report = Report(machine())
    for row in ROWS:
        if given.rows and row.name not in given.rows:
            continue
        count = row.quick if given.quick else row.count
        tell(row.title.format(count=f"{count:,}"))
        costs = measured(row, programs, 1 if given.quick else given.rounds, count)
        report.add(row, count, {name: median(found) for name, found in costs.items()})
    text = report.text()
    print(text)
    out = given.out or (None if given.quick or given.rows else RESULTS)
    if out is not None:
        out.write_text(text)


main()

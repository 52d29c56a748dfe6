"""`python -m benchmarks [--quick] [--rounds N] [--out FILE] [ROW ...]`: measures, and writes the report."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.peers import install, versions
from benchmarks.report import Report, machine
from benchmarks.rows.all import ALL, measure

RESULTS = Path(__file__).parent / "RESULTS.md"
ABOUT = (
    "Ratios are of medians from one run on one machine, programs in turns. CPU is user and system time of the "
    "whole process, start-up included; peak RSS is the kernel's. All programs speak to the same load server on "
    "loopback, which answers recorded bytes out of memory and shares the cores with them: it is no real API server, "
    "and where wall time is well above CPU a program waited, for the server or for a core. controller-runtime reads "
    "unstructured objects, and Pods as JSON: its protobuf path is not served here."
)
QUICK = "Quick sizes: start-up outweighs the rest, and no goal is meant for them."


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *ALL], metavar="ROW", help=f"of {', '.join(ALL)}; all of them")
    parser.add_argument("--quick", action="store_true", help="a tenth of the objects and less, one round")
    parser.add_argument("--rounds", type=int, default=3, help="at most; kopf has one")
    parser.add_argument(
        "--out", type=Path, default=None, help=f"{RESULTS.name} unless --quick or rows are given; plots and JSON beside"
    )
    given = parser.parse_args()
    about, programs = machine(), install(tell)
    bench = Bench(programs, tell, quick=given.quick, rounds=given.rounds)
    report = Report([*about, ", ".join(versions(programs))], [ABOUT, *([QUICK] if given.quick else [])])
    began = time.monotonic()
    for name in ALL:
        if not given.rows or name in given.rows:
            report.section(measure(name, bench))
    tell(f"{time.monotonic() - began:.0f} s in all")
    print(report.text())
    out = given.out or (None if given.quick or given.rows else RESULTS)
    if out is not None:
        report.write(out)


if __name__ == "__main__":
    main()

"""`python -m benchmarks.micro [--quick] [--rounds N] [ROW ...]`: the small figures by themselves, one a line."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from benchmarks.micro import ROUNDS, MicroRow, rows


def line(row: MicroRow) -> str:
    """`queue: 3.1 us CPU; client-go 1.2, x 2.6 of 4.0: met`"""
    parts = [f"{row.name}: {row.ours:.2f} {row.unit}"]
    parts += [
        f"{peer} {value:.2f}, x {row.ratio(peer):.2f}" + (f" of {row.goals[peer]:.2f}" if peer in row.goals else "")
        for peer, value in row.peers.items()
    ]
    parts += [f"at most {row.most:.0f}"] if row.most is not None else []
    parts += [f"without {peer}: {why}" for peer, why in row.left_out.items()]
    return "; ".join(parts) + {True: ": met", False: ": NOT met", None: ""}[row.met]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.micro", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, one round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    go = shutil.which("go")
    for row in rows(Path(go) if go else None, given.quick, rounds=given.rounds, only=given.rows):
        print(line(row))


if __name__ == "__main__":
    main()

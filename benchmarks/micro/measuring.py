"""Runs the programs in turns, and makes medians of what they say."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Failed, run
from benchmarks.micro.benches import OURS, Bench, benches
from benchmarks.micro.row import MicroRow
from benchmarks.peers import GO, PEERS

PROGRAMS = ("queue", "fakeclient", "httpload")
Said = Mapping[str, Any]
Tell = Callable[[str], None]


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(go: Path | None, rounds: int, *, quick: bool, only: Sequence[str]) -> list[MicroRow]:
    """As `benchmarks.micro.rows`."""
    with tempfile.TemporaryDirectory(prefix="kubernaut-bench-") as folder:
        made = benches(built(go) if go is not None else None, Path(folder), quick=quick)
        wanted = [bench for bench in made if not only or any(figure.name in only for figure in bench.figures)]
        return [row for bench in wanted for row in measured(bench, rounds, _tell)]


def built(go: Path) -> Path:
    """The folder of Go's programs. Raises CalledProcessError."""
    folder = PEERS / "go"
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOFLAGS": "-mod=mod -buildvcs=false"}
    argv = [str(go), "build", "-o", f"{folder}{os.sep}", *(f"./{name}" for name in PROGRAMS)]
    subprocess.run(argv, check=True, cwd=GO, env=environment)
    return folder


def measured(bench: Bench, rounds: int, tell: Tell) -> list[MicroRow]:
    """The rows of one bench, interleaved: whatever the machine does meanwhile, it does to all."""
    said: dict[str, list[Said]] = {}
    left_out = dict(bench.left_out)
    for number in range(rounds):
        for name, argv in bench.programs.items():
            try:
                found = run(argv).said
            except Failed as error:
                tell(f"  {bench.figures[0].name} {name}: {error}")
                left_out.setdefault(name, "its program failed")
                continue
            said.setdefault(name, []).append(found)
            figures = ", ".join(f"{each.name} {found[each.key] * each.scale:.2f} {each.unit}" for each in bench.figures)
            tell(f"  {number + 1}/{rounds} {name}: {figures}")
    if OURS not in said:
        return []
    _alike(bench, said)
    return [
        each.row(
            _median(said[OURS], each.key),
            {name: _median(found, each.key) for name, found in said.items() if name != OURS},
            {name: why for name, why in left_out.items() if name not in said},
        )
        for each in bench.figures
    ]


def _alike(bench: Bench, said: Mapping[str, Sequence[Said]]) -> None:
    """Raises Failed where one program has done something else than another."""
    for key in bench.same:
        found = {name: sorted({each[key] for each in lines}) for name, lines in said.items()}
        if len({tuple(values) for values in found.values()}) > 1:
            raise Failed(f"{bench.figures[0].name}: the programs do not agree on {key}: {found}")


def _median(said: Sequence[Said], key: str) -> float:
    return float(statistics.median(each[key] for each in said))

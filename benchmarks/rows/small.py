"""Rows `micro`: what another package measures of single parts; left out while it is not there."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.section import Check, Section, short, table

PACKAGE = "benchmarks.micro"
_VERDICTS = {True: "met", False: "NOT met", None: ""}


def measure(bench: Bench) -> Section:
    """The section, of whatever rows the package answers."""
    section = Section("micro", "single parts")
    try:
        package = importlib.import_module(PACKAGE)
        measured = package.rows
    except (ImportError, AttributeError) as error:
        section.missing.append(f"micro: {PACKAGE} cannot be used ({error})")
        return section
    go = shutil.which("go")
    try:
        rows = measured(None if go is None else Path(go), bench.quick or bench.small)
    except Exception as error:  # its rows are not worth the whole table
        section.missing.append(f"micro: {error!r}")
        return section
    tell(section, rows)
    return section


def tell(section: Section, rows: Iterable[Any]) -> None:
    """Put rows (MicroRow) into a section."""
    cells = []
    for row in rows:
        peers = ", ".join(f"{name} {short(value)}" for name, value in row.peers.items())
        cells.append((row.title, row.unit, short(row.ours), peers or "none", _goal(row), _VERDICTS[row.met]))
        section.figures[row.name] = {"unit": row.unit, "ours": row.ours, "peers": dict(row.peers)}
        left_out = getattr(row, "left_out", {})
        section.missing += [f"{row.title}: without {peer}, {why}" for peer, why in left_out.items()]
        _checks(section, row)
    section.lines += table(["what", "unit", "kubernaut", "peers", "goal", ""], cells)


def _checks(section: Section, row: Any) -> None:
    more, most = getattr(row, "more", False), _most(row)
    for peer, ratio in row.goals.items():
        if peer not in row.peers:
            continue
        found = row.ours / row.peers[peer]
        section.checks.append(Check(f"{row.title}: against {peer}", found, ratio, at_least=more))
        section.ratios[f"{row.name} against {peer}"] = 1 / found if more else found
    if most is not None:
        section.checks.append(Check(row.title, row.ours, most, unit=row.unit))
    if not row.goals and not more:
        section.ratios[f"{row.name}, {row.unit}"] = row.ours


def _most(row: Any) -> float | None:
    most: float | None = getattr(row, "most", getattr(row, "goal", None))
    return most


def _goal(row: Any) -> str:
    sign = ">=" if getattr(row, "more", False) else "<="
    goals = [f"{sign} {short(ratio)} x {peer}" for peer, ratio in row.goals.items()]
    most = _most(row)
    return ", ".join(goals if most is None else [*goals, f"<= {short(most)}"])

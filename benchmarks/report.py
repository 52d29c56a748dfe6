"""The table: each program's figures, and kubernaut's as a share of each peer's beside its goal."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.goals import Goal, Row
from benchmarks.measure import Cost

OURS = "kubernaut"


def machine() -> list[str]:
    """What it was measured on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return [
        f"processor: {model}, {os.cpu_count()} cores; load when it began: {os.getloadavg()[0]:.1f}",
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}",
        f"measured on {datetime.now(UTC):%Y-%m-%d}",
    ]


class Report:
    """Rows as they are measured."""

    def __init__(self, machine: list[str]) -> None:
        self._parts = ["# Benchmarks\n", *(f"- {line}" for line in machine), ""]

    def add(self, row: Row, count: int, costs: Mapping[str, Cost]) -> None:
        """One comparison, of medians."""
        self._parts += [f"## {row.title.format(count=f'{count:,}')}\n"]
        self._parts += ["| program | CPU seconds | peak RSS, MiB | wall seconds |", "|---|---|---|---|"]
        self._parts += [
            f"| {name} | {cost.cpu:.2f} | {cost.rss:.0f} | {cost.wall:.1f} |" for name, cost in costs.items()
        ]
        ours = costs.get(OURS)
        goals = {name: goal for name, goal in row.goals.items() if name in costs}
        if ours is not None and goals:
            self._parts += ["", "| kubernaut against | CPU | goal | RSS | goal |", "|---|---|---|---|---|"]
            self._parts += [_against(name, ours, costs[name], goal) for name, goal in goals.items()]
        self._parts.append("")

    def text(self) -> str:
        return "\n".join(self._parts)


def _against(name: str, ours: Cost, theirs: Cost, goal: Goal) -> str:
    cpu, rss = ours.cpu / theirs.cpu, ours.rss / theirs.rss
    return f"| {name} | {_share(cpu, goal.cpu)} | {_share(rss, goal.rss)} |"


def _share(found: float, goal: float | None) -> str:
    if goal is None:
        return f"{found:.2f} | "
    return f"{found:.2f} {'met' if found <= goal else 'NOT met'} | {goal:.2f}"

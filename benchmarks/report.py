"""The report: what it was measured on, which goals are met, a section for each row; as Markdown, plots and JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.goals import Row
from benchmarks.measure import Cost
from benchmarks.rows.syncs import compare
from benchmarks.section import Check, Section, short, table

PLOTS = "plots"


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
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return [
        f"processor: {model}, {os.cpu_count()} cores, {memory:.0f} GiB; load when it began: {os.getloadavg()[0]:.1f}",
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}",
        f"measured on {datetime.now(UTC):%Y-%m-%d}",
    ]


class Report:
    """Sections as they are measured. `machine` are lines about what they were measured on."""

    def __init__(self, machine: Sequence[str], remarks: Sequence[str] = ()) -> None:
        self._machine, self._remarks = list(machine), list(remarks)
        self.sections: list[Section] = []

    def add(self, row: Row, count: int, costs: Mapping[str, Cost]) -> None:
        """One comparison, of medians."""
        section = Section(row.name, row.title.format(count=f"{count:,}"))
        compare(section, row, count, costs)
        self.section(section)

    def section(self, section: Section) -> None:
        """One row."""
        self.sections.append(section)

    def text(self) -> str:
        """RESULTS.md."""
        parts = ["# Benchmarks\n", *(f"- {line}" for line in self._machine), ""]
        parts += [f"{line}\n" for line in self._remarks]
        checks = [check for section in self.sections for check in section.checks]
        if checks:
            parts += ["## Goals\n", *table(["goal", "wanted", "found", ""], map(_line, checks))]
        missing = [f"- {line}" for section in self.sections for line in section.missing]
        if missing:
            parts += ["Not measured:\n", *dict.fromkeys(missing), ""]
        for section in self.sections:
            parts += _section(section)
        return "\n".join(parts).rstrip() + "\n"

    def figures(self) -> dict[str, Any]:
        """figures.json."""
        return {
            "machine": self._machine,
            "remarks": self._remarks,
            "rows": {section.name: _figures(section) for section in self.sections},
        }

    def write(self, out: Path) -> None:
        """The text at `out`, and plots and figures beside it; plots of rows that are no more are removed."""
        out.parent.mkdir(parents=True, exist_ok=True)
        plots = out.parent / PLOTS
        plots.mkdir(exist_ok=True)
        for old in plots.glob("*.svg"):
            old.unlink()
        for section in self.sections:
            for name, drawn in section.plots.items():
                (plots / f"{name}.svg").write_text(drawn)
        (out.parent / "figures.json").write_text(json.dumps(self.figures(), indent=1) + "\n")
        out.write_text(self.text())


def _line(check: Check) -> tuple[str, ...]:
    verdict = f"{check.verdict} ({check.note})" if check.note else check.verdict
    return (check.what, check.goal, short(check.found), verdict)


def _section(section: Section) -> list[str]:
    took = f"This row took {section.seconds:.0f} s.\n" if section.seconds else ""
    plots = [f"![{section.title}]({PLOTS}/{name}.svg)\n" for name in section.plots]
    body = section.lines or ["Not measured, see above.\n"]
    return [f"## {section.title}\n", *body, *plots, *([took] if took else [])]


def _figures(section: Section) -> dict[str, Any]:
    checks = [
        {"what": each.what, "wanted": each.goal, "found": each.found, "verdict": each.verdict}
        for each in section.checks
    ]
    return {
        "title": section.title,
        "seconds": section.seconds,
        "figures": section.figures,
        "checks": checks,
        "ratios": section.ratios,
        "missing": section.missing,
    }

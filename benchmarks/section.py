"""What a row of the benchmark comes to: text, figures, plots, and which goals it meets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One goal and what was found. `at_least` turns it around; one that is not `judged` only tells, `note` says why."""

    what: str
    found: float
    limit: float
    at_least: bool = False
    judged: bool = True
    note: str = ""
    unit: str = "x"

    @property
    def met(self) -> bool:
        return self.found >= self.limit if self.at_least else self.found <= self.limit

    @property
    def goal(self) -> str:
        return f"{'>=' if self.at_least else '<='} {short(self.limit)} {self.unit}".rstrip()

    @property
    def verdict(self) -> str:
        if not self.judged:
            return "not judged"
        return "met" if self.met else "NOT met"


@dataclass(slots=True)
class Section:
    """One row. `ratios` are for the guard: less is better. `missing` are what could not be measured, and why."""

    name: str
    title: str
    lines: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    plots: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    seconds: float = 0.0


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table in Markdown, with an empty line after it."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows), ""]


def short(number: float) -> str:
    """With as many digits as matter."""
    if number == 0:
        return "0"
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}" if abs(number) >= 0.1 else f"{number:.3f}"


def _cell(value: object) -> str:
    return short(value) if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)

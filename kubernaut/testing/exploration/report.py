"""What an exploration came to: failures with their stories, coverage, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kubernaut.testing.exploration.calls import CallRecord
from kubernaut.testing.exploration.coverage import Coverage
from kubernaut.testing.exploration.schedule import Schedule
from kubernaut.testing.exploration.trace import Entry
from kubernaut.testing.exploration.verdicts import Violation

__all__ = ["Coverage", "ExplorationFailed", "Failure", "Report"]

SHOWN = 60


class ExplorationFailed(AssertionError):
    """An exploration found a run in which something did not hold; the text is the whole story."""


@dataclass(frozen=True)
class Failure:
    """One failing run, shrunk. `seed` gives the run that was found, `schedule` the shortest that fails alike."""

    scenario: str
    seed: int | None
    """None for a replayed schedule."""
    found: Schedule
    schedule: Schedule
    violation: Violation
    timeline: Sequence[Entry]

    def story(self) -> str:
        """All that a person needs to see."""
        found = f"seed {self.seed}: {self.found}" if self.seed is not None else f"schedule: {self.found}"
        lines = [f"scenario {self.scenario!r}: {self.violation}", "", found]
        if self.schedule != self.found:
            lines.append(f"shrunk to: {self.schedule}")
        lines += ["", "timeline (virtual seconds):", *_timeline(self.timeline)]
        if self.violation.details:
            title = "what was written:" if self.violation.invariant == "idempotence" else "end states:"
            lines += ["", title, *(f"  {line}" for line in self.violation.details.splitlines())]
        if self.seed is not None:
            again = f"replay(scenario, {self.seed}), or kubernaut explore MODULE:SCENARIO --replay {self.seed}"
            lines += ["", f"again: {again}"]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """As JSON; `--replay` takes a file of it."""
        return {
            "scenario": self.scenario,
            "seed": self.seed,
            "invariant": self.violation.invariant,
            "message": self.violation.message,
            "diff": self.violation.details,
            "found": self.found.to_dict(),
            "schedule": self.schedule.to_dict(),
            "timeline": [{"at": e.at, "actor": e.actor, "text": e.text, "mark": e.mark} for e in self.timeline],
        }


@dataclass
class Report:
    """What `explore` returns. `runs`: how many were made, `systematic`: how many numbers are single faults."""

    scenario: str
    runs: int = 0
    systematic: int = 0
    elapsed: timedelta = timedelta()
    failures: list[Failure] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def failed(self) -> bool:
        """Whether something was found."""
        return bool(self.failures)

    @property
    def rate(self) -> float:
        """Runs a second."""
        return self.runs / max(self.elapsed.total_seconds(), 1e-9)

    def check(self) -> None:
        """Raise ExplorationFailed with the story of each failure; does nothing where nothing was found."""
        if self.failures:
            raise ExplorationFailed("\n\n".join(["", *(failure.story() for failure in self.failures)]))

    def summary(self) -> str:
        """A few lines of figures."""
        found = f"{len(self.failures)} failure(s)" if self.failures else "nothing found"
        seconds = self.elapsed.total_seconds()
        lines = [f"{self.scenario}: {found} in {self.runs} runs, {seconds:.1f} s ({self.rate:.0f} runs/s)"]
        lines.append("faults: " + (", ".join(f"{n} {c}" for n, c in sorted(self.coverage.faults.items())) or "none"))
        crashed = len(self.coverage.calls) - len(self.coverage.never_crashed)
        lines.append(f"crashed at {crashed} of {len(self.coverage.calls)} kinds of calls")
        if self.coverage.never_crashed:
            lines.append("never crashed at: " + ", ".join(self.coverage.never_crashed))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "scenario": self.scenario,
            "runs": self.runs,
            "systematic": self.systematic,
            "seconds": round(self.elapsed.total_seconds(), 3),
            "runs_per_second": round(self.rate, 1),
            "failures": [failure.to_dict() for failure in self.failures],
            "coverage": {
                "calls": dict(self.coverage.calls),
                "crashed": dict(sorted(self.coverage.crashed.items())),
                "never_crashed": self.coverage.never_crashed,
                "faults": dict(sorted(self.coverage.faults.items())),
            },
        }


def calls_by_kind(calls: Sequence[CallRecord]) -> dict[str, int]:
    """How many calls of each signature there are, in the order in which they came first."""
    found: dict[str, int] = {}
    for call in calls:
        found[call.what] = found.get(call.what, 0) + 1
    return found


def _timeline(entries: Sequence[Entry]) -> list[str]:
    """The entries, marked; of a long run what surrounds faults and violations."""
    important = [number for number, entry in enumerate(entries) if entry.mark in ("fault", "violation")]
    near = {n: None for center in important for n in range(center - SHOWN // 2, center + SHOWN // 2)}
    lines: list[str] = []
    skipped = 0
    for number, entry in enumerate(entries):
        if len(entries) > SHOWN and number not in near:
            skipped += 1
            continue
        if skipped:
            lines.append(f"              ... {skipped} more")
            skipped = 0
        sign = {"fault": ">>", "violation": "!!"}.get(entry.mark, "  ")
        lines.append(f"{sign}{entry}")
    if skipped:
        lines.append(f"              ... {skipped} more")
    return lines

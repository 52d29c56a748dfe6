"""A remediation as a tree of data: what is drawn for people, and printed as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kubernaut.resources import format_time

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Passed:
    """A phase that was entered, and how long it lasted; None where the object is still in it, or it is the last."""

    phase: str
    time: datetime | None
    duration: timedelta | None
    reason: str = ""
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "phase": self.phase,
            "time": _time(self.time),
            "duration": _seconds(self.duration),
            "reason": self.reason,
            "message": self.message,
        }


@dataclass(slots=True)
class Branch:
    """One object and what belongs to it.

    `reason` and `message`: why it is where it is. `details`: the few things about this kind that a person looks for,
    by a name. `gone`: others tell of it, and it is not there any more. `ended`: None while it goes on.
    """

    kind: str
    namespace: str
    name: str
    phase: str = ""
    reason: str = ""
    message: str = ""
    began: datetime | None = None
    ended: datetime | None = None
    lasted: timedelta | None = None
    """From its beginning to its end, or until now."""
    passed: list[Passed] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    gone: bool = False
    children: list[Branch] = field(default_factory=list)

    def all(self) -> Iterator[Branch]:
        """This one and everything below, parents first."""
        yield self
        for child in self.children:
            yield from child.all()

    def as_json(self) -> dict[str, Any]:
        """JSON-ready; durations in seconds."""
        return {
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "phase": self.phase,
            "reason": self.reason,
            "message": self.message,
            "startTime": _time(self.began),
            "completionTime": _time(self.ended),
            "duration": _seconds(self.lasted),
            "gone": self.gone,
            "phases": [each.as_json() for each in self.passed],
            "details": self.details,
            "children": [child.as_json() for child in self.children],
        }


def shown_span(span: timedelta) -> str:
    """A span for people, of two units at most: `0s`, `41s`, `3m 5s`, `2h 10m`, `4d 3h`."""
    seconds = max(0, round(span / SECOND))
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0s"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span / SECOND

"""What happened in one run, in order: calls, faults, and what people and pods did."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

__all__ = ["Entry", "Trace"]

Mark = Literal["", "fault", "violation", "note"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `at`: virtual seconds since the start of the run."""

    at: float
    actor: str
    text: str
    mark: Mark = ""

    def __str__(self) -> str:
        return f"{self.at:10.3f}  {self.actor:14} {self.text}"


class Trace:
    """The record of one run. `requests` has a line for each request that was answered, whoever made it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.closed = False

    def add(self, actor: str, text: str, mark: Mark = "") -> None:
        """Note something that happens now."""
        if not self.closed:
            self.entries.append(Entry(asyncio.get_running_loop().time(), actor, text, mark))

    def log(self) -> str:
        """All of it as text: the same schedule gives the same bytes."""
        return "\n".join(str(entry) for entry in self.entries)

"""Shows a demo to a program: one JSON object a line. To a person: see `kubernaut.cli.demo.terminal`."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Protocol

from kubernaut.cli.demo.entries import Entry, Outcome


class Screen(Protocol):
    """Where a demo is shown."""

    def note(self, text: str) -> None: ...
    def heading(self, name: str, about: str) -> None: ...
    def begin(self, start: datetime) -> None: ...
    def entry(self, entry: Entry) -> None: ...
    def end(self, outcome: Outcome) -> None: ...


class JsonScreen:
    """One JSON object a line on standard output, and nothing else there; notes go to standard error."""

    def note(self, text: str) -> None:
        print(text, file=sys.stderr)

    def heading(self, name: str, about: str) -> None:
        """A program needs none."""

    def begin(self, start: datetime) -> None:
        """Every entry has its own time."""

    def entry(self, entry: Entry) -> None:
        print(json.dumps(entry.as_json()), flush=True)

    def end(self, outcome: Outcome) -> None:
        print(json.dumps(outcome.as_json()), flush=True)

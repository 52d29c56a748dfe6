"""Shows a demo to a person (a live timeline, then a diff) or to a program (one JSON object a line)."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape

from kubernaut.cli.demo.changes import FieldChange, ObjectChange
from kubernaut.cli.demo.entries import FAILED, SUCCEEDED, Entry, ExecutionStory, Outcome

STATUS_FIELDS_SHOWN = 4
VALUE_LENGTH = 60


class Screen(Protocol):
    """Where a demo is shown."""

    def note(self, text: str) -> None: ...
    def begin(self, start: datetime) -> None: ...
    def entry(self, entry: Entry) -> None: ...
    def end(self, outcome: Outcome) -> None: ...


class JsonScreen:
    """One JSON object a line on standard output, and nothing else there; notes go to standard error."""

    def note(self, text: str) -> None:
        print(text, file=sys.stderr)

    def begin(self, start: datetime) -> None:
        """A program needs no heading."""

    def entry(self, entry: Entry) -> None:
        print(json.dumps(entry.as_json()), flush=True)

    def end(self, outcome: Outcome) -> None:
        print(json.dumps(outcome.as_json()), flush=True)


class TerminalScreen:
    """Coloured lines, each with the seconds since the first execution was given."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._start: datetime | None = None

    def note(self, text: str) -> None:
        self._console.print(f"[dim]{escape(text)}[/dim]")

    def begin(self, start: datetime) -> None:
        self._start = start

    def entry(self, entry: Entry) -> None:
        seconds = (entry.time - self._start).total_seconds() if self._start else 0.0
        who = f"{entry.namespace}/{entry.name}" if entry.namespace else entry.name
        mark, style = _look(entry)
        detail = " ".join(part for part in (entry.reason, entry.message) if part and part != entry.phase)
        word = entry.phase if entry.aspect in ("phase", "job") else entry.aspect
        text = f"[dim]{seconds:7.2f}s[/dim] [{style}]{mark} {word:<14}[/{style}]"
        text += f" [bold]{escape(entry.kind)}[/bold] {escape(who)}"
        self._console.print(f"{text}  [dim]{escape(detail)}[/dim]" if detail else text)

    def end(self, outcome: Outcome) -> None:
        self._console.print()
        self._changed(outcome.changed)
        for story in outcome.executions:
            self._verdict(story)

    def _changed(self, changed: Sequence[ObjectChange]) -> None:
        self._console.print("[bold]What changed in the cluster[/bold]")
        if not changed:
            self._console.print("  nothing")
        for change in changed:
            mark, style = {"created": ("+", "green"), "deleted": ("-", "red"), "modified": ("~", "yellow")}[
                change.change
            ]
            who = f"{change.namespace}/{change.name}" if change.namespace else change.name
            self._console.print(f"  [{style}]{mark} {change.kind} {escape(who)}[/{style}]")
            for line in _field_lines(change.fields):
                self._console.print(f"      {line}")
        self._console.print()

    def _verdict(self, story: ExecutionStory) -> None:
        good = story.outcome in SUCCEEDED
        style, mark = ("green", "✔") if good else ("red", "✘")
        told = f"{story.action} on {story.target}: {story.outcome}"
        self._console.print(f"[{style}]{mark} {escape(story.namespace)}/{escape(story.name)}[/{style}]  {escape(told)}")
        if not good:
            why = ": ".join(part for part in (story.reason, story.message) if part) or "it did not come to an end"
            self._console.print(f"  [red]{escape(story.source)}: {escape(why)}[/red]")


def _look(entry: Entry) -> tuple[str, str]:
    if entry.aspect in ("phase", "job"):
        if entry.phase in (*SUCCEEDED, "Complete"):
            return "✔", "green"
        if entry.phase in (FAILED, "Failed"):
            return "✘", "red"
    return {"phase": ("●", "cyan"), "job": ("▶", "magenta"), "condition": ("·", "blue"), "event": ("·", "dim")}[
        entry.aspect
    ]


def _field_lines(fields: Sequence[FieldChange]) -> list[str]:
    """What a person asked for first (spec, metadata, data), then a few fields of the status and a count of the rest."""
    asked = [f for f in fields if not f.path.startswith("status")]
    status = [f for f in fields if f.path.startswith("status")]
    lines = [_field_line(f) for f in (*asked, *status[:STATUS_FIELDS_SHOWN])]
    left = len(status) - STATUS_FIELDS_SHOWN
    return [*lines, f"[dim]... and {left} more fields of the status[/dim]"] if left > 0 else lines


def _field_line(field: FieldChange) -> str:
    before, after = _short(field.before), _short(field.after)
    if field.before is None and field.after is None:
        return f"[yellow]{escape(field.path)}[/yellow]"
    return f"{escape(field.path)}: [red]{escape(before)}[/red] -> [green]{escape(after)}[/green]"


def _short(value: Any) -> str:
    text = "(none)" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= VALUE_LENGTH else f"{text[: VALUE_LENGTH - 1]}…"

"""Shows a demo to a person: a live timeline, then the tree of what was done, and what changed."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.text import Text

from kubernaut.cli.consoles import Console
from kubernaut.cli.demo.changes import ObjectChange
from kubernaut.cli.demo.entries import Entry, Outcome, Story
from kubernaut.cli.demo.lines import field_lines, hanging
from kubernaut.cli.demo.pacing import Pace
from kubernaut.cli.demo.workloads import HEALTHY, OUT_OF_SERVICE, UNHEALTHY
from kubernaut.cli.tree.drawing import drawn, mark_of
from kubernaut.remediation.approval.summary import escaped

OBJECTS_SHOWN = 12
LONG = 24
"""Characters beyond which a name is shown in full only once."""
WIDE = 10_000
"""Columns where nothing is wrapped: outside of a terminal."""

INDENTS = {
    "RemediationProcessing": 1,
    "AIAnalysis": 1,
    "WorkflowExecution": 1,
    "KubernetesExecution": 2,
    "ApprovalRequest": 3,
    "Job": 3,
}
LOOKS = {
    "person": ("❯", "bold magenta"),
    "alert": ("▲", "bold yellow"),
    "condition": ("·", "blue"),
    "event": ("·", "dim"),
}
HEALTH_LOOKS = {HEALTHY: ("♥", "green"), UNHEALTHY: ("✖", "red"), OUT_OF_SERVICE: ("◌", "yellow")}
PAUSES = {"story": 0.9, "alert": 0.5, "person": 0.6, "approval": 0.6, "health": 0.4, "job": 0.3, "phase": 0.18}
CHANGES = {"created": ("+", "green"), "deleted": ("-", "red"), "modified": ("~", "yellow")}
DERIVED = ("ReplicaSet", "Pod")
"""Kinds that follow from others; where much has changed they are counted."""
BLOCKED = "Blocked=True"
"""The phase tells it, and for what; not that it is for something else later."""
TELLING = ("TargetBusy=True", "RolledBack=True", "ChildNameTaken=True")
"""Conditions that no phase tells."""


class TerminalScreen:
    """Coloured lines, each with the virtual time since the beginning, indented by kind.

    `pace`: pauses to read; None where nobody reads along. `verbose`: every condition and Event as well.
    """

    def __init__(self, console: RichConsole | None = None, *, pace: Pace | None = None, verbose: bool = False) -> None:
        given = console or Console(highlight=False)
        self._console = given if given.is_terminal else Console(highlight=False, width=WIDE, file=given.file)
        self._pace, self._verbose = pace, verbose
        self._start: datetime | None = None
        self._reasons: set[tuple[str, str, str]] = set()
        self._aliases: dict[str, str] = {}

    def note(self, text: str) -> None:
        self._console.print(Text(escaped(text), "dim"))

    def heading(self, name: str, about: str) -> None:
        self._console.print(f"[bold]{escape(name)}[/bold]: {escape(about)}\n")

    def begin(self, start: datetime) -> None:
        self._start = start

    def entry(self, entry: Entry) -> None:
        if not (self._verbose or self._matters(entry)):
            return
        if self._pace is not None:
            self._pace.pause(PAUSES.get(entry.aspect, 0.1))
        if entry.aspect == "story":
            self._console.print(Text(f"\n{escaped(entry.message)}", "bold italic"))
            return
        self._console.print(self._line(entry))

    def end(self, outcome: Outcome) -> None:
        for tree in outcome.trees:
            self._pause(0.6)
            self._console.print()
            self._console.print(drawn(tree))
        self._pause(0.6)
        self._changed(outcome.changed)
        for story in outcome.subjects:
            self._verdict(story)
        for problem in outcome.wrong or ():
            self._console.print(Text(f"✘ not as told: {escaped(problem)}", "red"))

    def _matters(self, entry: Entry) -> bool:
        """Whether a line tells what no other does."""
        about = (entry.kind, entry.name, entry.reason)
        if entry.aspect == "phase":
            self._reasons.add(about)
        if entry.aspect == "condition":
            condition, _, reason = entry.reason.partition(", ")
            again = condition == BLOCKED and (entry.kind, entry.name, reason) not in self._reasons
            return condition in TELLING or again
        if entry.aspect == "event":
            return entry.phase == "Warning" and about not in self._reasons
        return not (entry.aspect == "job" and entry.phase == "Running")

    def _line(self, entry: Entry) -> Text:
        seconds = (entry.time - self._start).total_seconds() if self._start else 0.0
        minutes, rest = divmod(seconds, 60)
        indent = "  " * INDENTS.get(entry.kind, 0)
        mark, style = _look(entry)
        text = Text.assemble((f"{int(minutes):3d}:{rest:04.1f} ", "dim"), indent, (f"{mark} ", style))
        below = text.cell_len
        if entry.aspect == "person":
            text.append(f"{escaped(entry.name)}:", style)
        else:
            word = _word(entry)
            text.append(f"{entry.kind} ", "bold").append(f"{escaped(self._who(entry))} ").append(escaped(word), style)
        reason = entry.reason.removeprefix(f"{BLOCKED}, ")
        detail = ": ".join(part for part in (reason, entry.message) if part and part != entry.phase)
        return self._with_detail(text, escaped(detail), below, plain=entry.aspect == "person")

    def _who(self, entry: Entry) -> str:
        """Whom a line is about: in full at first, and then by the end of the name of the request that it belongs to."""
        full = f"{entry.namespace}/{entry.name}" if entry.namespace else entry.name
        for name, alias in self._aliases.items():
            if entry.name == name or entry.name.startswith(f"{name}-"):
                return f"{alias}{entry.name[len(name) :]}"
        if entry.kind in ("RemediationRequest", "WorkflowExecution", "KubernetesExecution") and len(entry.name) > LONG:
            self._aliases[entry.name] = f"…{entry.name[-4:]}"
        return full

    def _with_detail(self, text: Text, detail: str, indent: int, *, plain: bool) -> Text:
        """What there is to say: behind, or below where a terminal is too narrow for both."""
        style = "" if plain else "dim"
        if not detail:
            return hanging(text, self._console, indent)
        if text.cell_len + len(detail) + 2 <= self._console.width:
            return text.append(f" {detail}" if plain else f"  {detail}", style)
        text = hanging(text, self._console, indent)
        for part in textwrap.wrap(detail, max(20, self._console.width - indent - 1), break_on_hyphens=False):
            text.append(f"\n{' ' * indent}{part}", style)
        return text

    def _pause(self, seconds: float) -> None:
        if self._pace is not None:
            self._pace.pause(seconds)

    def _changed(self, changed: Sequence[ObjectChange]) -> None:
        changed = [change for change in changed if not _follows(change)]
        self._console.print("\n[bold]What changed in the cluster[/bold]")
        if not changed:
            self._console.print("  nothing")
        told = [change for change in changed if change.kind not in DERIVED or len(changed) < OBJECTS_SHOWN // 2]
        for change in told[:OBJECTS_SHOWN]:
            mark, style = CHANGES[change.change]
            who = f"{change.namespace}/{change.name}" if change.namespace else change.name
            self._console.print(hanging(Text(f"  {mark} {change.kind} {escaped(who)}", style), self._console, 4))
            for line in field_lines(change.fields, self._console.width - 6):
                self._console.print(hanging(Text("      ").append_text(line), self._console, 10))
        if len(told) > OBJECTS_SHOWN:
            self._console.print(f"  [dim]... and {len(told) - OBJECTS_SHOWN} more objects[/dim]")
        if left := _counted([change for change in changed if change not in told]):
            self._console.print(f"  [dim]and with it: {left}[/dim]")
        self._console.print()

    def _verdict(self, story: Story) -> None:
        mark, style = mark_of(story.outcome)
        line = Text.assemble((f"{mark} {story.namespace}/{story.name}", style), f"  {story.what}: {story.outcome}")
        self._console.print(hanging(line, self._console, 2))
        if not story.succeeded:
            why = ": ".join(part for part in (story.reason, story.message) if part) or "it did not come to an end"
            told = Text(f"  {escaped(story.source)}: {escaped(why)}", style)
            self._console.print(hanging(told, self._console, 2))


def _word(entry: Entry) -> str:
    """What follows a name: the phase, or what else the line is."""
    if entry.aspect == "condition" and entry.reason.startswith(BLOCKED):
        return "still blocked"
    return entry.aspect if entry.aspect in ("condition", "event") else entry.phase


def _look(entry: Entry) -> tuple[str, str]:
    if entry.aspect in LOOKS:
        return LOOKS[entry.aspect]
    if entry.aspect == "health":
        return HEALTH_LOOKS[entry.phase]
    if entry.aspect == "job":
        return {"Complete": ("✔", "green"), "Failed": ("✘", "red")}.get(entry.phase, ("▶", "magenta"))
    return mark_of(entry.phase)


def _follows(change: ObjectChange) -> bool:
    """Whether an object of a derived kind only says how it is now."""
    states = all(field.path.startswith("status") for field in change.fields)
    return change.kind in DERIVED and change.change == "modified" and states


def _counted(changed: Sequence[ObjectChange]) -> str:
    """`2 Pods created, 2 Pods deleted`."""
    counts = Counter((change.kind, change.change) for change in changed)
    return ", ".join(f"{count} {kind}{'s' if count != 1 else ''} {what}" for (kind, what), count in counts.items())

"""Lines of a demo as wide as a terminal: what does not fit goes on below, indented, and what matters is never cut."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from kubernaut.cli.demo.changes import FieldChange
from kubernaut.remediation.approval.summary import escaped

STATUS_FIELDS_SHOWN = 4
VALUE_LENGTH = 60
TOLD_ELSEWHERE = (".message", ".reason")
BOOKKEPT = "metadata.annotations.deployment.kubernetes.io/"
NARROWEST = 20
"""Columns that are used at least, however narrow the terminal."""


def hanging(text: Text, console: Console, indent: int) -> Text:
    """A line that goes on below at `indent` where it is too long."""
    if text.cell_len <= console.width:
        return text
    first, *_ = text.wrap(console, console.width)
    rest = text[len(first.plain) :]
    rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
    below = rest.wrap(console, max(NARROWEST, console.width - indent))
    return Text(f"\n{' ' * indent}").join([first, *below])


def field_lines(fields: Sequence[FieldChange], width: int) -> Iterator[Text]:
    """What a person asked for first (spec, metadata, data), then a few fields of the status and a count of the rest."""
    status = [f for f in fields if f.path.startswith("status") and not f.path.endswith(TOLD_ELSEWHERE)]
    asked = [f for f in fields if not f.path.startswith(("status", BOOKKEPT))]
    for each in (*asked, *status[:STATUS_FIELDS_SHOWN]):
        yield from _field(each, width)
    if len(status) > STATUS_FIELDS_SHOWN:
        yield Text(f"... and {len(status) - STATUS_FIELDS_SHOWN} more fields of the status", "dim")


def _field(field: FieldChange, width: int) -> Iterator[Text]:
    """On one line or, where that is too narrow, what was and what is on lines of their own."""
    if field.before is None and field.after is None:
        yield Text(escaped(field.path), "yellow")
        return
    path = Text(f"{escaped(field.path)}:")
    before, after = Text(_short(field.before), "red"), Text(_short(field.after), "green")
    line = Text.assemble(path, " ", before, " -> ", after)
    yield from [line] if line.cell_len <= width else [path, Text("     ") + before, Text("  -> ") + after]


def _short(value: Any) -> str:
    text = "(none)" if value is None else escaped(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= VALUE_LENGTH else f"{text[: VALUE_LENGTH - 1]}…"

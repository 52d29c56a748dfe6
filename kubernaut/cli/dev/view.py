"""Shows a run: plain lines for a file or a pipe; in a terminal also a table of the objects, kept below the lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kubernaut.cli.dev.entries import Aspect, Board, Entry

_LOOKS: dict[Aspect, tuple[str, str]] = {
    "reconcile": ("✔", "green"),
    "failure": ("✘", "red"),
    "write": ("→", "cyan"),
    "refused": ("→", "red"),
    "condition": ("●", "blue"),
    "event": ("!", "magenta"),
    "gone": ("-", "yellow"),
    "log": ("·", "dim"),
    "note": ("·", "bold"),
    "error": ("✘", "bold red"),
}
ROWS_SHOWN = 20


class Screen(Protocol):
    """Where a run is shown."""

    def show(self, entry: Entry) -> None: ...


class PlainScreen:
    """One line per entry on standard output; lines of a detail are indented."""

    def show(self, entry: Entry) -> None:
        head = f"{entry.time.astimezone():%H:%M:%S} {entry.aspect:<9} "
        print(head + " ".join(part for part in (entry.who, entry.text) if part))
        for line in entry.detail.splitlines():
            print(f"{'':19}{line}")
        sys.stdout.flush()


class TerminalScreen:
    """Coloured lines that scroll, above a table of the objects."""

    def __init__(self, live: Live, board: Board) -> None:
        self._live = live
        self._board = board

    def show(self, entry: Entry) -> None:
        mark, style = _LOOKS[entry.aspect]
        line = f"[dim]{entry.time.astimezone():%H:%M:%S}[/dim] [{style}]{mark}[/{style}] "
        line += f"[bold]{escape(entry.who)}[/bold] " if entry.who else ""
        self._live.console.print(line + escape(entry.text), soft_wrap=True)
        for detail in entry.detail.splitlines():
            self._live.console.print(f"           [red]{escape(detail)}[/red]", soft_wrap=True)
        self._live.update(board_table(self._board))


@contextmanager
def screen_for(board: Board) -> Iterator[Screen]:
    """The screen that fits standard output."""
    console = Console(highlight=False)
    if not console.is_terminal:
        yield PlainScreen()
        return
    with Live(board_table(board), console=console, refresh_per_second=8) as live:
        yield TerminalScreen(live, board)


def board_table(board: Board) -> Group:
    """The objects and how they are, those that fail first."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("object", "conditions", "reconciles", "last"):
        table.add_column(column, justify="right" if column == "reconciles" else "left", overflow="fold")
    rows = sorted(board.rows.items(), key=lambda item: (not item[1].failed, item[0]))
    for about, row in rows[:ROWS_SHOWN]:
        last = Text(row.last, style="red" if row.failed else "green")
        table.add_row(Text(about, style="bold"), Text(row.conditions), str(row.reconciles), last)
    more = [Text(f"... and {len(rows) - ROWS_SHOWN} more", style="dim")] if len(rows) > ROWS_SHOWN else []
    footer = Text(f"{board.reconciles} reconciles, {board.writes} writes; Ctrl-C ends", style="dim")
    return Group(Text(), table, *more, footer)

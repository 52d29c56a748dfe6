"""The console that commands print on, which leaves it to them what a reader that goes away means."""

from __future__ import annotations

from rich.console import Console as RichConsole


class Console(RichConsole):
    """Rich's own, but that a closed pipe is an error like others: within a task group an exit would be none."""

    def on_broken_pipe(self) -> None:
        """Called while a BrokenPipeError is handled."""
        raise  # noqa: PLE0704

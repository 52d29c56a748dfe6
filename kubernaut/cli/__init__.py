"""The command line's entry point: starts it, or names the extra that is not installed."""

from __future__ import annotations

import importlib.util
import sys

from kubernaut.distribution import DISTRIBUTION, install_hint

__all__ = ["DISTRIBUTION", "NEEDED", "main"]

NEEDED = ("typer", "rich", "yaml", "jsonpatch", "regopy", "cel_expr_python")


def main() -> None:
    """Run the command line and exit; 2 when the `cli` extra is not installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"kubernaut: the command line needs the extra 'cli' (missing: {', '.join(missing)}).\n"
            f"Install it with: {install_hint('cli')}",
            file=sys.stderr,
        )
        raise SystemExit(2)
    from kubernaut.cli.app import app  # only after the check: typer may be absent

    app()

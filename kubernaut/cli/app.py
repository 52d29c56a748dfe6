"""The `kubernaut` command and its sub-commands; each lives in a folder of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from kubernaut import __version__
from kubernaut.cli.lazy import Homes, lazy_group

COMMANDS: Homes = {
    "demo": ("kubernaut.cli.demo.command", "demo"),
    "run": ("kubernaut.cli.run.command", "register"),
    "gateway": ("kubernaut.cli.gateway.command", "register"),
    "manifests": ("kubernaut.cli.install.command", "manifests"),
    "crds": ("kubernaut.cli.install.command", "crds"),
    "approve": ("kubernaut.cli.approve.command", "approve"),
    "reject": ("kubernaut.cli.approve.command", "reject"),
    "tree": ("kubernaut.cli.tree.command", "tree"),
    "rollback": ("kubernaut.cli.rollback.command", "rollback"),
    "actions": ("kubernaut.cli.actions.command", "actions"),
    "analyze": ("kubernaut.cli.analyze.command", "analyze"),
    "policy": ("kubernaut.cli.policy.command", "policy"),
    "audit": ("kubernaut.cli.audit.command", "audit"),
    "new": ("kubernaut.cli.new.command", "new"),
    "dev": ("kubernaut.cli.dev.command", "dev"),
    "explore": ("kubernaut.cli.explore.command", "explore_scenarios"),
    "models": ("kubernaut.cli.models", "models"),
    "fake": ("kubernaut.cli.fakeserver.command", "fake"),
}

app = typer.Typer(
    name="kubernaut",
    cls=lazy_group(COMMANDS),
    help="A Kubernetes controller runtime for Python, and the controllers that heal a cluster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kubernaut {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A Kubernetes controller runtime for Python, and the controllers that heal a cluster."""

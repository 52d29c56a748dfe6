"""The `kubernaut` command and its sub-commands; each lives in a folder of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from kubernaut import __version__
from kubernaut.cli.audit.command import audit
from kubernaut.cli.demo.command import demo
from kubernaut.cli.dev.command import dev
from kubernaut.cli.fakeserver.command import fake
from kubernaut.cli.models import models
from kubernaut.cli.new.command import new

app = typer.Typer(
    name="kubernaut",
    help="A Kubernetes controller runtime for Python, and the controllers that heal a cluster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(demo)
app.command()(new)
app.command()(dev)
app.command()(models)
app.add_typer(fake, name="fake")
app.add_typer(audit, name="audit")


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

"""The `new` command: its options, and what it tells the user to do next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kubernaut.cli.new.names import DEFAULT_GROUP, BadName, Names
from kubernaut.cli.new.project import NotWritten, render, write

REFUSED = 2

Name = Annotated[str, typer.Argument(metavar="NAME", help="The project's name, such as 'website-operator'.")]
Group = Annotated[
    str | None, typer.Option(help=f"The API group: a domain name of yours ('{DEFAULT_GROUP}' by default).")
]
Kind = Annotated[str | None, typer.Option(help="The kind that it reconciles; made from NAME by default.")]
Dir = Annotated[Path | None, typer.Option("--dir", help="Where to write it; ./NAME by default.")]


def new(name: Name, group: Group = None, kind: Kind = None, folder: Dir = None) -> None:
    """Start an operator's project: types, a reconciler, a test in virtual time, and what it takes to ship it.

    Exit codes: 0 written, 2 a name or folder that cannot be used (nothing is written then).
    """
    try:
        names = Names.of(name, group=group, kind=kind)
        target = folder if folder is not None else Path(names.project)
        write(render(names), target)
    except (BadName, NotWritten) as error:
        typer.echo(f"kubernaut: {error}", err=True)
        raise typer.Exit(REFUSED) from None
    typer.echo(_next_steps(names, target))


def _next_steps(names: Names, folder: Path) -> str:
    shown = f"'{folder}'" if " " in str(folder) else str(folder)
    lines = [
        f"{folder}: an operator for {names.kind} ({names.group}/v1alpha1)",
        "",
        f"  cd {shown}",
        "  make test     # its tests: no cluster, no waiting",
        "  make dev      # run it on an in-memory cluster; it reloads when you change a file",
        "",
        f"Then describe your kind in {names.package}/types.py and what it means in {names.package}/reconciler.py.",
    ]
    return "\n".join(lines)

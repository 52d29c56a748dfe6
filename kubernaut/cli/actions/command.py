"""The `actions` command: its options, its texts and exit codes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kubernaut.actions import ActionInfo

UNKNOWN = 2
"""Exit code for an action that is not there, or a catalog that cannot be loaded."""

Name = Annotated[str | None, typer.Argument(metavar="NAME", help="Show this action in full; all in short if left out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON: one object, or a list of them.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the reference that the documentation holds.")]


def actions(name: Name = None, as_json: Json = False, markdown: Markdown = False) -> None:
    """List the actions that kubernaut knows, or show one: its parameters, its rights, and the command it runs.

    Actions of other packages, registered under the entry point kubernaut.actions, are among them.

    Exit codes: 0 shown, 2 there is no such action, or a package's actions cannot be loaded.
    """
    from kubernaut.actions import Catalog, UnknownAction, describe, reference

    try:
        catalog = Catalog.installed()
        chosen = list(catalog) if name is None else [catalog.get(name)]
    except (UnknownAction, TypeError, ValueError, ImportError) as error:
        typer.echo(f"kubernaut: {error}", err=True)
        raise typer.Exit(UNKNOWN) from None
    if markdown:
        typer.echo(reference(chosen), nl=False)
        return
    infos = [describe(action) for action in chosen]
    if as_json:
        documents = [info.to_dict() for info in infos]
        typer.echo(json.dumps(documents if name is None else documents[0], indent=2))
    elif name is None:
        rows = [(info.name, info.risk, info.undone_by or "-", info.title) for info in infos]
        _table([("NAME", "RISK", "UNDONE BY", "WHAT IT DOES"), *rows])
    else:
        _show(infos[0])


def _show(info: ActionInfo) -> None:
    from kubernaut.actions import rule_text

    typer.echo(f"{info.name}: {info.title}\n\n{info.about}\n")
    facts = [
        ("Risk", info.risk),
        ("Targets", ", ".join(info.targets)),
        ("Undone by", info.undone_by or "nothing"),
        ("Timeout", info.default_timeout),
        ("Repeated", "yes, it is idempotent" if info.idempotent else "no"),
        ("Account", info.service_account),
        ("Image", info.image),
    ]
    _table(facts)
    typer.echo("\nParameters:" if info.parameters else "\nNo parameters.")
    rows = [
        (f"  {each.name}", each.type, "required" if each.required else _default(each.default), each.description)
        for each in info.parameters
    ]
    _table(rows)
    typer.echo("\nRights:")
    _table([(f"  {rule_text(rule)}",) for rule in info.rules])
    if info.command:
        typer.echo(f"\nFor example:\n  {shlex.join(info.command)}")
    for file in info.files:
        typer.echo(f"  with the file {file}, brought by a Secret")


def _default(default: object) -> str:
    if default is None:
        return "optional"
    return f"default {str(default).lower() if isinstance(default, bool) else default}"


def _table(rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())

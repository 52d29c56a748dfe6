"""The `run` command: its options are made of the settings, and it starts only what it has found to be right."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer

from kubernaut.cli.run.settings import Described, described
from kubernaut.cli.run.show import as_yaml, exit_codes, plain
from kubernaut.cli.run.sources import CONFIG, Misconfigured, Problem, read
from kubernaut.reconcile.process import ExitCode

Config = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="YAML, JSON or TOML with settings, by their names without `--`."),
]
PrintConfig = Annotated[
    bool, typer.Option("--print-config", help="Print what is in effect, and where it came from, as YAML; then end.")
]
Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Check it all, with policy, kubeconfig and controllers; connect nowhere, start nothing; then end.",
    ),
]

HELP = """Run controllers on a cluster, as a process.

Those of this package by default, or your own: MODULE:ATTR is a Controller, a list of them, or a function that returns
these (or, given a client, a Manager).

Each setting may be given as an option, as a variable of the environment (KUBERNAUT_LEASE_NAME for --lease-name) or in a
file; the first of these counts. Durations are written as 30s, 1m30s or 500ms.

An API server that cannot be reached, a missing definition or a missing permission end nothing: they are logged, the
process is not ready, and it goes on trying. SIGTERM and Ctrl-C stop it in order; the second one forces.

Exit codes: """


def run(config: str | None, print_config: bool, check: bool, given: dict[str, Any]) -> None:
    """Read, check, and run; ends the process with an `ExitCode`."""
    from kubernaut.cli.run.plan import prepare  # the controllers' modules are for those who run them
    from kubernaut.cli.run.program import run_plan

    try:
        configuration = read({**given, CONFIG: config}, os.environ)
        if print_config:
            typer.echo(as_yaml(configuration), nl=False)
        if print_config and not check:
            raise typer.Exit(ExitCode.STOPPED)
        plan = prepare(configuration)
        if check:
            plan.check_whole()
    except Misconfigured as error:
        tell("run", error.problems)
        raise typer.Exit(ExitCode.MISCONFIGURED) from None
    if check:
        typer.echo("the configuration can be used", err=print_config)
        raise typer.Exit(ExitCode.STOPPED)
    raise typer.Exit(run_plan(plan))


def tell(command: str, problems: Sequence[Problem]) -> None:
    """Say what is wrong with the configuration of a command, all of it."""
    count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
    typer.echo(f"kubernaut {command}: the configuration cannot be used ({count}); nothing was started", err=True)
    for problem in problems:
        typer.echo(f"  {problem}", err=True)


def register(app: typer.Typer) -> None:
    """Add the command `run`, with an option for each setting."""
    add_command(app, "run", HELP, described(), run)


def add_command(
    app: typer.Typer,
    name: str,
    text: str,
    settings: Iterable[Described],
    body: Callable[[str | None, bool, bool, dict[str, Any]], None],
) -> None:
    """Add a command with an option for each setting; `body` is given `--config`, `--print-config`, `--check`, the rest.

    The exit codes are added to its help.
    """

    def command(**options: Any) -> None:
        config, print_config, check = (options.pop(name) for name in (CONFIG, "print_config", "check"))
        body(config, print_config, check, options)

    parameters = [_parameter(known) for known in settings]
    for option, annotation, default in (
        (CONFIG, Config, None),
        ("print_config", PrintConfig, False),
        ("check", Check, False),
    ):
        parameters.append(_keyword(option, annotation, default))
    signature = inspect.Signature(parameters)
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    codes = "; ".join(f"{code} {meaning}" for code, meaning in exit_codes())
    paragraphs = (text + codes + ".").split("\n\n")
    app.command(name, help="\n\n".join(" ".join(lines.split("\n")) for lines in paragraphs))(command)


def _parameter(known: Described) -> inspect.Parameter:
    setting = known.setting
    if setting.positional:
        argument = typer.Argument(metavar=setting.metavar, help=known.help, show_default=False)
        return _keyword(known.field, Annotated[str | None, argument], None)
    names = [f"{known.option}/--no-{known.key}"] if known.flag else [known.option]
    option = typer.Option(
        *names, metavar=setting.metavar or None, help=_help(known), rich_help_panel=setting.section, show_default=False
    )
    kind: Any = bool | None if known.flag else list[str] | None if setting.many else str | None
    return _keyword(known.field, Annotated[kind, option], None)


def _help(known: Described) -> str:
    value = plain(known.default)
    if isinstance(value, list):
        value = ",".join(value)
    shown = "" if known.flag or value is None or value == "" or isinstance(value, dict) else f" Default: {value}."
    return known.help + shown


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

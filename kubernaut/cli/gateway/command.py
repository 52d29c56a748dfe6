"""The `gateway` command: its options are made of its settings."""

from __future__ import annotations

import os
from typing import Any

import typer

from kubernaut.cli.gateway.settings import FORM, read
from kubernaut.cli.gateway.show import as_yaml
from kubernaut.cli.run.command import add_command, tell
from kubernaut.cli.run.sources import CONFIG, Misconfigured
from kubernaut.reconcile.process import ExitCode

HELP = """Turn alerts into RemediationRequests, as a process.

Alertmanager sends its notifications to /alertmanager (a webhook receiver); with --events, Kubernetes Events are taken
too. Any number of replicas may run: each firing makes one request, whoever is told of it how often.

Each setting may be given as an option, as a variable of the environment (KUBERNAUT_GATEWAY_TOKEN_FILE for --token-file)
or in a file; the first of these counts. Durations are written as 30s, 1m30s or 500ms.

An API server that cannot be reached, a missing definition or a missing permission end nothing: the process is not
ready, senders are told to come again, and it goes on trying. SIGTERM and Ctrl-C stop it in order; the second forces.

Exit codes: """


def gateway(config: str | None, print_config: bool, check: bool, given: dict[str, Any]) -> None:
    """Read, check, and run; ends the process with an `ExitCode`."""
    from kubernaut.cli.gateway.plan import prepare  # what serves and connects is for those who run
    from kubernaut.cli.gateway.program import run_plan

    try:
        configuration = read({**given, CONFIG: config}, os.environ)
        if print_config:
            typer.echo(as_yaml(configuration), nl=False)
        if print_config and not check:
            raise typer.Exit(ExitCode.STOPPED)
        plan = prepare(configuration)
    except Misconfigured as error:
        tell("gateway", error.problems)
        raise typer.Exit(ExitCode.MISCONFIGURED) from None
    if check:
        typer.echo("the configuration can be used", err=print_config)
        raise typer.Exit(ExitCode.STOPPED)
    raise typer.Exit(run_plan(plan))


def register(app: typer.Typer) -> None:
    """Add the command `gateway`, with an option for each setting."""
    add_command(app, "gateway", HELP, FORM.settings, gateway)

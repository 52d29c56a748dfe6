"""The commands under `fake`: their options and exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kubernaut.cli.fakeserver.files import read_all
from kubernaut.cli.fakeserver.serving import Served, serve
from kubernaut.cli.manifests import InputError
from kubernaut.fake.kubeconfig import ForeignKubeconfig
from kubernaut.reconcile.groups import leaves
from kubernaut.reconcile.process import ExitCode, run_program
from kubernaut.reconcile.serving import BindError

fake = typer.Typer(help="The in-memory cluster, for kubectl and other clients.", no_args_is_help=True)

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of 127.0.0.1 to serve on; 0: a free one.")]
Kubeconfig = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the kubeconfig there; else into a temporary file.")
]
File = Annotated[
    list[str] | None,
    typer.Option("--file", "-f", metavar="MANIFEST", help="Files or folders to load; repeatable, '-' is stdin."),
]
NoControlplane = Annotated[
    bool, typer.Option("--no-controlplane", help="Only the API server: nothing starts, schedules or collects.")
]
Rbac = Annotated[bool, typer.Option("--rbac", help="Enforce Roles and bindings on all but administrators.")]


@fake.callback()
def _group() -> None:
    """Keeps `serve` a command of its own while it is the only one."""


@fake.command("serve")
def serve_command(
    port: Port = 0,
    kubeconfig: Kubeconfig = None,
    file: File = None,
    no_controlplane: NoControlplane = False,
    rbac: Rbac = False,
) -> None:
    """Serve an in-memory cluster over HTTP until SIGTERM or SIGINT (Ctrl-C).

    Prints the address and the path of a kubeconfig whose user is an administrator (system:masters), who may
    impersonate anybody. Time is real time. All is lost at the end.

    Exit codes: 0 ended by a signal, 1 a defect, 2 manifests or a kubeconfig that cannot be used, 4 the port is taken.
    """
    problems: list[BaseException] = []

    async def program() -> None:
        try:
            manifests = read_all(file or ())
            await serve(Served(port, kubeconfig, manifests, not no_controlplane, rbac), _say)
        except* (InputError, ForeignKubeconfig, BindError, OSError) as group:
            problems.extend(leaves(group))

    code = run_program(program)
    if problems:
        first = problems[0]
        told = first.strerror if isinstance(first, BindError) else str(first)
        typer.echo(f"kubernaut: {told}", err=True)
        code = ExitCode.NOT_BOUND if isinstance(first, BindError) else ExitCode.MISCONFIGURED
    raise typer.Exit(code)


def _say(line: str) -> None:
    print(line, flush=True)

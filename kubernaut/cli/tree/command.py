"""`kubernaut tree NAME`."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from kubernaut.cli.calling import UNUSABLE, Kubeconfig, KubeContext, Namespace, call, fail, tell
from kubernaut.cli.consoles import Console
from kubernaut.cli.tree.drawing import drawn
from kubernaut.cli.tree.growing import grown
from kubernaut.cli.tree.model import Branch
from kubernaut.cli.tree.reading import Read, Root, read
from kubernaut.client import Client
from kubernaut.timing import current_clock

LOOK_SECONDS = 1.0
ENDED = ("completed", "rollback_ready", "failed")

Name = Annotated[str, typer.Argument(help="A RemediationRequest, or workflowexecution/NAME, kubernetesexecution/NAME.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document; with --watch one a line.")]
Brief = Annotated[bool, typer.Option("--brief", help="Phases alone, without the details.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Look again each second, until it has ended.")]
Executor = Annotated[str, typer.Option("--executor-namespace", help="Where the Jobs are.")]


def tree(
    name: Name,
    as_json: Json = False,
    brief: Brief = False,
    watch: Watch = False,
    executor_namespace: Executor = "kubernaut-executor",
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: KubeContext = None,
) -> None:
    """Draw a remediation with everything that belongs to it: phases, reasons, durations, attempts.

    Exit codes: 0 drawn, 1 it is not there or may not be read, 2 input that cannot be used, 4 the cluster cannot be
    reached.
    """
    try:
        root = Root.parse(name)
    except ValueError as error:
        fail(str(error), UNUSABLE)

    async def show(client: Client, where: str) -> int:
        found = await read(client, root, where, executor_namespace)
        if watch:
            await _follow(client, root, where, executor_namespace, found, as_json=as_json, brief=brief)
            return 0
        if as_json:
            typer.echo(json.dumps(_grown(found).as_json(), indent=2))
        else:
            console().print(drawn(_grown(found), brief=brief))
        for note in found.notes:
            tell(note)
        return 0

    raise typer.Exit(call(show, namespace, kubeconfig, context))


def console() -> Console:
    """Where trees are drawn: what does not fit is wrapped in a terminal, and left as it is elsewhere."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=10_000)


async def _follow(
    client: Client, root: Root, namespace: str, executor: str, first: Read, *, as_json: bool, brief: bool
) -> None:
    """Show each state that is new until the root has ended."""
    found, said = first, None
    with nullcontext() if as_json else Live(console=console(), auto_refresh=False) as live:
        while True:
            branch = _grown(found)
            if live is not None:
                live.update(
                    Group(drawn(branch, brief=brief), *(Text(note, "dim") for note in found.notes)), refresh=True
                )
            elif (state := _timeless(branch.as_json())) != said:
                said = state
                typer.echo(json.dumps(branch.as_json()))
            if branch.phase in ENDED:
                return
            await asyncio.sleep(LOOK_SECONDS)
            found = await read(client, root, namespace, executor)


def _grown(found: Read) -> Branch:
    return grown(found.root, found.others, current_clock().now())


def _timeless(value: Any) -> Any:
    """A tree without how long things have lasted, which changes all the time."""
    if isinstance(value, dict):
        return {key: _timeless(each) for key, each in value.items() if key != "duration"}
    return [_timeless(each) for each in value] if isinstance(value, list) else value

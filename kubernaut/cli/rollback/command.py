"""`kubernaut rollback NAME`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from kubernaut.cli.calling import Kubeconfig, KubeContext, Namespace, Refused, call, tell
from kubernaut.client import AlreadyExists, Client, NotFound
from kubernaut.remediation.execution import KubernetesExecution
from kubernaut.remediation.execution.undoing import NothingToUndo, rollback_of

POLL_SECONDS = 0.5
FAILED = 1
LOOKS_UNTAKEN = 20

Name = Annotated[str, typer.Argument(help="The execution to undo.")]
Force = Annotated[bool, typer.Option("--force", help="Also where the target was changed since.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for its end.")]


def rollback(
    name: Name,
    force: Force = False,
    wait: Wait = True,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: KubeContext = None,
) -> None:
    """Undo an execution: create the inverse one, which goes through the same checks.

    Refused when the target was changed since, unless forced.

    Exit codes: 0 done (or created, with --no-wait), 1 refused or failed, 2 input that cannot be used, 4 the cluster
    cannot be reached.
    """

    async def undo(client: Client, where: str) -> int:
        made = await _created(client, name, where, force)
        typer.echo(f"{made.name}: {made.spec.action} {made.spec.target.kind} {made.spec.target.name}")
        return await _followed(client, made) if wait else 0

    raise typer.Exit(call(undo, namespace, kubeconfig, context))


async def _created(client: Client, name: str, namespace: str, force: bool) -> KubernetesExecution:
    try:
        original = await client.get(KubernetesExecution, name, namespace=namespace)
    except NotFound:
        raise Refused(f"namespace {namespace} has no execution {name!r}") from None
    try:
        inverse = rollback_of(original, force=force)
    except NothingToUndo as error:
        raise Refused(str(error)) from None
    try:
        return await client.create(inverse)
    except AlreadyExists:
        raise Refused(f"{inverse.name} is there already: look at it, and delete it to ask again") from None


async def _followed(client: Client, made: KubernetesExecution) -> int:
    phase, looks = None, 0
    while True:
        looks += 1
        if looks == LOOKS_UNTAKEN and phase is None:
            tell("nobody has taken it up yet: does kubernaut run in this cluster?")
        try:
            found = await client.get(KubernetesExecution, made.name, namespace=made.namespace)
        except NotFound:
            raise Refused(f"{made.name} was deleted; it was {phase or 'not begun'} when it was last seen") from None
        status = found.status
        if status.phase != phase:
            phase = status.phase
            typer.echo(f"  {phase}{f': {status.reason}: {status.message}' if status.reason else ''}")
        if phase in ("rollback_ready", "completed"):
            return 0
        if phase == "failed":
            if status.reason == "TargetChanged":
                tell("give --force to undo it all the same")
            return FAILED
        await asyncio.sleep(POLL_SECONDS)

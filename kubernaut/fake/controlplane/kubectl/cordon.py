"""kubectl cordon and uncordon: whether the scheduler may put new pods on a node."""

from __future__ import annotations

from kubernaut.client import ApiError
from kubernaut.fake.controlplane.kubectl.arguments import Arguments
from kubernaut.fake.controlplane.kubectl.errors import KubectlError
from kubernaut.fake.controlplane.kubectl.session import Session
from kubernaut.fake.controlplane.kubectl.targets import Target, find


async def cordon(session: Session, arguments: Arguments) -> None:
    """Mark or unmark every named node as unschedulable. Raises KubectlError and ApiError.

    What the server refuses is told and left at that, as kubectl does: the exit code is 0, and `drain` goes on.
    """
    # `drain` cordons first, and says so.
    command = "cordon" if arguments.command == "drain" else arguments.command
    if not arguments.positionals and not arguments.text("selector"):
        raise KubectlError(f"error: USAGE: {command} NODE [flags]\nSee 'kubectl {command} -h' for help and examples")
    wanted = command == "cordon"
    words = arguments.positionals
    slashed = bool(words) and "/" in words[0]
    for target in await find(session, arguments, words if slashed else ("nodes", *words)):
        if target.kind.group or target.kind.kind != "Node":
            raise KubectlError(f"error: expected resource of type node, got {target.kind.kind}")
        live = await session.get(target.path)
        if bool(live.get("spec", {}).get("unschedulable")) == wanted:
            session.say(target.label, f"already {command}ed", arguments)
            continue
        if await _mark(session, arguments, target, wanted):
            session.say(target.label, f"{command}ed", arguments)


async def _mark(session: Session, arguments: Arguments, target: Target, wanted: bool) -> bool:
    if arguments.dry_run == "client":
        return True
    body = {"spec": {"unschedulable": True if wanted else None}}
    try:
        await session.patch(target.path, "strategic", body, dry_run=arguments.dry_run == "server")
    except ApiError as error:
        verb = "cordon" if wanted else "uncordon"
        session.err.append(f'error: unable to {verb} node "{target.name}": {error.message}')
        return False
    return True

"""`kubernaut approve NAME` and `kubernaut reject NAME`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kubernaut.cli.calling import UNUSABLE, Kubeconfig, KubeContext, Namespace, Refused, call, fail, tell
from kubernaut.client import Client
from kubernaut.remediation.approval import ApprovalRequest, Decision, DecisionRefused, decide, find_request
from kubernaut.remediation.approval.stamped import unstamped
from kubernaut.remediation.approval.summary import escaped
from kubernaut.resources import format_time
from kubernaut.timing import current_clock

DECIDED, NOT_DECIDED = 0, 1

Name = Annotated[str, typer.Argument(help="The execution that waits, or the ApprovalRequest.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the decision and in the audit log.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; without a terminal nothing is asked anyway.")]
_MAX_REASON = 1024


def approve(
    name: Name,
    reason: Reason = "",
    yes: Yes = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: KubeContext = None,
) -> None:
    """Approve an execution that waits for it. A decision is final; on a terminal it shows what and asks first.

    Exit codes: 0 decided, 1 it cannot be decided or does not count, 2 input that cannot be used, 4 the cluster cannot
    be reached.
    """
    _run(name, Decision.APPROVED, reason, namespace, kubeconfig, context, ask=not yes)


def reject(
    name: Name,
    reason: Reason = "",
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: KubeContext = None,
) -> None:
    """Reject an execution that waits for an approval; --reason is needed. A decision is final.

    Exit codes: 0 decided, 1 it cannot be decided or does not count, 2 input that cannot be used, 4 the cluster cannot
    be reached.
    """
    if not reason.strip():
        fail("--reason: say why; whoever asked wants to know", UNUSABLE)
    _run(name, Decision.REJECTED, reason, namespace, kubeconfig, context, ask=False)


def _run(
    name: str,
    decision: Decision,
    reason: str,
    namespace: str | None,
    kubeconfig: str | None,
    context: str | None,
    *,
    ask: bool,
) -> None:
    if not name.strip():
        fail("NAME: is empty", UNUSABLE)
    if len(reason) > _MAX_REASON:
        fail(f"--reason: has {len(reason)} characters, at most {_MAX_REASON} are kept", UNUSABLE)

    async def main(client: Client, where: str) -> int:
        request = await _decided(client, name, where, decision, reason, ask=ask and on_a_terminal())
        by = request.status.decided_by
        typer.echo(escaped(f"{request.spec.summary}: {decision} by {by.username if by else 'nobody'}"))
        if by is None:
            tell("nobody was stamped as who decided: the webhooks are not at work, so it does not count")
            return NOT_DECIDED
        return DECIDED

    raise typer.Exit(call(main, namespace, kubeconfig, context))


def on_a_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


async def _decided(
    client: Client, name: str, namespace: str, decision: Decision, reason: str, *, ask: bool
) -> ApprovalRequest:
    try:
        request = await find_request(client, name, namespace)
        _show(request)
        await _refuse_unstamped(client, request)
        if ask and request.status.decision is None and not typer.confirm("Approve this?", err=True):
            raise Refused("nothing was decided")
        return await decide(client, request, decision, reason, now=current_clock().now())
    except DecisionRefused as error:
        raise Refused(escaped(str(error))) from None


async def _refuse_unstamped(client: Client, request: ApprovalRequest) -> None:
    """Raises Refused where nobody would be stamped as who decides: even what does not count is final."""
    if request.status.decision is not None:
        return
    why = await unstamped(client, request.metadata.creation_timestamp)
    if why is not None:
        raise Refused(
            f"nothing was decided: nobody would be stamped as who decides, so it would not count: {why}; register the"
            " webhooks (`kubernaut manifests` renders them), run with --webhooks, and ask again"
        )


def _show(request: ApprovalRequest) -> None:
    """What is decided about; somebody else may have written it, so each thing keeps to its line."""
    spec = request.spec
    lines = [f"{spec.summary} (asked by {spec.requested_by or 'somebody'})"]
    lines.append(f"  for {spec.subject.kind} {spec.subject.name}, by ApprovalRequest {request.name}")
    lines += [f"  {why}" for why in spec.reasons]
    if request.status.decision is None:
        lines.append(f"  required by {format_time(spec.required_by)}")
    for line in lines:
        typer.echo(escaped(line), err=True)

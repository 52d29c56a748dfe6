"""`kubernaut approve NAME` and `kubernaut reject NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

from kubernaut.cli.calling import UNUSABLE, Kubeconfig, KubeContext, Namespace, Refused, call, fail, tell
from kubernaut.client import Client
from kubernaut.remediation.approval import ApprovalRequest, Decision, DecisionRefused, decide, find_request
from kubernaut.resources import format_time
from kubernaut.timing import current_clock

DECIDED = 0

Name = Annotated[str, typer.Argument(help="The execution that waits, or the ApprovalRequest.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the decision and in the audit log.")]
_MAX_REASON = 1024


def approve(
    name: Name,
    reason: Reason = "",
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: KubeContext = None,
) -> None:
    """Approve an execution that waits for it. A decision is final.

    Exit codes: 0 decided, 1 it cannot be decided, 2 input that cannot be used, 4 the cluster cannot be reached.
    """
    _run(name, Decision.APPROVED, reason, namespace, kubeconfig, context)


def reject(
    name: Name,
    reason: Reason = "",
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: KubeContext = None,
) -> None:
    """Reject an execution that waits for an approval; --reason is needed. A decision is final.

    Exit codes: 0 decided, 1 it cannot be decided, 2 input that cannot be used, 4 the cluster cannot be reached.
    """
    if not reason.strip():
        fail("--reason: say why; whoever asked wants to know", UNUSABLE)
    _run(name, Decision.REJECTED, reason, namespace, kubeconfig, context)


def _run(
    name: str, decision: Decision, reason: str, namespace: str | None, kubeconfig: str | None, context: str | None
) -> None:
    if len(reason) > _MAX_REASON:
        fail(f"--reason: has {len(reason)} characters, at most {_MAX_REASON} are kept", UNUSABLE)

    async def main(client: Client, where: str) -> int:
        request = await _decided(client, name, where, decision, reason)
        by = request.status.decided_by
        typer.echo(f"{request.spec.summary}: {decision} by {by.username if by else 'nobody'}")
        if by is None:
            tell("nobody was stamped as who decided: the webhooks are not at work, so it does not count")
        return DECIDED

    raise typer.Exit(call(main, namespace, kubeconfig, context))


async def _decided(client: Client, name: str, namespace: str, decision: Decision, reason: str) -> ApprovalRequest:
    try:
        request = await find_request(client, name, namespace)
        typer.echo(f"{request.spec.summary} (asked by {request.spec.requested_by or 'somebody'})", err=True)
        for why in request.spec.reasons:
            typer.echo(f"  {why}", err=True)
        if request.status.decision is None:
            typer.echo(f"  required by {format_time(request.spec.required_by)}", err=True)
        return await decide(client, request, decision, reason, now=current_clock().now())
    except DecisionRefused as error:
        raise Refused(str(error)) from None

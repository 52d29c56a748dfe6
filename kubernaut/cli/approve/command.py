"""`kubernaut approve NAME` and `kubernaut reject NAME`."""

from __future__ import annotations

import asyncio
from typing import Annotated, NoReturn

import typer

from kubernaut.client import ApiError, Client, TransportError
from kubernaut.remediation.approval import ApprovalRequest, Decision, DecisionRefused, decide, find_request
from kubernaut.resources import format_time
from kubernaut.timing import current_clock

DECIDED = 0
REFUSED = 1
"""Exit code when it cannot be decided: no such request, decided already, expired, or not by you."""
UNUSABLE = 2
"""Exit code for a command line or a kubeconfig that cannot be used."""
UNAVAILABLE = 4
"""Exit code when the cluster cannot be reached."""

Name = Annotated[str, typer.Argument(help="The execution that waits, or the ApprovalRequest.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the decision and in the audit log.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="By default that of the kubeconfig's context.")
]
Kubeconfig = Annotated[str | None, typer.Option("--kubeconfig", metavar="FILE", help="By default as kubectl finds it.")]
ContextName = Annotated[str | None, typer.Option("--context", help="Of the kubeconfig.")]
_MAX_REASON = 1024


def approve(
    name: Name,
    reason: Reason = "",
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: ContextName = None,
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
    context: ContextName = None,
) -> None:
    """Reject an execution that waits for an approval; --reason is needed. A decision is final.

    Exit codes: 0 decided, 1 it cannot be decided, 2 input that cannot be used, 4 the cluster cannot be reached.
    """
    if not reason.strip():
        _fail("--reason: say why; whoever asked wants to know", UNUSABLE)
    _run(name, Decision.REJECTED, reason, namespace, kubeconfig, context)


def _run(
    name: str, decision: Decision, reason: str, namespace: str | None, kubeconfig: str | None, context: str | None
) -> None:
    if len(reason) > _MAX_REASON:
        _fail(f"--reason: has {len(reason)} characters, at most {_MAX_REASON} are kept", UNUSABLE)

    async def main() -> ApprovalRequest:
        from kubernaut.client.connect import connect  # the network is imported by those who use it

        async with connect(kubeconfig, context=context, namespace=namespace) as client:
            return await _decided(client, name, client.namespace or "default", decision, reason)

    from kubernaut.client.transports.kubernetes_asyncio import ConfigError

    try:
        request = asyncio.run(main())
    except DecisionRefused as error:
        _fail(str(error), REFUSED)
    except ConfigError as error:
        _fail(str(error), UNUSABLE)
    except (ApiError, TransportError) as error:
        _fail(str(error), UNAVAILABLE if isinstance(error, TransportError) else REFUSED)
    by = request.status.decided_by
    typer.echo(f"{request.spec.summary}: {decision} by {by.username if by else 'nobody'}")
    if by is None:
        typer.echo(
            "note: nobody was stamped as who decided: the webhooks are not at work, so it does not count", err=True
        )


async def _decided(client: Client, name: str, namespace: str, decision: Decision, reason: str) -> ApprovalRequest:
    request = await find_request(client, name, namespace)
    typer.echo(f"{request.spec.summary} (asked by {request.spec.requested_by or 'somebody'})", err=True)
    for why in request.spec.reasons:
        typer.echo(f"  {why}", err=True)
    if request.status.decision is None:
        typer.echo(f"  required by {format_time(request.spec.required_by)}", err=True)
    return await decide(client, request, decision, reason, now=current_clock().now())


def _fail(text: str, code: int) -> NoReturn:
    typer.echo(f"kubernaut: {text}", err=True)
    raise typer.Exit(code)

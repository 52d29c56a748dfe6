"""What commands share that make a few calls to a cluster: their options, their errors, their exit codes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn

import typer

from kubernaut.client import ApiError, Client, TransportError

REFUSED = 1
"""Exit code when the cluster, or the state of things, refuses."""
UNUSABLE = 2
"""Exit code for a command line or a kubeconfig that cannot be used."""
UNAVAILABLE = 4
"""Exit code when the cluster cannot be reached."""

Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="By default the context's.")]
Kubeconfig = Annotated[str | None, typer.Option("--kubeconfig", metavar="FILE", help="By default as kubectl finds it.")]
KubeContext = Annotated[str | None, typer.Option("--context", help="Of the kubeconfig.")]


class Refused(Exception):
    """It cannot be done; the message says why."""


def call(
    body: Callable[[Client, str], Awaitable[int]], namespace: str | None, kubeconfig: str | None, context: str | None
) -> int:
    """Run `body` with a client and the namespace that is meant; its exit code. What goes wrong is told in a line."""
    from kubernaut.client.connect import connect  # the network is imported by those who use it
    from kubernaut.client.transports.kubernetes_asyncio import ConfigError

    async def main() -> int:
        async with connect(kubeconfig, context=context, namespace=namespace) as client:
            return await body(client, client.namespace or "default")

    try:
        return asyncio.run(main())
    except (ConfigError, ValueError) as error:
        fail(str(error), UNUSABLE)
    except TransportError as error:
        fail(str(error), UNAVAILABLE)
    except (Refused, ApiError) as error:
        fail(str(error), REFUSED)
    except KeyboardInterrupt:
        fail("not waited for; it goes on in the cluster", REFUSED)


def tell(text: str) -> None:
    """Say something to the person, beside the output."""
    typer.echo(f"kubernaut: {text}", err=True)


def fail(text: str, code: int) -> NoReturn:
    """End with a line that says why."""
    tell(text)
    raise typer.Exit(code)

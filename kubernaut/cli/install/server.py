"""For which server manifests are rendered: the one that is asked for, the one that is there, or the newest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kubernaut.client import ClientError
from kubernaut.client.connect import connect
from kubernaut.client.transports.kubernetes_asyncio import ConfigError
from kubernaut.install import ServerFeatures
from kubernaut.install.features import NEWEST

SECONDS = 10.0
"""How long the server may take to tell what it knows."""


class NoServer(Exception):
    """The server that was named cannot be asked; the message says why."""


def features(
    kubernetes: str | None, kubeconfig: str | None, context: str | None, tell: Callable[[str], None]
) -> ServerFeatures:
    """What the server knows. Only one that was named has to answer; for want of any other it is the newest.

    Raises NoServer; ValueError for a version that is none.
    """
    if kubernetes is not None:
        return ServerFeatures.of_version(kubernetes)
    try:
        return asyncio.run(_discovered(kubeconfig, context))
    except (ConfigError, ClientError, TimeoutError, ValueError) as error:
        told = str(error) or f"no answer within {SECONDS:g} s"
        if kubeconfig is not None or context is not None:
            raise NoServer(f"the server cannot be asked what it knows: {told}") from None
        newest = ".".join(map(str, NEWEST))
        tell(f"rendered for Kubernetes {newest}: no server can be asked ({told}); --kubernetes VERSION chooses another")
        return ServerFeatures.newest()


async def _discovered(kubeconfig: str | None, context: str | None) -> ServerFeatures:
    async with asyncio.timeout(SECONDS), connect(kubeconfig, context=context, timeout=SECONDS) as client:
        return await ServerFeatures.discover(client)

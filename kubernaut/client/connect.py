"""The way to a real cluster: finds the configuration, opens the transport, and hands out a client."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubernaut.client.client import Client

if TYPE_CHECKING:
    from kubernaut.client.transports.kubernetes_asyncio import Target, TransportOptions

__all__ = ["connect"]


@asynccontextmanager
async def connect(
    kubeconfig: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    context: str | None = None,
    in_cluster: bool | None = None,
    namespace: str | None = None,
    field_manager: str = "kubernaut",
    user_agent: str | None = None,
    timeout: float | None = 60.0,
    options: TransportOptions | None = None,
) -> AsyncIterator[Client]:
    """A client for a real cluster, closed with the block::

        async with connect() as client:
            pods = await client.list(Pod, namespace="shop")

    The configuration is the first of: ``kubeconfig`` (a file, or its content as data), the files that ``KUBECONFIG``
    names (merged), ``~/.kube/config``, and what a pod finds in its file system. ``in_cluster`` True takes that at once,
    False never. ``context`` chooses one of the kubeconfig's contexts; ``namespace`` replaces the one it names.

    ``field_manager`` and ``timeout`` (seconds per request) are as for `Client`, ``user_agent`` names the program in
    the server's logs. Credentials are read, and an exec plugin is run, before the block begins; the server is not asked
    anything. They are kept fresh for as long as the block lasts.

    Raises ConfigError, which names the file, the field and a fix.
    """
    from kubernaut.client.transports.kubernetes_asyncio import (
        open_transport,
    )  # aiohttp is imported by those who connect

    target = await asyncio.to_thread(cluster_target, kubeconfig, context, in_cluster)
    if namespace is not None:
        target = replace(target, namespace=namespace)
    transport = await open_transport(target, options)
    agent = user_agent if user_agent is not None else _user_agent()
    async with Client(transport, field_manager=field_manager, user_agent=agent, timeout=timeout) as client:
        yield client


def cluster_target(
    kubeconfig: str | os.PathLike[str] | Mapping[str, Any] | None, context: str | None, in_cluster: bool | None
) -> Target:
    """Which cluster `connect` would speak to, and as whom; reads files, asks nobody. Raises ConfigError."""
    from kubernaut.client.transports.kubernetes_asyncio import (
        ConfigError,
        Kubeconfig,
        in_a_pod,
        incluster_target,
        target_of,
    )

    if in_cluster:
        if kubeconfig is not None or context is not None:
            raise ConfigError("in_cluster=True", "a kubeconfig or context has no place beside it")
        return incluster_target()
    if isinstance(kubeconfig, Mapping):
        return target_of(Kubeconfig.of(kubeconfig), context)
    if kubeconfig is not None:
        return target_of(Kubeconfig.read([Path(kubeconfig).expanduser()]), context)
    if named := os.environ.get("KUBECONFIG"):
        paths = [Path(name).expanduser() for name in named.split(os.pathsep) if name]
        return target_of(Kubeconfig.read(paths), context)
    usual = Path("~/.kube/config").expanduser()
    if usual.is_file():
        return target_of(Kubeconfig.read([usual]), context)
    if in_cluster is None and context is None and in_a_pod():
        return incluster_target()
    raise ConfigError(
        "no configuration for a cluster",
        f"KUBECONFIG is not set, there is no {usual}" + ("" if in_cluster is False else ", and this is no pod"),
        fix="Name the file (--kubeconfig, in Python connect(kubeconfig=...)), or set KUBECONFIG to what kubectl uses",
    )


def _user_agent() -> str:
    version: str = sys.modules["kubernaut"].__version__  # an import of the root package would be one upwards
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] not in ("", "-c", "-m") else "python"
    return f"{program} kubernaut/{version} ({sys.platform})"

"""Clients of one real cluster: the administrator's, and those with a token of a ServiceAccount."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kubernaut.client import Client
from kubernaut.client.transports.kubernetes_asyncio import HttpTransport, Target, TransportOptions, open_transport
from kubernaut.client.transports.kubernetes_asyncio.target import User
from kubernaut.fake.controlplane.kubectl import Completed, kubectl
from kubernaut.fake.controlplane.kubectl.volumes import mounted_files
from kubernaut.resources.builtin.core_v1 import Pod, ServiceAccount

__all__ = ["PodCommands", "open_as_account", "open_to"]

# Idle connections are kept although a test lets hours pass: the server counts in its own time.
OPTIONS = TransportOptions(keep_alive=1e9)
TOKEN_LIFE = timedelta(hours=1)


async def open_to(target: Target) -> HttpTransport:
    """A transport as the target's user, for the running loop. Raises ConfigError."""
    return await open_transport(target, OPTIONS)


async def open_as_account(
    client: Client,
    target: Target,
    namespace: str,
    name: str,
    *,
    expires: timedelta = TOKEN_LIFE,
    bound: dict[str, Any] | None = None,
) -> HttpTransport:
    """A transport with a token of a ServiceAccount that ``client`` asks for. Raises ApiError."""
    spec: dict[str, Any] = {"expirationSeconds": int(expires.total_seconds())}
    if bound is not None:
        spec["boundObjectRef"] = bound
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    answer = await client.request("POST", ServiceAccount.resource_type.path(namespace, name, "token"), body=body)
    token: str = json.loads(answer.body)["status"]["token"]
    return await open_to(replace(target, user=User(token=token)))


class PodCommands:
    """Runs the kubectl commands of simulated containers, each with a token of its pod's ServiceAccount."""

    def __init__(self, client: Client, target: Target) -> None:
        self._client = client
        self._target = target

    async def run(self, pod: Pod, arguments: Sequence[str]) -> Completed:
        """See `kubernaut.fake.controlplane.processes.Runner.run`. Raises ApiError where there is no token."""
        namespace, account = pod.namespace or "default", pod.spec.service_account_name or "default"
        bound = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}
        transport = await open_as_account(self._client, self._target, namespace, account, bound=bound)
        async with Client(transport, user_agent="kubectl", field_manager="kubectl") as client:
            return await kubectl(client, arguments, namespace=namespace, files=await mounted_files(self._client, pod))

"""The cluster of a kubeconfig, which is not ours: what tests make there is deleted, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from kubernaut.client import ApiError, Client, Conflict, MergePatch, NotFound
from kubernaut.client.transports.kubernetes_asyncio import Target, target_of
from kubernaut.reconcile.serving import TlsFiles
from kubernaut.resources import ResourceType
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from kubernaut.testing.clusters.contexts import user_kubeconfig
from kubernaut.testing.clusters.recording import Made
from kubernaut.testing.clusters.serving import install, withdrawn

__all__ = ["RemoteServer"]

POLL = 0.2
# A namespace is emptied by the cluster's own controllers.
SECONDS = 120.0
# Objects that still have finalizers after this are let go: the controllers under test do not run any more.
PATIENCE = 2.0
CRDS: ResourceType = CustomResourceDefinition.resource_type


class RemoteServer:
    """The cluster of one context, which must have controllers and nodes of its own; implements Backend.

    After a test everything is deleted that its clients and the controllers under test have created, newest first;
    what the cluster's controllers made of it goes with it. Events that the cluster's controllers wrote stay until they
    expire. CRDs that are there already are used as they are and stay. Raises ConfigError.
    """

    rest = 1.0
    kubelet_tls: TlsFiles | None = None

    def __init__(self, context: str) -> None:
        self.target: Target = target_of(user_kubeconfig(), context)
        self._definitions: list[dict[str, Any]] = []

    def close(self) -> None:
        """Nothing is held open between tests."""

    async def begin(self, client: Client, definitions: Sequence[dict[str, Any]]) -> None:
        """See Backend.begin. Nothing is removed: the cluster is not ours."""
        for definition in definitions:
            try:
                await client.get(CustomResourceDefinition, definition["metadata"]["name"])
            except NotFound:
                self._definitions.append(definition)
                await install(client, definition)

    async def start_controllers(self, client: Client) -> None:
        """See Backend.start_controllers: they run."""

    async def end(self, client: Client, made: Sequence[Made]) -> None:
        """See Backend.end. Raises TimeoutError, which names what does not go."""
        definitions, self._definitions = self._definitions, []
        try:
            left = {one.path: one.uid for one in reversed(made)}
            for path, uid in left.items():
                await _delete(client, path, uid)
            await _until_gone(client, left)
        finally:
            for definition in reversed(definitions):
                await _delete(client, CRDS.path(None, definition["metadata"]["name"]), None)
                await withdrawn(client, definition["spec"]["group"], definition["spec"]["names"]["plural"])


async def _delete(client: Client, path: str, uid: str | None) -> None:
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    if uid is not None:
        options["preconditions"] = {"uid": uid}
    try:
        await client.request("DELETE", path, body=options)
    except (NotFound, Conflict):
        # Gone, or another object has taken the name: that one is in the list as well, if a test made it.
        return


async def _until_gone(client: Client, left: dict[str, str]) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while left:
        for path, uid in [*left.items()]:
            live = await _metadata(client, path)
            if live is None or live["uid"] != uid:
                del left[path]
            elif live.get("finalizers") and loop.time() - began > PATIENCE:
                await _let_go(client, path, uid)
        if left and loop.time() - began > SECONDS:
            raise TimeoutError(f"after {SECONDS:g} s these are still in the cluster: {', '.join(left)}")
        if left:
            await asyncio.sleep(POLL)


async def _metadata(client: Client, path: str) -> dict[str, Any] | None:
    try:
        metadata: dict[str, Any] = json.loads((await client.request("GET", path)).body)["metadata"]
    except NotFound:
        return None
    return metadata


async def _let_go(client: Client, path: str, uid: str) -> None:
    patch = MergePatch({"metadata": {"uid": uid, "finalizers": None}})
    try:
        await client.request("PATCH", path, body=patch.encode(), headers={"content-type": patch.content_type})
    except ApiError:
        # Asked again with the next look.
        return

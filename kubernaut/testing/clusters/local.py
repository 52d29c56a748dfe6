"""The API server of this machine that a test session shares: EnvTest, put back to its first state between tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubernaut.client import Client, NotFound
from kubernaut.client.transports.kubernetes_asyncio import Kubeconfig, Target, target_of
from kubernaut.reconcile.serving import TlsFiles
from kubernaut.resources import ObjectMeta, OwnerReference
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing.clusters.etcd import Etcd
from kubernaut.testing.clusters.recording import Made
from kubernaut.testing.clusters.serving import install, withdrawn
from kubernaut.testing.envtest import EnvTest

__all__ = ["LocalServer"]

CONTROLLERS = "kube-controller-manager"
PROBE = "kubernaut-garbage"
POLL = 0.02
RESETS = 100
CONTROLLERS_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Installed:
    """A CRD that was made for a test."""

    definition: dict[str, Any]
    uid: str | None
    generation: int | None


class LocalServer:
    """An EnvTest of a whole session; implements Backend. Start-up and the rest block the thread for a moment.

    kube-controller-manager runs in the tests that ask for a control plane, anew in each: none acts on what another
    test has left in its caches. Raises EnvTestError.
    """

    rest = 0.3

    def __init__(self, assets: str | None = None) -> None:
        self._installed: dict[str, _Installed] = {}
        self._env = EnvTest(assets)
        self._env.__enter__()
        try:
            plane = self._env._plane
            self._plane, self._controllers = plane, plane._programs[CONTROLLERS]
            self._controllers.stop(kill=True)
            self._etcd = Etcd(plane.etcd_url)
            self._etcd.remember()
            self.target: Target = target_of(Kubeconfig.of(self._env.kubeconfig()))
            self.kubelet_tls = TlsFiles(plane.files.serving_certificate, plane.files.serving_key)
        except BaseException:
            self._env.__exit__(None, None, None)
            raise

    def close(self) -> None:
        """Stop the server; nothing of it is left."""
        self._etcd.close()
        self._env.__exit__(None, None, None)

    async def begin(self, client: Client, definitions: Sequence[dict[str, Any]]) -> None:
        """See Backend.begin. A CRD that the last test had as well stays: making one costs a server much."""
        kept = [definition for definition in definitions if await self._is_there(client, definition)]
        names = [definition["metadata"]["name"] for definition in kept]
        await self._reset(client, names)
        self._installed = {name: kind for name, kind in self._installed.items() if name in names}
        for definition in (definition for definition in definitions if definition not in kept):
            await install(client, definition)
            made = await client.get(CustomResourceDefinition, definition["metadata"]["name"])
            self._installed[made.name] = _Installed(definition, made.uid, made.metadata.generation)

    async def _is_there(self, client: Client, definition: dict[str, Any]) -> bool:
        known = self._installed.get(definition["metadata"]["name"])
        if known is None or known.definition != definition:
            return False
        try:
            live = await client.get(CustomResourceDefinition, definition["metadata"]["name"])
        except NotFound:
            return False
        return (live.uid, live.metadata.generation) == (known.uid, known.generation)

    async def start_controllers(self, client: Client) -> None:
        """See Backend.start_controllers. The garbage collector is the last to be there, so some is made for it."""
        self._plane.start_controllers()
        owner = OwnerReference(api_version="v1", kind="ConfigMap", name=PROBE, uid=PROBE)
        garbage = ConfigMap(metadata=ObjectMeta(name=PROBE, namespace="kube-system", owner_references=[owner]))
        await client.create(garbage)
        try:
            async with asyncio.timeout(CONTROLLERS_SECONDS):
                while True:
                    self._controllers.check()
                    await client.get(ConfigMap, PROBE, namespace="kube-system")
                    await asyncio.sleep(POLL)
        except NotFound:
            return
        except TimeoutError:
            raise self._controllers.failure("collects no garbage") from None

    async def end(self, client: Client, made: Sequence[Made]) -> None:
        """See Backend.end."""
        # Ended first, and at once: else it would make anew what is missing.
        self._controllers.stop(kill=True)
        await self._reset(client, [*self._installed])

    async def _reset(self, client: Client, keep: Sequence[str]) -> None:
        gone = [name for name in self._etcd.definitions() if name not in keep]
        # What the API server does by itself (a namespace that is finished, a range that is repaired) may follow.
        for _ in range(RESETS):
            if not self._etcd.restore(keep=keep):
                break
            await asyncio.sleep(POLL)
        for name in gone:
            plural, _, group = name.partition(".")
            await withdrawn(client, group, plural)

"""What a RealCluster needs of the server that it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from kubernaut.client import Client
from kubernaut.client.transports.kubernetes_asyncio import Target
from kubernaut.reconcile.serving import TlsFiles
from kubernaut.testing.clusters.recording import Made

__all__ = ["Backend"]


class Backend(Protocol):
    """One API server that tests use in turn, each finding it as new."""

    @property
    def target(self) -> Target:
        """Where it is, and its administrator's credentials."""
        ...

    @property
    def rest(self) -> float:
        """Real seconds without a write after which its controllers have done what they had to do."""
        ...

    @property
    def kubelet_tls(self) -> TlsFiles | None:
        """What the kubelets of simulated nodes show; None where real nodes run pods."""
        ...

    async def begin(self, client: Client, definitions: Sequence[dict[str, Any]]) -> None:
        """Before a test: make the cluster as new, with the kinds that these CRDs define. Raises ApiError."""
        ...

    async def start_controllers(self, client: Client) -> None:
        """Have Deployments, Jobs, garbage and namespaces looked after; return when they are."""
        ...

    async def end(self, client: Client, made: Sequence[Made]) -> None:
        """After a test, which has made these objects, oldest first: stop the controllers and clean up."""
        ...

    def close(self) -> None:
        """At the end of the session: stop what was started for it."""
        ...

"""What a test may ask of its cluster, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kubernaut.client import Client
    from kubernaut.client.transports.faults import Faults
    from kubernaut.fake.apiserver import LoggedRequest
    from kubernaut.fake.controlplane.behaviour import PodBehaviour
    from kubernaut.fake.loading import Loaded, Source
    from kubernaut.reconcile import Controller, Manager

__all__ = ["Cluster"]


class Cluster(Protocol):
    """The cluster of the fixture `cluster`: in memory, an API server of this machine, or one of a kubeconfig.

    The methods are those of `FakeCluster`, which says more about them.
    """

    behaviour: PodBehaviour | None
    """What containers do; no effect where real nodes run them."""

    @property
    def client(self) -> Client:
        """An administrator's client, closed with the cluster."""
        ...

    @property
    def faults(self) -> Faults:
        """The faults that requests of `client` and of the controllers under test meet."""
        ...

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests that were answered, oldest first; on a real cluster those of the test and its controllers."""
        ...

    def client_as(self, user: str, groups: Sequence[str] = ()) -> Client:
        """A client that acts as another user."""
        ...

    async def client_as_service_account(self, namespace: str, name: str, *, expires: timedelta = ...) -> Client:
        """A client with a token of a ServiceAccount; closing it is the caller's. Raises NotFound."""
        ...

    def running(self, *controllers: Controller, declared: bool | None = None) -> AbstractAsyncContextManager[Manager]:
        """Run controllers, synced when the body starts, stopped in order at its end."""
        ...

    async def settled(self, quiet: timedelta = ..., within: timedelta = ...) -> None:
        """Wait until nothing has been written for `quiet`. Raises NotSettled."""
        ...

    async def advance(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass, and what falls due in it happen."""
        ...

    async def load(self, source: Source, *, strict: bool = False) -> Loaded:
        """Create objects from a file, a folder, YAML text or dicts, statuses included."""
        ...

    def dump(self) -> list[dict[str, Any]]:
        """All objects but those that every server starts with."""
        ...

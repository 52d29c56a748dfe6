"""What a manager was told, handed to each of its runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubernaut.client import Client
from kubernaut.reconcile.cache import CacheOptions
from kubernaut.reconcile.controller import Controller
from kubernaut.reconcile.election import LeaderElection
from kubernaut.reconcile.metrics import RuntimeMetrics
from kubernaut.reconcile.serving import Checks, Endpoint, IssuedTls
from kubernaut.timing import Clock

if TYPE_CHECKING:
    from kubernaut.reconcile.webhooks.certificates import ManagedCertificates

ServiceBody = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class ExtraService:
    """A task of the user's. `leader_elected`: it runs on the leader only."""

    name: str
    body: ServiceBody
    leader_elected: bool = False


@dataclass(frozen=True)
class Wiring:
    """The configuration of one run."""

    clusters: Mapping[str, Client]
    controllers: Sequence[Controller]
    services: Sequence[ExtraService]
    name: str
    seed: str
    clock: Clock | None
    election: LeaderElection | None
    cache: CacheOptions
    endpoints: Sequence[Endpoint]
    metrics: RuntimeMetrics
    readyz: Checks
    managed: Sequence[tuple[ManagedCertificates, IssuedTls]] = ()
    """Certificates that are made here, and what serves with them."""

    def metered(self, client: Client, cluster: str = "") -> Client:
        """The same client, whose requests are counted and timed."""
        return client.through(lambda transport: self.metrics.metered(transport, client.host or cluster))

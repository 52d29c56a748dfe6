"""Which settings contradict each other, though each alone could be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from kubernaut.cli.run.settings import RunSettings
from kubernaut.cli.run.values import NOWHERE
from kubernaut.client.transports.kubernetes_asyncio import TransportOptions
from kubernaut.reconcile import LeaderElection

_OF_ELECTION = {
    "name": "lease_name",
    "identity": "identity",
    "shards": "shards",
    "lease_duration": "lease_duration",
    "renew_deadline": "renew_deadline",
    "retry_period": "retry_period",
}


class Connecting(Protocol):
    """Settings of a command that speaks to an API server."""

    @property
    def max_connections(self) -> int: ...
    @property
    def connect_timeout(self) -> timedelta: ...
    @property
    def dead_after(self) -> timedelta: ...
    @property
    def qps(self) -> float | None: ...
    @property
    def burst(self) -> int | None: ...


def contradictions(settings: RunSettings, given: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Each as the field that it is told about (of several, one that was given) and a sentence with its fix."""
    yield from _election(settings, given)
    yield from _serving(settings)
    try:
        transport_options(settings)
    except ValueError as error:
        yield "dead_after", str(error).partition(": ")[2]
    if settings.burst is not None and settings.qps is None:
        yield "burst", "has a meaning only with qps: give qps too, or leave burst out"


def election_of(settings: RunSettings, *, name: str, namespace: str | None, identity: str | None) -> LeaderElection:
    """The settings as the runtime takes them. Raises ValueError."""
    return LeaderElection(
        name,
        namespace=namespace,
        identity=identity,
        lease_duration=settings.lease_duration,
        renew_deadline=settings.renew_deadline,
        retry_period=settings.retry_period,
        shards=settings.shards,
    )


def transport_options(settings: Connecting) -> TransportOptions:
    """The settings as the transport takes them. Raises ValueError."""
    return TransportOptions(
        max_connections=settings.max_connections,
        connect_timeout=settings.connect_timeout.total_seconds(),
        dead_after=int(settings.dead_after.total_seconds()),
        qps=settings.qps,
        burst=settings.burst if settings.qps is not None else None,
    )


def _election(settings: RunSettings, given: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    try:
        name = settings.lease_name or "kubernaut"
        election_of(settings, name=name, namespace=settings.lease_namespace, identity=settings.identity)
    except ValueError as error:
        text = str(error).removeprefix("LeaderElection.")
        named = [field for name, field in _OF_ELECTION.items() if re.search(rf"\b{name}\b", text)]
        field = next((field for field in named if field in given), named[0])
        yield field, _with_keys(text.removeprefix("name is "))
    if settings.shards > 1 and not settings.leader_elect:
        yield "shards", f"{settings.shards} shares of the keys need leader election: set leader-elect to true"


def _with_keys(text: str) -> str:
    """The runtime's names of fields as settings have them."""
    return re.sub(r"\b(lease_duration|renew_deadline|retry_period)\b", lambda m: m[0].replace("_", "-"), text)


def _serving(settings: RunSettings) -> Iterator[tuple[str, str]]:
    for what in ("metrics", "webhook"):
        certificate, key = getattr(settings, f"{what}_certificate"), getattr(settings, f"{what}_key")
        if certificate is not None and key is None:
            yield f"{what}_certificate", f"needs its key: give {what}-key too"
        if key is not None and certificate is None:
            yield f"{what}_key", f"needs its certificate: give {what}-certificate too"
    if settings.metrics_client_ca is not None and settings.metrics_certificate is None:
        yield "metrics_client_ca", "clients can be asked for certificates only over TLS: give metrics-certificate too"
    if settings.metrics_bind == NOWHERE:
        protected = {"metrics_secure": settings.metrics_secure, "metrics_certificate": settings.metrics_certificate}
        for field in [field for field, given in protected.items() if given]:
            yield field, "no metrics are served, as metrics-bind is 0: give metrics-bind an address"
    yield from _webhooks(settings)
    yield from _shared(settings)


def _webhooks(settings: RunSettings) -> Iterator[tuple[str, str]]:
    if settings.webhooks and settings.webhook_bind == NOWHERE:
        yield "webhook_bind", "is 0, but webhooks are to be served: give it an address, or leave webhooks out"
    if settings.webhooks and settings.target is not None:
        yield "webhooks", f"{settings.target} gives controllers alone: webhooks of your own belong to a Manager"


def _shared(settings: RunSettings) -> Iterator[tuple[str, str]]:
    """One address cannot be served with different certificates; port 0 is another port each time."""
    used = {"health_bind": None, "metrics_bind": settings.metrics_certificate}
    if settings.webhooks:
        used["webhook_bind"] = settings.webhook_certificate or Path()
    seen: dict[str, str] = {}
    for field, certificate in used.items():
        address = getattr(settings, field)
        if address == NOWHERE or address.endswith(":0"):
            continue
        other = seen.setdefault(address, field)
        if certificate != used[other]:
            yield field, f"{address} is {other.replace('_', '-')} too, with another certificate: give it another port"

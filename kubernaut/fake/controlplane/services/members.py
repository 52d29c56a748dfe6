"""The pods behind a Service, grouped by the ports they resolve to. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubernaut.fake.controlplane.indexes import FINISHED
from kubernaut.fake.controlplane.pods import is_ready
from kubernaut.fake.controlplane.views import PodView
from kubernaut.resources.builtin.core_v1 import ObjectReference, Service

Ports = tuple[tuple[str | None, str, int, str | None], ...]
"""Name, protocol, number, application protocol."""


@dataclass(frozen=True, slots=True)
class Member:
    """One pod behind a Service."""

    address: str
    ready: bool
    serving: bool
    terminating: bool
    node: str | None
    hostname: str | None
    pod: ObjectReference


def members_of(service: Service, pods: Iterable[PodView]) -> dict[Ports, list[Member]]:
    """The pods with an address that have not ended, by the ports that the Service means on them."""
    groups: dict[Ports, list[Member]] = {}
    for pod in sorted(pods, key=lambda pod: pod.name):
        if pod.status.pod_ip and pod.status.phase not in FINISHED:
            groups.setdefault(_ports(service, pod), []).append(_member(service, pod))
    return groups


def _member(service: Service, pod: PodView) -> Member:
    serving, terminating = is_ready(pod), pod.metadata.deletion_timestamp is not None
    published = bool(service.spec.publish_not_ready_addresses)
    named = pod.spec.hostname and pod.spec.subdomain == service.name
    return Member(
        address=pod.status.pod_ip or "",
        ready=published or (serving and not terminating),
        serving=serving,
        terminating=terminating,
        node=pod.spec.node_name,
        hostname=pod.spec.hostname if named else None,
        pod=ObjectReference(kind="Pod", namespace=pod.namespace, name=pod.name, uid=pod.uid),
    )


def _ports(service: Service, pod: PodView) -> Ports:
    found: list[tuple[str | None, str, int, str | None]] = []
    for port in service.spec.ports:
        protocol = port.protocol or "TCP"
        wanted = port.target_port if port.target_port not in (None, 0, "") else port.port
        number = wanted if isinstance(wanted, int) else _named(pod, str(wanted), protocol)
        if number is not None:
            found.append((port.name, protocol, number, port.app_protocol))
    return tuple(found)


def _named(pod: PodView, name: str, protocol: str) -> int | None:
    if name.isdecimal():
        return int(name)
    for container in pod.spec.containers:
        for port in container.ports:
            if port.name == name and (port.protocol or "TCP") == protocol:
                return port.container_port
    return None


def chunks(members: Sequence[Member], size: int) -> list[Sequence[Member]]:
    """At most so many together."""
    return [members[start : start + size] for start in range(0, len(members), size)]

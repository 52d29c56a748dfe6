"""What happens around a target: Events, nodes, autoscalers, and the namespace it lies in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from kubernaut.client import Client
from kubernaut.remediation.processing.environment import environment_of
from kubernaut.remediation.processing.objects import object_fact
from kubernaut.remediation.processing.reading import Gathering
from kubernaut.remediation.processing.texts import dig, line
from kubernaut.remediation.processing.types import EventFact, ObjectFact
from kubernaut.remediation.processing.workload import Workload
from kubernaut.resources import ResourceType
from kubernaut.resources.builtin.autoscaling_v1 import HorizontalPodAutoscaler
from kubernaut.resources.builtin.core_v1 import Event, Namespace, Node

MAX_LABELS = 32
_EVENTS_OF_CLUSTER_SCOPED = "default"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Named:
    """An object whose Events are read."""

    kind: str
    namespace: str | None
    name: str


async def events_of(client: Client, about: Named, limit: int) -> list[EventFact]:
    """The Events about one object. Raises ApiError.

    Of the core group: there alone the server selects by the object, as of Kubernetes 1.36. They are the same objects.
    """
    fields = {"involvedObject.kind": about.kind, "involvedObject.name": about.name}
    found = await client.list(Event, namespace=about.namespace or _EVENTS_OF_CLUSTER_SCOPED, fields=fields, limit=limit)
    return [_event(each, about) for each in found]


def newest(found: list[EventFact], limit: int) -> list[EventFact]:
    """The newest first; of those that say the same, the newest."""
    found.sort(key=lambda event: (event.last_seen or _LONG_AGO, event.object, event.reason), reverse=True)
    kept: dict[tuple[str, str, str], EventFact] = {}
    for event in found:
        kept.setdefault((event.object, event.reason, event.message), event)
    return list(kept.values())[:limit]


async def nodes(gathering: Gathering, names: list[str]) -> list[ObjectFact]:
    """Nodes with their conditions. Raises ApiError for one that cannot be read."""
    kind: ResourceType = Node.resource_type
    return [object_fact(await gathering.get(kind, name, None)) for name in names]


async def autoscalers(gathering: Gathering, workload: Workload) -> list[ObjectFact]:
    """Those that scale the target or one of its owners. Raises ApiError."""
    namespace = dig(workload.target, "metadata", "namespace")
    listed = await gathering.client.list(
        HorizontalPodAutoscaler, namespace=namespace, limit=gathering.config.limits.listed
    )
    scaled = {(each.get("kind"), dig(each, "metadata", "name")) for each in workload.chain}
    found = [one for one in listed if (one.spec.scale_target_ref.kind, one.spec.scale_target_ref.name) in scaled]
    return [object_fact(each.to_dict()) for each in found]


async def place(gathering: Gathering, namespace: str) -> None:
    """The namespace's labels, and the environment that they tell. Raises ApiError."""
    found = await gathering.client.get(Namespace, namespace)
    labels: Mapping[str, str] = found.metadata.labels
    gathering.facts.environment = environment_of(namespace, labels)
    shown = list(labels.items())[:MAX_LABELS]
    gathering.facts.namespace_labels = {key: line(value) for key, value in shown}


def _event(event: Event, about: Named) -> EventFact:
    series = event.series
    times = [event.last_timestamp, event.event_time, series.last_observed_time if series else None]
    return EventFact(
        type=event.type or "",
        reason=line(event.reason, 128),
        message=line(event.message, 512),
        object=f"{about.kind}/{about.name}",
        count=max(event.count or 1, (series.count or 1) if series else 1),
        last_seen=max((each for each in times if each is not None), default=None),
    )

# Written by tools/make_models.py (`make data`) out of Kubernetes' OpenAPI definitions (Apache-2.0).
"""The kinds of events.k8s.io/v1."""

from kubernaut.resources.builtin.core_v1.cluster import EventSource
from kubernaut.resources.builtin.core_v1.shared import ObjectReference
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import MicroTime, Time

__all__ = ["Event", "EventSeries"]


class EventSeries(PartialModel):
    count: int
    last_observed_time: MicroTime | None = None


class Event(Resource, group="events.k8s.io", version="v1", short_names=("ev",)):
    action: str | None = None
    deprecated_count: int | None = None
    deprecated_first_timestamp: Time | None = None
    deprecated_last_timestamp: Time | None = None
    deprecated_source: EventSource | None = None
    event_time: MicroTime | None = None
    note: str | None = None
    reason: str | None = None
    regarding: ObjectReference | None = None
    related: ObjectReference | None = None
    reporting_controller: str | None = None
    reporting_instance: str | None = None
    series: EventSeries | None = None
    type: str | None = None

"""The group events.k8s.io, v1: what happened to objects."""

from kubernaut.resources.builtin.core_v1 import ObjectReference
from kubernaut.resources.model import PartialModel
from kubernaut.resources.resource import Resource
from kubernaut.resources.scalars import MicroTime


class EventSeries(PartialModel):
    """How often an event was repeated (at least twice), and when last."""

    count: int
    last_observed_time: MicroTime


class Event(Resource, group="events.k8s.io", version="v1", short_names=("ev",)):
    """Something that happened to an object; `note` has at most 1024 bytes, `type` is Normal or Warning."""

    event_time: MicroTime | None = None
    series: EventSeries | None = None
    reporting_controller: str | None = None
    reporting_instance: str | None = None
    action: str | None = None
    reason: str | None = None
    regarding: ObjectReference | None = None
    related: ObjectReference | None = None
    note: str | None = None
    type: str | None = None

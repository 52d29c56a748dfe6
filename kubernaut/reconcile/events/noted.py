"""One event as it was recorded, with every field in a form that the server accepts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Literal

from kubernaut.resources import Resource, format_micro_time

NOTE_LIMIT = 1024
WORD_LIMIT = 128
"""Of reason, action and reporting instance, in bytes (kube-apiserver, core validation of events)."""
_NAME_LIMIT = 253
_CONTROLLER_LIMIT = 63

EventType = Literal["Normal", "Warning"]
Regarding = Resource | Mapping[str, Any]
"""An object, or an ObjectReference or an object as plain data."""

_REFERENCE = ("apiVersion", "kind", "namespace", "name", "uid", "resourceVersion", "fieldPath")
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_QUALIFIED = re.compile(rf"({_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Noted:
    """What was recorded. `at` is the loop's time, `wall` the time of day."""

    controller: str
    regarding: dict[str, str]
    related: dict[str, str] | None
    reason: str
    action: str
    note: str
    type: str
    at: float
    wall: datetime

    @property
    def about(self) -> tuple[str, ...]:
        """Who tells of which object."""
        return (self.controller, *_identity(self.regarding))

    @property
    def similar(self) -> tuple[str, ...]:
        """Equal for events that differ in their note only."""
        place = self.regarding.get("fieldPath", "")
        return (*self.about, place, *_identity(self.related or {}), self.type, self.reason, self.action)

    def body(self, name: str, namespace: str, note: str, instance: str) -> dict[str, Any]:
        """The Event to create."""
        body: dict[str, Any] = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": format_micro_time(self.wall),
            "reportingController": self.controller,
            "reportingInstance": instance,
            "action": self.action,
            "reason": self.reason,
            "regarding": self.regarding,
            "note": note,
            "type": self.type,
        }
        return body if self.related is None else {**body, "related": self.related}


def reference(obj: Regarding) -> dict[str, str]:
    """The ObjectReference of an object, as plain data without empty fields."""
    found: Mapping[str, Any]
    if isinstance(obj, Resource):
        meta = obj.metadata
        found = {"apiVersion": obj.api_version, "kind": obj.kind, "resourceVersion": meta.resource_version}
        found = {**found, "namespace": obj.namespace, "name": obj.name, "uid": obj.uid}
    else:
        metadata = obj.get("metadata")
        found = {**obj, **metadata} if isinstance(metadata, Mapping) else obj
    return {key: str(found[key]) for key in _REFERENCE if found.get(key)}


def event_name(regarding: Mapping[str, str], random: Random) -> str:
    """A name for an Event: that of the object with a random suffix, or random alone where it would be no valid name.

    Names of objects need not be DNS names (`system:node`), and may be as long as an Event's own (client-go's
    tools/record/util does likewise).
    """
    name = f"{regarding.get('name', '')}.{random.getrandbits(64):016x}"
    if len(name) <= _NAME_LIMIT and _SUBDOMAIN.fullmatch(name):
        return name
    return f"{random.getrandbits(128):032x}"


def controller_name(name: str) -> str:
    """A name as it is allowed for a reporting controller: a qualified name."""
    prefix, _, last = name.rpartition("/")
    if len(prefix) <= _NAME_LIMIT and len(last) <= _CONTROLLER_LIMIT and _QUALIFIED.fullmatch(name):
        return name
    tidy = re.sub("[^-A-Za-z0-9_.]+", "-", name)[:_CONTROLLER_LIMIT].strip("-_.")
    return tidy or "kubernaut"


def clip(text: object, limit: int) -> str:
    """The text, cut to `limit` bytes between two characters."""
    return str(text).encode(errors="replace")[:limit].decode(errors="ignore")


def _identity(reference: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(reference.get(key, "") for key in ("apiVersion", "kind", "namespace", "name", "uid"))

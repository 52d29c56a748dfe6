"""Kubernetes Events (events.k8s.io/v1): recorded without waiting, aggregated, and written by one task."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Literal, Protocol, TypeVar

from kubernaut.client import Client, ClientError, NotFound
from kubernaut.reconcile.log import logger
from kubernaut.resources import Resource
from kubernaut.timing import Clock, current_clock

QUEUE_LIMIT = 1000
"""Events waiting to be written; more are dropped and counted."""
SERIES_SECONDS = 360.0
"""A repeat this long after the last one starts a new Event instead of a series."""
SIMILAR_LIMIT = 10
SIMILAR_SECONDS = 600.0
"""Past 10 events in 600 s that differ in their note only, the rest go into one Event with `COMBINED_NOTE`."""
COMBINED_NOTE = "(combined from similar events)"
SPAM_BURST = 25.0
SPAM_RATE = 1 / 300
"""Per object and controller: 25 events at once, then one every 300 s."""
REMEMBERED = 4096
NOTE_LIMIT = 1024

V = TypeVar("V")
EventType = Literal["Normal", "Warning"]


class EventSink(Protocol):
    """Where reconcilers tell what happened."""

    def event(
        self,
        obj: Resource | Mapping[str, Any],
        reason: str,
        message: str,
        type: EventType = "Normal",
        *,
        action: str = "Reconcile",
        related: Resource | Mapping[str, Any] | None = None,
    ) -> None:
        """Record an event about `obj` (an object or an ObjectReference as plain data); never waits, never raises.

        `reason` and `action` are UpperCamelCase words for machines, `message` is for people (cut at 1024 bytes).
        """
        ...


@dataclass(frozen=True, slots=True)
class _Noted:
    controller: str
    regarding: dict[str, str]
    related: dict[str, str] | None
    reason: str
    action: str
    note: str
    type: EventType
    at: float
    wall: datetime

    @property
    def about(self) -> tuple[str, ...]:
        return (self.controller, *(self.regarding.get(k, "") for k in ("kind", "namespace", "name", "uid")))

    @property
    def similar(self) -> tuple[str, ...]:
        return (*self.about, self.type, self.reason, self.action)


@dataclass(slots=True)
class _Series:
    path: str
    last: float
    count: int = 1


@dataclass(slots=True)
class _Budget:
    tokens: float
    at: float


@dataclass(slots=True)
class _Similar:
    since: float
    notes: dict[str, None] = field(default_factory=dict)


class _Recent(OrderedDict[tuple[str, ...], V]):
    """Remembers the last few thousand keys used."""

    def keep(self, key: tuple[str, ...], value: V) -> V:
        self[key] = value
        self.move_to_end(key)
        while len(self) > REMEMBERED:
            self.popitem(last=False)
        return value


class EventRecorder:
    """Takes events from all controllers of a manager and writes them in `run`.

    An event that cannot be written is dropped, counted in `dropped`, and logged: events are best effort.
    """

    def __init__(
        self,
        client: Client,
        *,
        controller: str = "kubernaut",
        instance: str = "",
        random: Random | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.dropped = 0
        self._client = client
        self._controller = controller
        self._instance = instance or controller
        self._random = random or Random(0)
        self._clock = clock
        self._queue: deque[_Noted] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._series: _Recent[_Series] = _Recent()
        self._similar: _Recent[_Similar] = _Recent()
        self._budgets: _Recent[_Budget] = _Recent()
        self._log = logger("kubernaut.events")

    def named(self, controller: str) -> EventSink:
        """The same recorder, reporting as another controller."""
        return _Named(self, controller)

    def event(
        self,
        obj: Resource | Mapping[str, Any],
        reason: str,
        message: str,
        type: EventType = "Normal",
        *,
        action: str = "Reconcile",
        related: Resource | Mapping[str, Any] | None = None,
    ) -> None:
        """Record an event; see `EventSink.event`."""
        self.record(self._controller, obj, reason, message, type, action=action, related=related)

    def record(
        self,
        controller: str,
        obj: Resource | Mapping[str, Any],
        reason: str,
        message: str,
        type: EventType,
        *,
        action: str,
        related: Resource | Mapping[str, Any] | None,
    ) -> None:
        """Record an event in the name of a controller."""
        if len(self._queue) >= QUEUE_LIMIT:
            self.dropped += 1
            return
        about = None if related is None else reference(related)
        now, wall = asyncio.get_running_loop().time(), (self._clock or current_clock()).now()
        note = message.encode()[:NOTE_LIMIT].decode(errors="ignore")
        self._queue.append(_Noted(controller, reference(obj), about, reason, action, note, type, now, wall))
        self._idle.clear()
        self._wake.set()

    async def drained(self) -> None:
        """Wait until everything recorded so far was written or dropped."""
        await self._idle.wait()

    async def run(self) -> None:
        """Write what is recorded, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                noted = self._queue.popleft()
                try:
                    await self._write(noted)
                except ClientError as error:
                    self.dropped += 1
                    self._log.warning("an event was not written", reason=noted.reason, error=str(error))
            self._idle.set()

    async def _write(self, noted: _Noted) -> None:
        if not self._affords(noted):
            self.dropped += 1
            return
        note = self._note(noted)
        key = (*noted.similar, note)
        series = self._series.get(key)
        if series is not None and noted.at - series.last < SERIES_SECONDS:
            series.count += 1
            series.last = noted.at
            self._series.move_to_end(key)
            try:
                body = {"series": {"count": series.count, "lastObservedTime": micro_time(noted.wall)}}
                headers = {"content-type": "application/merge-patch+json"}
                await self._client.request("PATCH", series.path, body=body, headers=headers)
            except NotFound:  # it expired on the server: begin again
                del self._series[key]
            else:
                return
        await self._create(noted, note, key)

    async def _create(self, noted: _Noted, note: str, key: tuple[str, ...]) -> None:
        namespace = noted.regarding.get("namespace") or "default"
        base = noted.regarding.get("name", "")[:230]
        name = f"{base}.{self._random.getrandbits(64):016x}"
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        body: dict[str, Any] = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": micro_time(noted.wall),
            "reportingController": noted.controller,
            "reportingInstance": self._instance,
            "action": noted.action,
            "reason": noted.reason,
            "regarding": noted.regarding,
            "note": note,
            "type": noted.type,
        }
        if noted.related is not None:
            body["related"] = noted.related
        await self._client.request("POST", path, body=body)
        self._series.keep(key, _Series(f"{path}/{name}", noted.at))

    def _affords(self, noted: _Noted) -> bool:
        budget = self._budgets.get(noted.about) or _Budget(SPAM_BURST, noted.at)
        budget.tokens = min(SPAM_BURST, budget.tokens + (noted.at - budget.at) * SPAM_RATE)
        budget.at = noted.at
        self._budgets.keep(noted.about, budget)
        if budget.tokens < 1.0:
            return False
        budget.tokens -= 1.0
        return True

    def _note(self, noted: _Noted) -> str:
        similar = self._similar.get(noted.similar)
        if similar is None or noted.at - similar.since > SIMILAR_SECONDS:
            similar = self._similar.keep(noted.similar, _Similar(noted.at))
        if noted.note in similar.notes:
            return noted.note
        if len(similar.notes) >= SIMILAR_LIMIT:
            return COMBINED_NOTE
        similar.notes[noted.note] = None
        return noted.note


class _Named:
    def __init__(self, recorder: EventRecorder, controller: str) -> None:
        self._recorder = recorder
        self._controller = controller

    def event(
        self,
        obj: Resource | Mapping[str, Any],
        reason: str,
        message: str,
        type: EventType = "Normal",
        *,
        action: str = "Reconcile",
        related: Resource | Mapping[str, Any] | None = None,
    ) -> None:
        self._recorder.record(self._controller, obj, reason, message, type, action=action, related=related)


def reference(obj: Resource | Mapping[str, Any]) -> dict[str, str]:
    """The ObjectReference of an object, as plain data without empty fields."""
    if not isinstance(obj, Resource):
        return {key: value for key, value in obj.items() if value}
    found = {
        "apiVersion": obj.api_version,
        "kind": obj.kind,
        "namespace": obj.namespace,
        "name": obj.name,
        "uid": obj.uid,
        "resourceVersion": obj.metadata.resource_version,
    }
    return {key: value for key, value in found.items() if value}


def micro_time(at: datetime) -> str:
    """A time in the form of Kubernetes' MicroTime: always six digits."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

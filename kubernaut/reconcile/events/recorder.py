"""Takes events from reconcilers at once, and writes them in a task of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from random import Random
from typing import Any, Protocol

import anyio

from kubernaut.client import (
    AlreadyExists,
    Client,
    ClientError,
    Invalid,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    TransportError,
)
from kubernaut.reconcile.events.correlation import Correlator
from kubernaut.reconcile.events.noted import (
    NOTE_LIMIT,
    WORD_LIMIT,
    EventType,
    Noted,
    Regarding,
    clip,
    controller_name,
    event_name,
    reference,
)
from kubernaut.reconcile.log import logger
from kubernaut.resources import format_micro_time
from kubernaut.timing import Clock, current_clock

QUEUE_LIMIT = 1000
"""Events waiting to be written; more are dropped and counted."""
TRIES = 12
RETRY_SECONDS = 10.0
"""How often, and how long apart, an event is sent while the server does not answer (client-go's numbers)."""

NAMESPACE, OLD_NAMESPACE = "default", "kube-system"
"""Where Events about objects of the cluster belong, and where a server before 1.21 wants them."""

_COLLECTION = "/apis/events.k8s.io/v1/namespaces/{}/events"
_MERGE_PATCH = {"content-type": "application/merge-patch+json"}


class EventSink(Protocol):
    """Where reconcilers tell what happened."""

    def event(
        self,
        obj: Regarding,
        reason: str,
        message: str,
        type: EventType = "Normal",
        *,
        action: str = "Reconcile",
        related: Regarding | None = None,
    ) -> None:
        """Record an event about `obj` (an object, or an ObjectReference as plain data); never waits, never raises.

        `reason` and `action` are UpperCamelCase words for machines (cut at 128 bytes), `message` is for people (cut at
        1024 bytes). `related` is a second object that has to do with it.
        """
        ...


class EventRecorder:
    """Takes events from all controllers of a manager and writes them in `run`.

    Events are best effort: one that the server refuses, that there is no room for, or that cannot be made sense of is
    dropped, counted in `dropped`, and logged (of those in a row that a full queue has no room for, the first); one
    above the rate of its object is dropped and counted. While the server does not answer, the oldest is sent again and
    again for two minutes before it is given up.
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
        self._instance = clip(instance or controller, WORD_LIMIT)
        self._random = random or Random(0)
        self._clock = clock
        self._queue: deque[Noted] = deque()
        self._full = False
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._correlator = Correlator()
        self._of_cluster = NAMESPACE
        self._log = logger("kubernaut.events")

    def named(self, controller: str) -> EventSink:
        """The same recorder, reporting as another controller."""
        return _Named(self, controller)

    def event(
        self,
        obj: Regarding,
        reason: str,
        message: str,
        type: EventType = "Normal",
        *,
        action: str = "Reconcile",
        related: Regarding | None = None,
    ) -> None:
        """Record an event; see `EventSink.event`."""
        self.record(self._controller, obj, reason, message, type, action=action, related=related)

    def record(
        self,
        controller: str,
        obj: Regarding,
        reason: str,
        message: str,
        type: EventType,
        *,
        action: str,
        related: Regarding | None,
    ) -> None:
        """Record an event in the name of a controller."""
        if len(self._queue) >= QUEUE_LIMIT:
            self._refuse()
            return
        try:
            noted = Noted(
                controller=controller_name(controller),
                regarding=reference(obj),
                related=None if related is None else reference(related),
                reason=clip(reason, WORD_LIMIT),
                action=clip(action, WORD_LIMIT),
                note=clip(message, NOTE_LIMIT),
                type=type,
                at=asyncio.get_running_loop().time(),
                wall=(self._clock or current_clock()).now(),
            )
        except Exception as error:
            self._drop(reason if isinstance(reason, str) else f"a {reason.__class__.__name__}", error)
            return
        self._queue.append(noted)
        self._full = False
        self._idle.clear()
        self._wake.set()

    async def drained(self) -> None:
        """Wait until everything recorded so far was written or dropped."""
        await self._idle.wait()

    async def run(self) -> None:
        """Write what is recorded, until cancelled; what is then left counts as dropped."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    await self._write(self._queue[0])
                    self._queue.popleft()
                self._idle.set()
        finally:
            self.dropped += len(self._queue)
            self._queue.clear()
            self._idle.set()

    async def _write(self, noted: Noted) -> None:
        if not self._correlator.affords(noted):
            self.dropped += 1
            return
        try:
            note = self._correlator.note(noted)
            if not await self._repeat(noted, note):
                await self._create(noted, note)
        except Exception as error:
            self._drop(noted.reason, error)

    async def _repeat(self, noted: Noted, note: str) -> bool:
        """Count it in the series of the Event that it repeats; False if there is no such Event (any more)."""
        series = self._correlator.repeated(noted, note)
        if series is None:
            return False
        body = {"series": {"count": series.count, "lastObservedTime": format_micro_time(noted.wall)}}
        try:
            await self._send("PATCH", series.path, body, _MERGE_PATCH)
        except NotFound:  # it expired on the server: begin again
            return False
        return True

    async def _create(self, noted: Noted, note: str) -> None:
        own = noted.regarding.get("namespace")
        try:
            path = await self._post(noted, note, own or self._of_cluster)
        except Invalid:
            if own or self._of_cluster == OLD_NAMESPACE:
                raise
            path = await self._post(noted, note, OLD_NAMESPACE)
            self._of_cluster = OLD_NAMESPACE
        self._correlator.begun(noted, note, path)

    async def _post(self, noted: Noted, note: str, namespace: str) -> str:
        """Create the Event; its path."""
        collection = _COLLECTION.format(namespace)
        name = event_name(noted.regarding, self._random)
        try:
            await self._send("POST", collection, noted.body(name, namespace, note, self._instance))
        except AlreadyExists:  # another process made the same name up
            name = event_name(noted.regarding, self._random)
            await self._send("POST", collection, noted.body(name, namespace, note, self._instance))
        return f"{collection}/{name}"

    async def _send(
        self, method: str, path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        for number in range(1, TRIES + 1):
            try:
                await self._client.request(method, path, body=body, headers=headers)
                return
            except AlreadyExists:
                if number == 1:
                    raise
                return  # an earlier try had arrived after all
            except (TransportError, TooManyRequests, ServiceUnavailable) as error:
                if number == TRIES:
                    raise
                wait = RETRY_SECONDS * (1.0 + self._random.random() / 4)
                asked = None if isinstance(error, TransportError) else error.retry_after
            await anyio.sleep(max(wait, asked or 0.0))

    def _refuse(self) -> None:
        self.dropped += 1
        if not self._full:  # one line for all that follow: the server is slow already, and so may be the log
            self._full = True
            self._log.warning("events are dropped: too many wait to be written", waiting=len(self._queue))

    def _drop(self, reason: str, error: Exception) -> None:
        self.dropped += 1
        unexpected = not isinstance(error, ClientError)
        told = f"{type(error).__name__}: {error}"
        self._log.warning("an event was not written", reason=reason, error=told, exc_info=unexpected)


class _Named:
    def __init__(self, recorder: EventRecorder, controller: str) -> None:
        self._recorder = recorder
        self._controller = controller

    def event(
        self,
        obj: Regarding,
        reason: str,
        message: str,
        type: EventType = "Normal",
        *,
        action: str = "Reconcile",
        related: Regarding | None = None,
    ) -> None:
        self._recorder.record(self._controller, obj, reason, message, type, action=action, related=related)

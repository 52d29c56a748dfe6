"""The API server of one run: whoever asks it, asks here, so that all that changes is seen and noted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec

from kubernaut.client import TransportRequest
from kubernaut.client.requestinfo import RequestInfo, classify
from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.impersonation import lines_of
from kubernaut.fake.apiserver.messages import Request, Response, Stream
from kubernaut.fake.apiserver.registry import ResourceInfo
from kubernaut.fake.apiserver.snapshot import Event, Snapshot, prepare_new, storage_of
from kubernaut.testing.exploration.remembered import Answers, surrounds
from kubernaut.testing.exploration.trace import Trace

__all__ = ["EVENTS", "QUIET_KINDS", "Changed", "Site", "described", "told"]

EVENTS = "events"
QUIET_KINDS = (EVENTS, "coordination.k8s.io/leases")
"""What does not keep a world from being at rest: events, and leases, which may be renewed for ever."""

Changed = Callable[[str, Event, str], None]
"""Told of a change: the kind's name in the storage, the event, and who made it."""


class Site:
    """One run's server. `last_change` is the loop's time of the last change that counts, `changes` their number."""

    def __init__(self, server: ApiServer, snapshot: Snapshot, trace: Trace, answers: Answers | None = None) -> None:
        self.server = server
        self.snapshot = snapshot
        self.storage = storage_of(server)
        self.first = self.storage.version
        """The version of the last write before the run."""
        self.trace = trace
        self.last_change = 0.0
        self.changes: dict[str, int] = {}
        self._actor = ""
        self._answers = answers if answers is not None and answers.usable else None
        self._heard: list[tuple[str, Event, str]] = []
        self._subscribers: list[Changed] = []

    def subscribe(self, changed: Changed) -> None:
        """Be told of each change, after the request that made it."""
        self._subscribers.append(changed)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Within it, changes are heard."""
        self.storage.listeners.append(self._hear)
        try:
            yield
        finally:
            self.storage.listeners.remove(self._hear)

    async def answer(self, request: TransportRequest, info: RequestInfo, actor: str) -> Response | Stream:
        """What the server says to a request of a client; whoever asks notes it, and then calls `tell`."""
        self._actor = actor
        question = None if self._answers is None else self._answers.question(request, info)
        if question is None or self._answers is None:
            return await self.server.answer(*_given(request))
        known = self._answers.known(question, info.verb)
        if known is not None:
            return known
        before = len(self._heard)
        answer = await self.server.answer(*_given(request))
        if self._answers is not None:
            self._answers.learn(question, info.verb, answer, self._heard[before:])
        return answer

    def ask(self, method: str, path: str, body: Any = None, *, actor: str, kind: str = "application/json") -> Any:
        """One request at once, with its answer decoded; None where the server refused or has no such object."""
        headers = {"content-type": kind, "user-agent": actor.split("/")[0]}
        encoded = b"" if body is None else msgspec.json.encode(body)
        self._actor = actor
        answer = self.server.handle(Request(method, path, {}, headers, encoded))
        if method != "GET":
            code = answer.status if isinstance(answer, Response) else 200
            info = classify(TransportRequest(method, path, body=encoded))
            self.trace.add(actor, f"{info} -> {code}")
        self.tell()
        if not isinstance(answer, Response) or answer.status >= 300:
            return None
        return msgspec.json.decode(answer.body)

    def put(self, obj: dict[str, Any], *, actor: str) -> None:
        """Store an object as it is, without any check: for simulated controllers, whose writes are known to be right.

        A new object gets its uid and times; one that is going, and has no finalizers left, goes.
        """
        info = self.server.resource_for(obj["apiVersion"], obj["kind"])
        assert info is not None
        self._actor = actor
        metadata = obj["metadata"]
        new = "uid" not in metadata
        if new:
            prepare_new(self.server, obj)
        metadata["resourceVersion"] = str(self.storage.next_version())
        gone = "deletionTimestamp" in metadata and not metadata.get("finalizers")
        (self.storage.remove if gone else self.storage.put)(info.store, obj, info.fields)
        where = f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else metadata["name"]
        what = f"{info.plural}.{info.group}" if info.group else info.plural
        self.trace.add(actor, f"{'create' if new else 'delete' if gone else 'update'} {what} {where}")
        self.tell()

    def info_of(self, obj: Mapping[str, Any]) -> ResourceInfo | None:
        """How the kind of an object is served; None where it is not."""
        return self.server.resource_for(obj["apiVersion"], obj["kind"])

    def path_of(self, obj: Mapping[str, Any], subresource: str = "") -> str | None:
        """The path of an object; None where its kind is not served."""
        info = self.info_of(obj)
        if info is None:
            return None
        root = f"/apis/{info.group}/{info.version}" if info.group else f"/api/{info.version}"
        meta = obj["metadata"]
        where = f"/namespaces/{meta['namespace']}" if meta.get("namespace") else ""
        return f"{root}{where}/{info.plural}/{meta['name']}" + (f"/{subresource}" if subresource else "")

    def _hear(self, kind: str, event: Event) -> None:
        self._heard.append((kind, event, self._actor))
        if surrounds(kind):
            self._answers = None
        if kind not in QUIET_KINDS:
            self.last_change = asyncio.get_running_loop().time()
            self.changes[self._actor] = self.changes.get(self._actor, 0) + 1

    def tell(self) -> None:
        """Tell the subscribers what has changed."""
        if not self._heard:
            return
        heard, self._heard = self._heard, []
        for kind, event, actor in heard:
            for subscriber in self._subscribers:
                subscriber(kind, event, actor)


# Most requests of a run are those of the run before.
@lru_cache(maxsize=1024)
def told(info: RequestInfo) -> tuple[str, str]:
    """A request without names, as a schedule calls it, and with them, as a timeline does."""
    return described(info), str(info)


def described(info: RequestInfo) -> str:
    """A request without names: what a schedule calls it."""
    if not info.resource:
        return f"{info.verb} {info.path}"
    resource = f"{info.resource}.{info.group}" if info.group else info.resource
    return f"{'apply' if info.apply else info.verb} {resource}" + (f"/{info.subresource}" if info.subresource else "")


def _given(request: TransportRequest) -> tuple[Request, list[tuple[str, str]]]:
    """A client's request as the server reads it, and its headers that may be repeated."""
    headers = {name.lower(): value if isinstance(value, str) else value[-1] for name, value in request.headers.items()}
    lines = lines_of({})
    for name, value in request.headers.items():
        if name.lower().startswith("impersonate-"):
            lines += [(name.lower(), each) for each in ((value,) if isinstance(value, str) else value)]
    query: dict[str, list[str]] = {}
    for key, value in request.query:
        query.setdefault(key, []).append(value)
    return Request(request.method, unquote(request.path), query, headers, request.body or b""), lines

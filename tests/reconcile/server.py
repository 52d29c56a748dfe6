"""A tiny scripted API server behind the Transport seam: one kind's objects, with faults on demand."""

import asyncio
import contextlib
import copy
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from kubernaut.client import TransportError, TransportRequest, TransportResponse
from kubernaut.reconcile.selectors import LabelSelector

Body = dict[str, Any]
Answer = tuple[int, Body] | tuple[int, Body, dict[str, str]]
Query = dict[str, str]
END = {"k8s.io/initial-events-end": "true"}


class Server:
    """Widgets of example.dev/v1, ConfigMaps and Events; merge patches, status, finalizers, conflicts, watches."""

    def __init__(self) -> None:
        self.version = 10
        self.objects: dict[tuple[str, str | None, str | None], Body] = {}
        self.log: list[tuple[int, str, str, Body]] = []  # every event as (version, type, plural, object)
        self.requests: list[TransportRequest] = []
        self.events: list[tuple[str, str | None, Body]] = []
        self.served = True
        self.paused = False  # watches deliver nothing while paused
        self.fail: list[
            Callable[[TransportRequest], Answer | None]
        ] = []  # callables(request) -> (status, body) | None | raises
        self.changed = asyncio.Event()
        self._pages: dict[str, tuple[int, list[Body]]] = {}  # what the pages to come show, by continue token
        self.cut = 0  # bumping it ends all watches
        self.oldest = 0  # watches from before this version are expired
        self.before: dict[int, Body | None] = {}  # by version: the object before that event
        self.streaming = True  # else streaming lists are refused, as servers before 1.27 do
        self.ending = True  # a streaming list ends with its bookmark
        self.timeouts = False  # watches end after their timeoutSeconds
        self.frames: list[tuple[int, bytes]] = []  # (position in the log, bytes) for watches that are open then
        self.streams = 0  # watches that are open
        self.refreshes = 0
        self.refreshable = False  # whether `refresh` finds newer credentials

    def put(self, plural: str, obj: Body) -> Body:
        obj = copy.deepcopy(obj)
        key = (plural, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        old = self.objects.get(key)
        self.version += 1
        meta = obj["metadata"]
        meta.setdefault("uid", old["metadata"]["uid"] if old else f"uid-{self.version}")
        spec_changed = old is not None and old.get("spec") != obj.get("spec")
        meta["generation"] = (old["metadata"]["generation"] + spec_changed) if old else 1
        meta["resourceVersion"] = str(self.version)
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            self.objects.pop(key, None)
            self._log("DELETED", plural, obj, old)
            return obj
        self.objects[key] = obj
        self._log("MODIFIED" if old else "ADDED", plural, obj, old)
        return obj

    def remove(self, plural: str, namespace: str | None, name: str) -> Body:
        obj = copy.deepcopy(self.objects.pop((plural, namespace, name)))
        self.version += 1
        old = copy.deepcopy(obj)
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._log("DELETED", plural, obj, old)
        return obj

    def send(self, *chunks: bytes) -> None:
        """Send bytes to the watches that are open now, after what has happened by now."""
        self.frames += [(len(self.log), chunk) for chunk in chunks]
        self.poke()

    def bookmark(self, version: int | None = None, annotations: dict[str, str] | None = None) -> None:
        """Send a bookmark to the watches that are open now."""
        self.send(bookmark_frame(version or self.version, annotations))

    def hang_up(self) -> None:
        """End all watches that are open now."""
        self.cut += 1
        self.poke()

    def compact(self) -> None:
        """Forget all history: watches from before now are expired."""
        self.oldest = self.version

    @property
    def lists(self) -> list[Query]:
        """The queries of all lists so far."""
        return [query for r in self.requests if r.method == "GET" and "watch" not in (query := dict(r.query))]

    @property
    def watches(self) -> list[Query]:
        """The queries of all watches so far, those of streaming lists included."""
        return [query for r in self.requests if r.method == "GET" and "watch" in (query := dict(r.query))]

    def _log(self, type_: str, plural: str, obj: Body, before: Body | None) -> None:
        self.log.append((self.version, type_, plural, copy.deepcopy(obj)))
        self.before[self.version] = copy.deepcopy(before)
        self.poke()

    def poke(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def refresh(self) -> bool:
        self.refreshes += 1
        return self.refreshable

    async def aclose(self) -> None:
        pass

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        await asyncio.sleep(0)
        self.requests.append(request)
        for fault in list(self.fail):
            answer = fault(request)
            if answer is not None:
                yield _response(*answer)
                return
        parts = request.path.strip("/").split("/")
        parts = parts[3:] if parts[0] == "apis" else parts[2:]
        namespace = None
        if parts[0] == "namespaces" and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        plural = parts[0]
        name = parts[1] if len(parts) > 1 else None
        sub = parts[2] if len(parts) > 2 else None
        query = dict(request.query)
        if not self.served and plural == "widgets":
            yield _response(404, _status(404, "NotFound", "the server could not find the requested resource"))
        elif query.get("sendInitialEvents") and not self.streaming:
            yield _response(422, _status(422, "Invalid", "sendInitialEvents: Forbidden: unknown to this server"))
        elif query.get("watch"):
            after = int(query["resourceVersion"]) if "resourceVersion" in query else None
            if after is not None and after < self.oldest:
                yield _response(410, _status(410, "Expired", "too old resource version"))
            else:
                chunks = self._watch(request, plural, namespace, after)
                self.streams += 1
                try:
                    yield TransportResponse(200, {}, chunks)
                finally:
                    self.streams -= 1
                    await chunks.aclose()
        else:
            yield _response(*self._answer(request, plural, namespace, name, sub, query))

    async def _watch(
        self, request: TransportRequest, plural: str, namespace: str | None, after: int | None
    ) -> AsyncGenerator[bytes, None]:
        cut, at, sent = self.cut, 0, len(self.frames)
        query = dict(request.query)
        if after is None:
            after = self.version
            at = len(self.log)
            for obj in self._chosen(plural, namespace, query):
                yield _frame("ADDED", _view(obj, request))
            if self.ending:
                yield bookmark_frame(after, END)
        end = asyncio.get_running_loop().time() + (int(query.get("timeoutSeconds", 0)) if self.timeouts else 1e9)
        while self.cut == cut and asyncio.get_running_loop().time() < end:
            changed = self.changed
            while not self.paused and (at < len(self.log) or sent < len(self.frames)):
                if sent < len(self.frames) and self.frames[sent][0] <= at:
                    sent += 1
                    yield self.frames[sent - 1][1]
                    continue
                version, type_, of, obj = self.log[at]
                at += 1
                told = self._told(version, type_, obj, namespace, query)
                if version > after and of == plural and told:
                    yield _frame(told, _view(obj, request))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end if self.timeouts else None):
                    await changed.wait()

    def _told(self, version: int, type_: str, obj: Body, namespace: str | None, query: Query) -> str | None:
        """The type under which a watch tells an event: what enters or leaves the selection is added or deleted."""
        before = self.before[version]
        now = type_ != "DELETED" and _selected(obj, namespace, query)
        then = before is not None and _selected(before, namespace, query)
        return ("MODIFIED" if then else "ADDED") if now else ("DELETED" if then else None)

    def _chosen(self, plural: str, namespace: str | None, query: Query) -> list[Body]:
        return [o for (p, _, _), o in self.objects.items() if p == plural and _selected(o, namespace, query)]

    def _page(self, plural: str, namespace: str | None, query: dict[str, str], request: TransportRequest) -> Body:
        """One page of a list: all pages show the objects as they were when the first one was asked for."""
        token = query.get("continue")
        if token is None:
            listed = [_view(obj, request) for obj in self._chosen(plural, namespace, query)]
            version = self.version
        else:
            version, listed = self._pages[token]
        limit = int(query.get("limit", len(listed) + 1))
        meta: dict[str, Any] = {"resourceVersion": str(version)}
        if limit < len(listed):
            meta["continue"] = f"{version}-{len(listed) - limit}-{len(self._pages)}"
            self._pages[meta["continue"]] = (version, copy.deepcopy(listed[limit:]))
        return {"kind": "List", "metadata": meta, "items": listed[:limit]}

    def _answer(
        self,
        request: TransportRequest,
        plural: str,
        namespace: str | None,
        name: str | None,
        sub: str | None,
        query: dict[str, str],
    ) -> Answer:
        body = json.loads(request.body) if request.body else {}
        key = (plural, namespace, name)
        if plural == "events":
            self.events.append((request.method, name, body))
            return 200, body
        if request.method == "GET" and name is None:
            return 200, self._page(plural, namespace, query, request)
        if request.method == "POST":
            return 201, self.put(plural, body)
        live = self.objects.get(key)
        if live is None:
            return 404, _status(404, "NotFound", f"{plural} {name} not found")
        if request.method == "GET":
            return 200, live
        if request.method == "DELETE":
            if live["metadata"].get("finalizers"):
                meta = {**live["metadata"], "deletionTimestamp": "2024-01-01T00:00:00Z"}
                return 200, self.put(plural, {**live, "metadata": meta})
            return 200, self.remove(plural, namespace, name or "")
        wanted = body.get("metadata", {}).get("resourceVersion")
        if wanted and wanted != live["metadata"]["resourceVersion"]:
            return 409, _status(409, "Conflict", "the object has been modified")
        if sub == "status":
            return 200, self.put(plural, {**live, "status": body.get("status")})
        if request.method == "PATCH":
            return 200, self.put(plural, _merge(live, body))
        return 200, self.put(plural, {**body, "metadata": {**live["metadata"], **body["metadata"]}})


def widget(name: str, size: int = 1, status: dict[str, Any] | None = None) -> Body:
    """A widget as its author writes it, in the namespace shop."""
    obj: Body = {"apiVersion": "example.dev/v1", "kind": "Widget", "spec": {"size": size}}
    obj["metadata"] = {"name": name, "namespace": "shop"}
    return {**obj, "status": status} if status else obj


def refuse(
    server: Server,
    times: int = 1,
    code: int | None = None,
    match: Callable[[TransportRequest], bool] = lambda request: True,
    retry_after: int | None = None,
) -> None:
    """Make the next `times` matching requests fail: with a Status of `code`, or with no connection.

    `retry_after` (seconds) is answered in the header.
    """
    left = [times]

    def fault(request: TransportRequest) -> Answer | None:
        if not match(request) or left[0] <= 0:
            return None
        left[0] -= 1
        if code is None:
            raise TransportError("connection refused")
        headers = {"retry-after": str(retry_after)} if retry_after is not None else {}
        return code, _status(code, REASONS[code], "refused"), headers

    server.fail.append(fault)


def watching(request: TransportRequest) -> bool:
    """Whether a request is a watch, streaming lists included."""
    return "watch" in dict(request.query)


def listing(request: TransportRequest) -> bool:
    """Whether a request is a list in pages."""
    return request.method == "GET" and not watching(request)


def bookmark_frame(version: int, annotations: dict[str, str] | None = None) -> bytes:
    """The frame of a bookmark."""
    metadata: Body = {"resourceVersion": str(version), **({"annotations": annotations} if annotations else {})}
    return _frame("BOOKMARK", {"apiVersion": "example.dev/v1", "kind": "Widget", "metadata": metadata})


REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def _frame(type_: str, obj: Body) -> bytes:
    return json.dumps({"type": type_, "object": obj}).encode() + b"\n"


def _view(obj: Body, request: TransportRequest) -> Body:
    """The object, or its metadata where the request asks for that."""
    if "PartialObjectMetadata" not in str(request.headers.get("accept", "")):
        return obj
    return {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": obj["metadata"]}


def _selected(obj: Body, namespace: str | None, query: Query) -> bool:
    meta = obj["metadata"]
    fields = {"metadata.name": meta["name"], "metadata.namespace": meta.get("namespace") or ""}
    fields["spec.size"] = str(obj.get("spec", {}).get("size", ""))
    return (
        namespace in (None, meta.get("namespace"))
        and LabelSelector.parse(query.get("labelSelector")).matches(meta.get("labels") or {})
        and LabelSelector.parse(query.get("fieldSelector")).matches(fields)
    )


def _merge(doc: Body, patch: Body) -> Body:
    out = copy.deepcopy(doc)
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict):
            out[key] = _merge(out.get(key) or {}, value)
        else:
            out[key] = value
    return out


def _status(code: int, reason: str, message: str) -> Body:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "code": code,
        "reason": reason,
        "message": message,
        "status": "Failure",
    }


def _response(status: int, body: Body, headers: dict[str, str] | None = None) -> TransportResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield json.dumps(body).encode()

    return TransportResponse(status, headers or {}, chunks())

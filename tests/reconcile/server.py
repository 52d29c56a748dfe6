"""A tiny scripted API server behind the Transport seam: one kind's objects, with faults on demand."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from kubernaut.client import TransportError, TransportRequest, TransportResponse

Body = dict[str, Any]
Answer = tuple[int, Body]


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
        self.cut = 0  # bumping it ends all watches
        self.oldest = 0  # watches from before this version are expired

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
            self._log("DELETED", plural, obj)
            return obj
        self.objects[key] = obj
        self._log("MODIFIED" if old else "ADDED", plural, obj)
        return obj

    def remove(self, plural: str, namespace: str | None, name: str) -> Body:
        obj = copy.deepcopy(self.objects.pop((plural, namespace, name)))
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._log("DELETED", plural, obj)
        return obj

    def _log(self, type_: str, plural: str, obj: Body) -> None:
        self.log.append((self.version, type_, plural, copy.deepcopy(obj)))
        self.poke()

    def poke(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def refresh(self) -> bool:
        return False

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
        elif query.get("watch"):
            if int(query["resourceVersion"]) < self.oldest:
                yield _response(410, _status(410, "Expired", "too old resource version"))
            else:
                yield TransportResponse(200, {}, self._watch(plural, int(query["resourceVersion"])))
        else:
            yield _response(*self._answer(request, plural, namespace, name, sub, query))

    async def _watch(self, plural: str, after: int) -> AsyncIterator[bytes]:
        cut, at = self.cut, 0
        while self.cut == cut:
            changed = self.changed
            while not self.paused and at < len(self.log):
                version, type_, of, obj = self.log[at]
                at += 1
                if version > after and of == plural:
                    yield json.dumps({"type": type_, "object": obj}).encode() + b"\n"
            await changed.wait()

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
            items = [o for (p, ns, _), o in self.objects.items() if p == plural and namespace in (None, ns)]
            start = int(query.get("continue", 0))
            limit = int(query.get("limit", 500))
            meta = {"resourceVersion": str(self.version)}
            if start + limit < len(items):
                meta["continue"] = str(start + limit)
            return 200, {"kind": "List", "metadata": meta, "items": items[start : start + limit]}
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
) -> None:
    """Make the next `times` matching requests fail: with a Status of `code`, or with no connection."""
    left = [times]

    def fault(request: TransportRequest) -> Answer | None:
        if not match(request) or left[0] <= 0:
            return None
        left[0] -= 1
        if code is None:
            raise TransportError("connection refused")
        reason = {409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError"}[code]
        return code, _status(code, reason, "refused")

    server.fail.append(fault)


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


def _response(status: int, body: Body) -> TransportResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield json.dumps(body).encode()

    return TransportResponse(status, {}, chunks())

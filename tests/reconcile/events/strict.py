"""The rules of kube-apiserver for Events of events.k8s.io/v1, in front of any server."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kubernaut.client import Transport, TransportRequest, TransportResponse

Body = dict[str, Any]

LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = re.compile(rf"{LABEL}(\.{LABEL})*")
QUALIFIED = re.compile(rf"({LABEL}(\.{LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?")
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def problems(event: Body) -> list[str]:
    """What pkg/apis/core/validation/events.go has against a new Event; sizes are in bytes."""
    meta, found = event["metadata"], []
    sizes = {"reportingInstance": 128, "action": 128, "reason": 128, "note": 1024}
    for name in ("reportingController", "reportingInstance", "action", "reason"):
        if not event.get(name):
            found.append(f"{name}: required")
    for name, size in sizes.items():
        if len(event.get(name, "").encode()) > size:
            found.append(f"{name}: can have at most {size} characters")
    if not QUALIFIED.fullmatch(event.get("reportingController", "")):
        found.append("reportingController: must be a qualified name")
    if not SUBDOMAIN.fullmatch(meta["name"]) or len(meta["name"]) > 253:
        found.append("metadata.name: must be a DNS subdomain")
    if not MICRO_TIME.fullmatch(event.get("eventTime") or ""):
        found.append("eventTime: required")
    if event.get("type") not in ("Normal", "Warning"):
        found.append("type: has invalid value")
    regarding = event.get("regarding", {}).get("namespace", "")
    if meta["namespace"] != regarding and (regarding or meta["namespace"] not in ("default", "kube-system")):
        found.append("regarding.namespace: does not match the namespace")
    return found + series_problems(event)


def series_problems(event: Body) -> list[str]:
    series = event.get("series")
    if series is None:
        return []
    found = [] if series.get("count", 0) >= 2 else ["series.count: should be at least 2"]
    return found if MICRO_TIME.fullmatch(series.get("lastObservedTime", "")) else [*found, "lastObservedTime: required"]


class Strict:
    """Refuses Events that a real server would refuse; hands everything else on."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        found: list[str] = []
        if "/events" in request.path and request.method == "POST":
            found = problems(json.loads(request.body or b""))
        elif "/events" in request.path and request.method == "PATCH":
            body = json.loads(request.body or b"")
            found = [f"{name}: field is immutable" for name in body if name != "series"] + series_problems(body)
        if found:
            status = {"kind": "Status", "code": 422, "reason": "Invalid", "message": "; ".join(found)}
            yield TransportResponse(422, {}, _once(json.dumps(status).encode()))
            return
        async with self._inner.open(request) as response:
            yield response

    async def refresh(self) -> bool:
        return await self._inner.refresh()

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body

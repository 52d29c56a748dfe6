"""Keeps an apply from taking a child away from another owner, where the server would not notice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import msgspec

from kubernaut.client import ObjectHead, Transport, TransportRequest, TransportResponse, decode_head
from kubernaut.client.frames import OwnerHead
from kubernaut.client.params import METADATA_OBJECT
from kubernaut.client.patches import ApplyPatch
from kubernaut.client.requestinfo import RequestInfo, classify
from kubernaut.reconcile.cache import Cache
from kubernaut.reconcile.result import Request

REMEMBERED = 10_000
"""Children of which is known for whom they were applied last; the one used longest ago goes first."""


class AdoptionGuard:
    """A transport that answers 422 Invalid to an apply that would make a second object the controller of a child.

    The server refuses two controllers, but an apply replaces the reference that an earlier apply of the same field
    manager made: of an owner that was deleted and made anew, the new one would take over the old one's children, just
    as the garbage collector is about to delete them. What controls an object is read from the cache. The server is
    asked (which needs the permission to get them) about objects that nothing watches, once, and about an object that
    was applied through here for another owner: the cache need not show that yet. While such an apply is under way, the
    answer is 409 Conflict.
    """

    def __init__(self, inner: Transport, cache: Cache) -> None:
        self._inner = inner
        self._cache = cache
        # claims: the uid of the owner for whom each path was applied last, noted before the apply is sent.
        self._claims: OrderedDict[str, str] = OrderedDict()
        # sending: how many applies to each path are under way, all of them for the owner in `claims`.
        self._sending: dict[str, int] = {}

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        if request.method == "PATCH" and request.headers.get("content-type") == ApplyPatch.content_type:
            return self._apply(request)
        return self._inner.open(request)

    async def refresh(self) -> bool:
        return await self._inner.refresh()

    async def aclose(self) -> None:
        await self._inner.aclose()

    @asynccontextmanager
    async def _apply(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        owner = _wanted_controller(request)
        if owner is None:
            async with self._inner.open(request) as response:
                yield response
            return
        refusal = await self._refusal(request, owner)
        if refusal is not None:
            yield refusal
            return
        path = request.path
        self._claim(path, owner.uid)
        self._sending[path] = self._sending.get(path, 0) + 1
        try:
            async with self._inner.open(request) as response:
                yield response
        finally:
            self._sending[path] -= 1
            if not self._sending[path]:
                del self._sending[path]

    async def _refusal(self, request: TransportRequest, owner: OwnerHead) -> TransportResponse | None:
        """The answer instead of the server's; after None nothing may be awaited until the path is claimed."""
        info = classify(request)
        if info.subresource:
            return None
        watched, head = self._cached(info)
        claim = self._claims.get(request.path)
        foreign = claim is not None and claim != owner.uid
        if foreign or (claim is None and not watched):
            answer = await self._live(request)
            if isinstance(answer, TransportResponse):
                return answer
            head = answer
            now = self._claims.get(request.path)
            if now != owner.uid and (now != claim or request.path in self._sending):
                return _contended(info)
        other = None if head is None else head.controller_owner
        if other is not None and other.uid != owner.uid:
            return _refused(info, other, owner)
        return None

    def _claim(self, path: str, uid: str) -> None:
        self._claims[path] = uid
        self._claims.move_to_end(path)
        if len(self._claims) > REMEMBERED:
            self._claims.popitem(last=False)

    def _cached(self, info: RequestInfo) -> tuple[bool, ObjectHead | None]:
        """Whether the cache tells if the object exists, and its metadata if it does."""
        resource = f"{info.resource}.{info.group}" if info.group else info.resource
        namespace = info.namespace or None
        complete = False
        for informer in self._cache.watching(resource, namespace):
            stored = informer.store.get(Request(namespace, info.name))
            if stored is not None:
                return True, stored.head
            complete = complete or (informer.synced.is_set() and not informer.absent and not informer.scope.selective)
        return complete, None

    async def _live(self, request: TransportRequest) -> ObjectHead | TransportResponse | None:
        """The object's metadata on the server; None if there is none; the answer as it is where that is an error."""
        headers = {name: value for name, value in request.headers.items() if name != "content-type"}
        read = replace(request, method="GET", query=(), headers={**headers, "accept": METADATA_OBJECT}, body=None)
        async with self._inner.open(read) as response:
            body = b"".join([chunk async for chunk in response.chunks])
        if response.status == 404:
            return None
        if response.status >= 400:
            return TransportResponse(response.status, response.headers, _once(body))
        return decode_head(body)


def _wanted_controller(request: TransportRequest) -> OwnerHead | None:
    try:
        return decode_head(request.body or b"").controller_owner
    except msgspec.DecodeError:  # the server will say what is wrong with it
        return None


def _refused(info: RequestInfo, other: OwnerHead, wanted: OwnerHead) -> TransportResponse:
    message = (
        f'{info.resource} "{info.name}" is controlled by {other.kind} {other.name} (uid {other.uid}) '
        f"and is not adopted by {wanted.kind} {wanted.name} (uid {wanted.uid})"
    )
    return _status(info, 422, "Invalid", message)


def _contended(info: RequestInfo) -> TransportResponse:
    message = f'{info.resource} "{info.name}" is being applied for another owner'
    return _status(info, 409, "Conflict", message)


def _status(info: RequestInfo, code: int, reason: str, message: str) -> TransportResponse:
    details = {"name": info.name, "group": info.group, "kind": info.resource}
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
    return TransportResponse(code, {}, _once(msgspec.json.encode({**status, "message": message, "details": details})))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body

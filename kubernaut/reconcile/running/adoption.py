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
"""Children of kinds that nothing watches of which is known who controls them; the one used longest ago goes first."""


class AdoptionGuard:
    """A transport that answers 422 Invalid to an apply that would make a second object the controller of a child.

    The server refuses two controllers, but an apply replaces the reference that an earlier apply of the same field
    manager made: of an owner that was deleted and made anew, the new one would take over the old one's children, just
    as the garbage collector is about to delete them. What controls an object is read from the cache; of objects that
    nothing watches, once from the server (which needs the permission to get them).
    """

    def __init__(self, inner: Transport, cache: Cache) -> None:
        self._inner = inner
        self._cache = cache
        # ours: (path, uid of the owner) of applies that went through to objects that nothing watches.
        self._ours: OrderedDict[tuple[str, str], None] = OrderedDict()

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
        refusal = None if owner is None else await self._refusal(request, owner)
        if refusal is not None:
            yield refusal
            return
        async with self._inner.open(request) as response:
            yield response

    async def _refusal(self, request: TransportRequest, owner: OwnerHead) -> TransportResponse | None:
        info = classify(request)
        if info.subresource:
            return None
        watched, head = self._cached(info)
        if not watched:
            if (request.path, owner.uid) in self._ours:
                self._ours.move_to_end((request.path, owner.uid))
                return None
            answer = await self._live(request)
            if isinstance(answer, TransportResponse):
                return answer
            head = answer
        other = None if head is None else head.controller_owner
        if other is not None and other.uid != owner.uid:
            return _refused(info, other, owner)
        if not watched:
            self._ours[request.path, owner.uid] = None
            if len(self._ours) > REMEMBERED:
                self._ours.popitem(last=False)
        return None

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
    details = {"name": info.name, "group": info.group, "kind": info.resource}
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": 422}
    return TransportResponse(422, {}, _once(msgspec.json.encode({**status, "message": message, "details": details})))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body

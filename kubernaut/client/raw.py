"""Requests and answers as bytes: the part of the client that knows nothing of kinds of objects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import msgspec

from kubernaut.client import params
from kubernaut.client.errors import error_from_status
from kubernaut.client.frames import RawFrames, RawPage, decode_page
from kubernaut.client.params import Query, Selector
from kubernaut.client.results import RawResponse
from kubernaut.client.transport import HeaderValue, Transport, TransportRequest, TransportResponse
from kubernaut.resources import ResourceType

__all__ = ["DEFAULT_TIMEOUT", "PAGE_SIZE", "RawClient"]

PAGE_SIZE = 500
DEFAULT_TIMEOUT = 60.0
UNAUTHORIZED = 401
# API servers redirect nobody: a 3xx comes from something else, and its body is no answer.
MULTIPLE_CHOICES = 300


class RawClient:
    """Sends requests over a transport; the base of `Client`, which says what holds for both."""

    def __init__(self, transport: Transport, *, user_agent: str, timeout: float | None) -> None:
        self._transport = transport
        self._owns_transport = True
        self._timeout = timeout
        self._headers: dict[str, HeaderValue] = {"user-agent": user_agent}

    @property
    def host(self) -> str:
        """The server's host and port, where the transport tells them."""
        return str(getattr(self._transport, "host", ""))

    @property
    def namespace(self) -> str | None:
        """The namespace that the configuration names (a kubeconfig's context, a pod's own), where there is one."""
        namespace = getattr(self._transport, "namespace", None)
        return namespace if isinstance(namespace, str) else None

    async def aclose(self) -> None:
        """Close the transport; does nothing on a client derived from another one."""
        if self._owns_transport:
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Any = None,
        headers: Mapping[str, HeaderValue] | None = None,
    ) -> RawResponse:
        """Send any request. ``body`` is JSON data, or bytes sent as they are. Raises ApiError from status 400 up."""
        encoded = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        return await self._send(method, path, query=query, body=encoded, headers=headers or {})

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, *, query: Query = (), timeout: float | None = None
    ) -> AsyncIterator[TransportResponse]:
        """Open a response without end, such as a followed log; ``timeout`` (seconds) is for the headers to arrive."""
        request = TransportRequest(method, path, tuple(query), self._headers, stream=True, timeout=timeout)
        async with self._transport.open(request) as response:
            if response.status >= MULTIPLE_CHOICES:
                raise error_from_status(response.status, await _read(response), response.headers)
            yield response

    async def list_pages(
        self,
        rt: ResourceType,
        *,
        namespace: str | None = None,
        labels: Selector = None,
        fields: Selector = None,
        limit: int | None = PAGE_SIZE,
        resource_version: str | None = None,
        continue_token: str | None = None,
        metadata_only: bool = False,
    ) -> AsyncIterator[RawPage]:
        """List in pages of ``limit`` (None: all at once), from ``continue_token`` on; items still encoded.

        Raises Expired when the pages take too long to read.
        """
        query = params.list_query(labels, fields)
        headers = {"accept": params.METADATA_LIST} if metadata_only else {}
        while True:
            paging = params.page_query(limit, continue_token, resource_version)
            page = decode_page(
                (await self._send("GET", rt.path(namespace), query=query + paging, headers=headers)).body
            )
            yield page
            if page.continue_ is None:
                return
            continue_token, resource_version = page.continue_, None

    @asynccontextmanager
    async def watch_raw(
        self,
        rt: ResourceType,
        *,
        namespace: str | None = None,
        labels: Selector = None,
        fields: Selector = None,
        resource_version: str | None = None,
        timeout_seconds: int | None = None,
        bookmarks: bool = True,
        send_initial_events: bool = False,
        metadata_only: bool = False,
    ) -> AsyncIterator[RawFrames]:
        """One watch, its objects still encoded. The server ends it after ``timeout_seconds``, or as it likes.

        ERROR and BOOKMARK events are handed on like the others. Raises Expired, or ApiError, when the server refuses
        the watch; TransportError when the stream breaks.
        """
        query = params.watch_query(
            labels, fields, resource_version, timeout_seconds, bookmarks=bookmarks, initial=send_initial_events
        )
        headers = {"accept": params.METADATA_OBJECT} if metadata_only else {"accept": "application/json"}
        request = TransportRequest(
            "GET", rt.path(namespace), query, {**self._headers, **headers}, stream=True, timeout=self._timeout
        )
        async with self._transport.open(request) as response:
            if response.status == UNAUTHORIZED:
                await self._transport.refresh()  # whoever watches opens the next watch with what is new
            if response.status >= MULTIPLE_CHOICES:
                raise error_from_status(response.status, await _read(response), response.headers)
            yield RawFrames(response.chunks)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: bytes | None = None,
        headers: Mapping[str, HeaderValue] | None = None,
    ) -> RawResponse:
        sent: dict[str, HeaderValue] = {"accept": "application/json", **self._headers}
        if body is not None:
            sent["content-type"] = "application/json"
        sent.update(headers or {})
        request = TransportRequest(method, path, tuple(query), sent, body, timeout=self._timeout)
        answer = await self._exchange(request)
        # A refused credential means that nothing was done, so asking again with a newer one is safe for writes too.
        if answer.status == UNAUTHORIZED and await self._transport.refresh():
            answer = await self._exchange(request)
        if answer.status >= MULTIPLE_CHOICES:
            raise error_from_status(answer.status, answer.body, answer.headers)
        return answer

    async def _exchange(self, request: TransportRequest) -> RawResponse:
        async with self._transport.open(request) as response:
            return RawResponse(response.status, response.headers, await _read(response))


async def _read(response: TransportResponse) -> bytes:
    return b"".join([chunk async for chunk in response.chunks])

"""Hands on what aiohttp receives: headers as the protocol wants them, chunks as they come."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import TypeGuard

import aiohttp

from kubernaut.client.errors import TransportError

__all__ = ["Collected", "Streamed", "described", "header_map", "in_handshake", "unreachable"]


class Collected:
    """The chunks of a body that was read already."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __aiter__(self) -> Collected:
        return self

    async def __anext__(self) -> bytes:
        body, self._body = self._body, b""
        if not body:
            raise StopAsyncIteration
        return body


class Streamed:
    """The chunks of a body as they arrive. Raises TransportError when the connection breaks."""

    def __init__(self, response: aiohttp.ClientResponse, what: str) -> None:
        self._response = response
        self._what = what

    def __aiter__(self) -> Streamed:
        return self

    async def __anext__(self) -> bytes:
        content = self._response.content
        try:
            while not (chunk := await content.readany()):
                if content.at_eof():
                    raise StopAsyncIteration
        except (aiohttp.ClientError, OSError, RuntimeError) as error:  # RuntimeError: the connection was closed here
            raise TransportError(f"{self._what}: the stream broke: {described(error)}") from error
        return chunk


def header_map(response: aiohttp.ClientResponse) -> Mapping[str, str]:
    """The headers, keys in lower case, repeated ones joined; without those of an encoding that is undone."""
    headers: dict[str, str] = {}
    for raw, value in response.headers.items():
        name = raw.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if headers.get("content-encoding") in ("gzip", "deflate"):
        del headers["content-encoding"]
        headers.pop("content-length", None)
    return headers


def described(error: BaseException) -> str:
    """What went wrong, for people: some of aiohttp's errors have no text."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answered {error.status} {error.message}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the server's certificate is not trusted: {error.certificate_error}"
    if unreachable(error):
        # The text of aiohttp tells the host again, and of TLS where there may be none.
        cause = error.os_error
        if cause.errno is not None and cause.errno > 0:
            return os.strerror(cause.errno)
        return cause.strerror or str(cause) or type(cause).__name__
    return str(error) or type(error).__name__


def unreachable(error: BaseException) -> TypeGuard[aiohttp.ClientConnectorError]:
    """Whether no connection to the server came about at all, for a reason that lies before TLS, and no proxy's."""
    other = aiohttp.ClientConnectorSSLError | aiohttp.ClientProxyConnectionError
    return isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, other)


def in_handshake(error: BaseException | None) -> bool:
    """Whether the error is one of TLS."""
    while error is not None:
        if isinstance(error, ssl.SSLError | aiohttp.ClientSSLError):
            return True
        error = error.__cause__
    return False

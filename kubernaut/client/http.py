"""Makes the HTTP clients that speak to services other than API servers; the one place that knows the library."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import httpx

__all__ = ["http_client"]


def http_client(
    base_url: str = "",
    *,
    timeout: float = 10.0,
    headers: Mapping[str, str] | None = None,
    verify: ssl.SSLContext | bool = True,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """An HTTP client, used as an async context manager or closed with `aclose`.

    `timeout` (seconds) holds for connecting and for each wait on the connection; bound the whole exchange with
    `asyncio.timeout`. The proxy variables of the environment are honoured. `transport` replaces the network.
    """
    return httpx.AsyncClient(
        base_url=base_url, timeout=timeout, headers=dict(headers or {}), verify=verify, transport=transport
    )

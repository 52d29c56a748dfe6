"""Sockets on which a peer that vanished is found in 45 seconds, also while nothing is sent."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

__all__ = ["DEAD_AFTER", "OPTIONS", "open_socket"]

DEAD_AFTER = 45
"""Seconds from the last sign of life until the connection breaks (client-go's HTTP/2 pings: 30 + 15)."""

# Idle for 15 s, then three probes 10 s apart. Data on the way gives up after 30 s; with TCP_USER_TIMEOUT set, Linux
# judges probes by it as well: the probe at 35 s ends it.
OPTIONS: tuple[tuple[str, int], ...] = (
    ("TCP_KEEPIDLE", 15),
    ("TCP_KEEPALIVE", 15),  # macOS' name for the same
    ("TCP_KEEPINTVL", 10),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 30_000),
)


def open_socket(address: Sequence[Any]) -> socket.socket:
    """A socket for one result of getaddrinfo, with keepalive; options that the system lacks are left out."""
    family, kind, protocol = address[:3]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in OPTIONS:
            if hasattr(socket, name):
                opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    except BaseException:
        opened.close()
        raise
    return opened

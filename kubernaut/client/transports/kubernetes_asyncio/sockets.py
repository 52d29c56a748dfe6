"""Sockets on which a peer that vanished is found in a bounded time, also while nothing is sent."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["DEAD_AFTER", "MIN_DEAD_AFTER", "socket_opener", "socket_options"]

DEAD_AFTER = 45
"""Seconds from the last sign of life until the connection breaks (client-go's HTTP/2 pings: 30 + 15)."""
MIN_DEAD_AFTER = 4
"""What the system's whole seconds allow: one idle, and three probes a second apart."""
PROBES = 3


def socket_options(dead_after: int) -> tuple[tuple[str, int], ...]:
    """Options of TCP, by name, for a connection that breaks `dead_after` seconds after the last sign of life.

    For 45: idle for 15 s, then three probes 10 s apart. Data on the way gives up after 30 s; with TCP_USER_TIMEOUT set,
    Linux judges probes by it as well: the probe at 35 s ends it.
    """
    idle, interval = max(1, dead_after // 3), max(1, dead_after * 2 // 9)
    return (
        ("TCP_KEEPIDLE", idle),
        ("TCP_KEEPALIVE", idle),  # macOS' name for the same
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", PROBES),
        ("TCP_USER_TIMEOUT", dead_after * 2000 // 3),
    )


def socket_opener(dead_after: int) -> Callable[[Sequence[Any]], socket.socket]:
    """Opens a socket for one result of getaddrinfo, with keepalive; options that the system lacks are left out."""
    options = [(getattr(socket, name), value) for name, value in socket_options(dead_after) if hasattr(socket, name)]

    def open_socket(address: Sequence[Any]) -> socket.socket:
        family, kind, protocol = address[:3]
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in options:
                opened.setsockopt(socket.IPPROTO_TCP, option, value)
        except BaseException:
            opened.close()
            raise
        return opened

    return open_socket

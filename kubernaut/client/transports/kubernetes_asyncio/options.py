"""What a program may choose about its connections, apart from which cluster it is."""

from __future__ import annotations

from dataclasses import dataclass

from kubernaut.client.transports.kubernetes_asyncio.sockets import DEAD_AFTER, MIN_DEAD_AFTER

__all__ = ["TransportOptions"]


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """Limits and habits of one transport. Raises ValueError for values that make no sense."""

    max_connections: int = 100
    """Requests at a time; further ones wait, within their timeouts. Streams are not counted: a watch lasts."""
    keep_alive: float = 30.0
    """Seconds that an idle connection is kept for the next request; 0: none is."""
    connect_timeout: float = 30.0
    """Seconds for a connection to be made, TLS included."""
    compression: bool = True
    """Let the server compress large answers."""
    dead_after: int = DEAD_AFTER
    """Seconds, at least 4, after which a connection breaks whose peer gives no sign of life: by TCP keepalive, so what
    answers for the peer (a proxy) is not seen through."""
    qps: float | None = None
    """Requests a second on average, streams included; None: no limit. Servers since 1.20 limit by themselves."""
    burst: int | None = None
    """Requests at once within ``qps``; None: twice that rate."""

    def __post_init__(self) -> None:
        if self.max_connections < 1:
            raise ValueError(f"max_connections is {self.max_connections}: at least 1")
        if self.keep_alive < 0 or self.connect_timeout <= 0:
            raise ValueError(f"keep_alive={self.keep_alive}, connect_timeout={self.connect_timeout}: seconds above 0")
        if self.dead_after < MIN_DEAD_AFTER:
            raise ValueError(f"dead_after is {self.dead_after}: at least {MIN_DEAD_AFTER} seconds")
        if self.qps is None and self.burst is not None:
            raise ValueError("burst has a meaning only with qps")

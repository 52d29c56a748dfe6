"""Free ports that no outgoing connection is given, so that a server can leave one and come back to it."""

from __future__ import annotations

import random
import socket

from kubernaut.testing.envtest.errors import EnvTestError

__all__ = ["free_ports"]

# Below what Linux (32768) and macOS (49152) take for outgoing connections. On a port out of that range a client that
# keeps connecting while its server is away may at last be given that very port, and connect to itself.
FIRST, LAST = 20_000, 32_000
ATTEMPTS = 200


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nobody listens. Raises EnvTestError."""
    found: list[int] = []
    # Not seeded: parallel test runs must not try the same ports in the same order.
    source = random.SystemRandom()
    for _ in range(ATTEMPTS):
        port = source.randrange(FIRST, LAST)
        if port not in found and _is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise EnvTestError(f"there are no {count} free ports from {FIRST} to {LAST} on 127.0.0.1")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

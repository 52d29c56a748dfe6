"""Addresses to listen on, in controller-runtime's notation, and the sockets for them."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from dataclasses import dataclass

__all__ = ["Bind", "BindError"]

BACKLOG = 128
DISABLED = "0"


class BindError(OSError):
    """Raised when an address cannot be listened on; names the field that gave it."""


@dataclass(frozen=True, slots=True)
class Bind:
    """`host` is "" for all interfaces, IPv6 and IPv4; `port` 0 is any free port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str | None, field: str = "bind") -> Bind | None:
        """Read "host:port", "[::1]:port" or ":port"; None for "0", "" and None, which mean no server.

        Raises ValueError that names `field`.
        """
        if text is None or text in ("", DISABLED):
            return None
        host, colon, port = text.rpartition(":")
        if not colon:
            raise ValueError(f'{field}: {text!r} is no address: write "host:port" or ":port", or "0" for none')
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
            if not _is_ipv6(host):
                raise ValueError(f"{field}: {text!r}: brackets are for IPv6 addresses, which {host!r} is not")
        elif ":" in host or "[" in host or "]" in host:
            raise ValueError(f'{field}: {text!r}: put an IPv6 address in brackets, as in "[::1]:8080"')
        if any(letter.isspace() or letter == "/" for letter in host):
            raise ValueError(f"{field}: {text!r}: {host!r} is no host name")
        if not (port.isascii() and port.isdigit() and int(port) <= 65535):
            raise ValueError(f"{field}: {text!r}: the port is a number from 0 to 65535")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def listen(self, field: str = "bind") -> socket.socket:
        """A listening, non-blocking socket. A host's name is looked up, which blocks; its IPv4 address is preferred.

        Raises BindError.
        """
        try:
            return self._listen()
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno == errno.EADDRINUSE:
                reason = f"{reason}: another process listens there; choose another address{_options(field)}"
            raise BindError(error.errno, f"{field}: cannot listen on {self}: {reason}") from error

    def _listen(self) -> socket.socket:
        if not self.host and socket.has_dualstack_ipv6():
            family, address = socket.AF_INET6, ("::", self.port)
        else:
            found = socket.getaddrinfo(self.host or "0.0.0.0", self.port, type=socket.SOCK_STREAM)
            found.sort(key=lambda entry: entry[0] != socket.AF_INET)
            family, address = found[0][0], found[0][4][:2]  # type: ignore[assignment]
        # asyncio turns Nagle's algorithm off only where it reads "TCP": else answers wait 40 ms for an acknowledgement.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(self.host)))
            listener.setblocking(False)
            listener.bind(address)
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
        return listener


def _options(field: str) -> str:
    """The options of the commands that give these fields their addresses."""
    options = [f"--{name.replace('_', '-')}" for name in field.split(" and ") if name.endswith("bind")]
    return f" ({' or '.join(options)} of the command)" if options else ""


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True

"""A server's certificate that is handed over while it runs, and never lies in a file."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio

from kubernaut.reconcile.serving.tls import CertificateError, server_context

__all__ = ["IssuedTls"]


class IssuedTls:
    """What `put` was given last. `ready` is set as soon as there is something to serve with."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        """Where it comes from, for logs."""
        self.ready = anyio.Event()
        self._chain = b""
        self._number = 0

    def put(self, certificate: bytes, key: bytes) -> None:
        """Serve with this from now on (PEM). Connections that are open keep what they began with."""
        self._chain = key + certificate
        self._number += 1
        self.ready.set()

    def clear(self) -> None:
        """Forget it."""
        self._chain, self.ready = b"", anyio.Event()

    def state(self) -> int:
        """Changes with every `put`."""
        return self._number

    def context(self) -> ssl.SSLContext:
        """A server's context, TLS 1.2 or newer. Raises CertificateError."""
        if not self._chain:
            raise CertificateError(f"{self.origin}: there is no certificate yet")
        context = server_context()
        with _as_file(self._chain) as path:
            try:
                context.load_cert_chain(path)
            except (ssl.SSLError, OSError, ValueError) as error:
                reason = getattr(error, "reason", None) or type(error).__name__
                raise CertificateError(f"{self.origin}: no certificate with its key: {reason}") from None
        return context


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path by which this process can read `content` for a moment: OpenSSL's binding takes nothing but files.

    On Linux it is memory that has no name; elsewhere a file in a folder that nobody else can enter.
    """
    descriptor = _memory()
    if descriptor is None:
        with tempfile.TemporaryDirectory(prefix="kubernaut-") as folder:
            path = Path(folder) / "chain.pem"
            path.touch(mode=0o600)
            path.write_bytes(content)
            yield str(path)
        return
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _memory() -> int | None:
    try:
        descriptor = os.memfd_create("kubernaut")
    except (AttributeError, OSError):
        return None
    if os.path.exists(f"/proc/self/fd/{descriptor}"):
        return descriptor
    os.close(descriptor)
    return None

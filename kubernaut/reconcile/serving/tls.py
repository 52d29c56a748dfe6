"""Certificates from files that are replaced while the server runs, as the kubelet and cert-manager do."""

from __future__ import annotations

import os
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kubernaut.reconcile.log import logger

__all__ = ["CertificateError", "Certificates", "TlsFiles", "TlsSource", "server_context"]

CHECK_INTERVAL = 1.0
"""The files are looked at no more often than this, in seconds."""
RETRY_INTERVAL = 10.0
"""Files that could not be used, and have not changed since, are tried again after this many seconds."""

_log = logger("kubernaut.serving")


class CertificateError(ValueError):
    """Raised when certificate files cannot be used; names the file."""


class TlsSource(Protocol):
    """Where a server's certificate comes from, and whether there is another one by now."""

    @property
    def origin(self) -> str:
        """Its name, for logs."""
        ...

    def context(self) -> ssl.SSLContext:
        """A server's context with the certificate as it is now. Raises CertificateError."""
        ...

    def state(self) -> object:
        """Cheap; differs from what it was before when the certificate does."""
        ...


def server_context() -> ssl.SSLContext:
    """A server's context without a certificate: HTTP/1.1 over TLS 1.2 or newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the certificate with its chain, and its key. With `client_ca`, clients must present a certificate
    signed by one of the authorities in that file."""

    certificate: str | os.PathLike[str]
    key: str | os.PathLike[str]
    client_ca: str | os.PathLike[str] | None = None

    @classmethod
    def in_directory(cls, directory: str | os.PathLike[str]) -> TlsFiles:
        """The files of a mounted Secret of type kubernetes.io/tls: `tls.crt` and `tls.key`."""
        return cls(Path(directory) / "tls.crt", Path(directory) / "tls.key")

    def context(self) -> ssl.SSLContext:
        """A server's context, TLS 1.2 or newer. Raises CertificateError."""
        context = server_context()
        for path in self._paths:
            _readable(path)
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            files = f"{os.fspath(self.certificate)} and {os.fspath(self.key)}"
            raise CertificateError(f"{files}: no certificate with its key: {_why(error)}") from error
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except (ssl.SSLError, OSError) as error:
                raise CertificateError(f"{os.fspath(self.client_ca)}: no certificates: {_why(error)}") from error
            context.verify_mode = ssl.CERT_REQUIRED
            # A resumed session is not verified again: clients of an authority that was taken out must not come back.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
        return context

    def state(self) -> tuple[tuple[int, ...] | None, ...]:
        """Changes when a file is written, replaced or removed."""
        return tuple(_state(path) for path in self._paths)

    @property
    def origin(self) -> str:
        """The certificate's file."""
        return os.fspath(self.certificate)

    @property
    def _paths(self) -> tuple[str | os.PathLike[str], ...]:
        return (self.certificate, self.key, *(() if self.client_ca is None else (self.client_ca,)))


class Certificates:
    """The current context of a server, made anew when the files have changed.

    `context` is what the server listens with. Each handshake looks at the files, at most once a second, so the one
    after a change already has the new certificate, and an idle server costs nothing. Files that cannot be used leave
    the former certificate in place and are logged once; half-written ones are read again when they are complete.
    Connections that are open keep the certificate they began with.
    """

    def __init__(self, files: TlsSource) -> None:
        self.files = files
        self.reads = 0
        """How often the files were read."""
        self.errors = 0
        """How often they could not be used."""
        self.error: str | None = None
        """Why the files as they are now cannot be used; None when they are in use."""
        self._state = files.state()
        self._current = self.context = self._load()
        self.context.sni_callback = self._choose
        # The machine's clock, not the loop's: files change in real time.
        self._checked = self._tried = time.monotonic()

    def refresh(self, now: float) -> None:
        """Use the files as they are at monotonic time `now`; the former certificate if they cannot be used."""
        self._checked = now
        state = self.files.state()
        if state == self._state and (self.error is None or now - self._tried < RETRY_INTERVAL):
            return
        known = self.error
        self._state, self._tried = state, now
        try:
            self._current = self._load()
        except CertificateError as error:
            if str(error) != known:
                _log.error("the former certificate stays in use", error=str(error))
        else:
            _log.info("the certificate was read again", file=self.files.origin)

    def _load(self) -> ssl.SSLContext:
        self.reads += 1
        try:
            context = self.files.context()
        except CertificateError as error:
            self.errors += 1
            self.error = str(error)
            raise
        self.error = None
        return context

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        # OpenSSL asks in every handshake, with or without a name.
        now = time.monotonic()
        if now - self._checked >= CHECK_INTERVAL:
            self.refresh(now)
        if self._current is not context:
            connection.context = self._current


def _readable(path: str | os.PathLike[str]) -> None:
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise CertificateError(f"{os.fspath(path)}: {error.strerror}") from error


def _state(path: str | os.PathLike[str]) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _no_password() -> str:
    # Without this, OpenSSL asks for an encrypted key's password on the terminal and blocks the process.
    raise ValueError("the key is encrypted")


def _why(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)

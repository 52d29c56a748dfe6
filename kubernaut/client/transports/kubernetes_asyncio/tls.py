"""SSL contexts that trust and identify as Go's TLS does, from bytes rather than files."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubernaut.client.transports.kubernetes_asyncio.errors import ConfigError
from kubernaut.client.transports.kubernetes_asyncio.target import Target

__all__ = ["context_for", "trusting"]


def trusting(ca: bytes | None) -> ssl.SSLContext:
    """A client's context that trusts the certificates in ``ca``, PEM or DER; the system's when it is None.

    Each of them is an anchor, as in Go's pools, also where it is no root; extensions that RFC 5280 asks of authorities
    and many clusters' lack are not asked for. Raises ssl.SSLError, ValueError.
    """
    if ca is None:
        context = ssl.create_default_context()
    elif b"-----BEGIN" in ca:
        context = ssl.create_default_context(cadata=ca.decode("ascii", "ignore"))
    else:
        context = ssl.create_default_context(cadata=ca)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def context_for(target: Target, ca: bytes | None, certificate: bytes | None, key: bytes | None) -> ssl.SSLContext:
    """The context for connections to ``target``. Blocks; raises ConfigError, which names the field."""
    cluster, user = target.cluster, target.user
    try:
        context = trusting(ca)
    except (ssl.SSLError, ValueError) as error:
        field = cluster.ca.field if cluster.ca is not None else ""
        raise ConfigError(target.source, f"holds no certificate: {error}", field=field) from error
    if not cluster.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None and key is not None:
        try:
            with _file_of(certificate + b"\n" + key) as file:
                # A password would be asked for on the terminal.
                context.load_cert_chain(file, password=lambda: b"")
        except (ssl.SSLError, ValueError) as error:
            field = user.certificate.field if user.certificate is not None else ""
            if user.plugin is not None and user.certificate is None:
                field = user.plugin.field
            problem = f"holds no certificate with its unencrypted key: {error}"
            raise ConfigError(target.source, problem, field=field) from error
    return context


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """A file with ``content`` for as long as the context lasts: in memory where the system can, else of mode 0600."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("kubernaut", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name

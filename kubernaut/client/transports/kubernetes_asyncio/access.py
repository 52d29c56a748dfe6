"""The credentials in use at one moment, and where they are read from."""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from kubernaut.client.transports.kubernetes_asyncio.errors import ConfigError
from kubernaut.client.transports.kubernetes_asyncio.target import Secret, Target
from kubernaut.client.transports.kubernetes_asyncio.tls import context_for
from kubernaut.timing import hold

__all__ = ["Access", "AccessSource", "Issued", "Issuer"]


@dataclass(frozen=True, slots=True)
class Issued:
    """What a plugin or provider gave."""

    token: str | None = field(default=None, repr=False)
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    expires: datetime | None = None
    """Aware; None: not known."""


class Issuer(Protocol):
    """Something that is asked for credentials: a command, an identity provider."""

    async def issue(self) -> Issued:
        """Get credentials that were not given before, if there are newer ones.

        Raises ConfigError. Cancellation ends what was begun, a process included.
        """
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """All that a connection and a request need. Equal values identify and trust alike, whenever they run out."""

    authorization: str | None = field(default=None, repr=False)
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    ca: bytes | None = None
    expires: datetime | None = field(default=None, compare=False)
    tls: ssl.SSLContext | None = field(default=None, compare=False, repr=False)
    """The same object as long as it need not change, so that connections can be used again; None: no TLS."""


class AccessSource:
    """Reads the files of a target, and asks its issuer when it has one."""

    def __init__(self, target: Target, issuer: Issuer | None) -> None:
        self.target = target
        self._issuer = issuer
        self._issued = Issued()
        self._last = Access()

    @property
    def from_files(self) -> bool:
        """Whether any of it comes from files, which may change."""
        user, cluster = self.target.user, self.target.cluster
        secrets = (user.token_file, user.certificate, user.key, cluster.ca)
        return any(secret is not None and secret.path is not None for secret in secrets)

    async def load(self, *, renew: bool) -> Access:
        """Read the files again; with ``renew`` ask the issuer as well. Raises ConfigError.

        Files are read in a thread; on a virtual-time loop time stands still meanwhile. When it raises, the next call
        starts from what the last good one gave.
        """
        issued = self._issued
        if renew and self._issuer is not None:
            with hold():
                issued = await self._issuer.issue()
        self._last = await asyncio.to_thread(self._read, issued, self._last)
        self._issued = issued
        return self._last

    def _read(self, issued: Issued, last: Access) -> Access:
        user = self.target.user
        access = Access(
            self._authorization(self._token() or issued.token),
            issued.certificate if issued.certificate is not None else self._content(user.certificate),
            issued.key if issued.certificate is not None else self._content(user.key),
            self._content(self.target.cluster.ca),
            issued.expires,
            last.tls,
        )
        same = (access.certificate, access.key, access.ca) == (last.certificate, last.key, last.ca)
        if not self.target.cluster.server.tls or (same and last.tls is not None):
            return access
        return replace(access, tls=context_for(self.target, access.ca, access.certificate, access.key))

    def _content(self, secret: Secret | None) -> bytes | None:
        return secret.read(self.target.source) if secret is not None else None

    def _token(self) -> str | None:
        user = self.target.user
        if user.token_file is None:
            return user.token
        try:
            return user.token_file.read(self.target.source).decode("ascii").strip()
        except UnicodeDecodeError:
            raise ConfigError(
                self.target.source, f"{user.token_file.path} holds no token", field=user.token_file.field
            ) from None
        except ConfigError:
            if user.token is not None:
                return user.token
            raise

    def _authorization(self, token: str | None) -> str | None:
        if token is not None:
            return f"Bearer {token}"
        if self.target.user.basic is not None:
            return "Basic " + base64.b64encode(":".join(self.target.user.basic).encode()).decode()
        return None

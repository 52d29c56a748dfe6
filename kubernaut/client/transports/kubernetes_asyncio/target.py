"""What a configuration says about one cluster and one user of it: plain data, checked, every path absolute."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kubernaut.client.transport import HeaderValue
from kubernaut.client.transports.kubernetes_asyncio.errors import ConfigError

__all__ = ["AuthProvider", "Cluster", "ExecPlugin", "Secret", "Server", "Target", "User"]


@dataclass(frozen=True, slots=True)
class Secret:
    """Bytes given in place, or a file that is read again when it may have changed."""

    field: str
    """Where the configuration names it, for errors."""
    data: bytes | None = dataclasses.field(default=None, repr=False)
    path: Path | None = None

    def read(self, source: str) -> bytes:
        """The bytes. Blocks on the file; raises ConfigError when it cannot be read or is empty."""
        if self.data is not None:
            return self.data
        assert self.path is not None
        try:
            content = self.path.read_bytes()
        except OSError as error:
            problem = f"cannot read {self.path}: {error.strerror or error}"
            raise ConfigError(source, problem, field=self.field) from error
        if not content.strip():
            raise ConfigError(source, f"{self.path} is empty", field=self.field)
        return content


@dataclass(frozen=True, slots=True)
class Server:
    """The address of an API server."""

    url: str
    """Scheme, host, port if given and path prefix, without a slash at the end."""
    host: str
    """The name or address, without brackets."""
    port: int

    @classmethod
    def parse(cls, text: str, source: str, *, field: str, tls: bool) -> Server:
        """Read a URL as client-go does: without a scheme it is https where ``tls`` is configured.

        Raises ConfigError.
        """
        url = text.strip().rstrip("/")
        if "://" not in url:
            url = f"{'https' if tls else 'http'}://{url}"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(source, f"{text!r} is no URL: {error}", field=field) from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(source, f"{text!r} is no http or https URL with a host", field=field)
        if parts.query or parts.fragment or "@" in parts.netloc:
            problem = f"{text!r} holds more than scheme, host, port and path"
            raise ConfigError(source, problem, field=field, fix="Credentials belong into the user's entry")
        return cls(url, parts.hostname, port or (443 if parts.scheme == "https" else 80))

    @property
    def tls(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.url.startswith("https:")

    @property
    def authority(self) -> str:
        """``host:port``, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One API server and how to trust it."""

    server: Server
    ca: Secret | None = None
    """None: the system's certificate authorities."""
    verify: bool = True
    tls_server_name: str | None = None
    """The name expected in the server's certificate; None: the host of its URL."""
    proxy_url: str | None = None
    """None: what the environment says."""
    compression: bool = True


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A command that prints credentials (KEP-541, client.authentication.k8s.io)."""

    field: str
    api_version: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    install_hint: str = ""
    cluster_info: Mapping[str, object] | None = None
    """The ``spec.cluster`` it is told; None where ``provideClusterInfo`` is off."""
    interactive: str = "IfAvailable"
    """Never, IfAvailable or Always."""


@dataclass(frozen=True, slots=True)
class AuthProvider:
    """OpenID Connect: an id token, and what it takes to get the next one."""

    field: str
    settings: Mapping[str, str]
    file: Path | None
    """The file that new tokens are written to; None: nowhere."""
    user: str


@dataclass(frozen=True, slots=True)
class User:
    """Who the requests come from."""

    token: str | None = dataclasses.field(default=None, repr=False)
    token_file: Secret | None = None
    """Wins over ``token`` as long as it can be read."""
    basic: tuple[str, str] | None = dataclasses.field(default=None, repr=False)
    certificate: Secret | None = None
    key: Secret | None = None
    plugin: ExecPlugin | None = None
    provider: AuthProvider | None = None
    impersonation: Mapping[str, HeaderValue] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """One cluster as one user."""

    source: str
    """What it was read from, for errors and logs."""
    cluster: Cluster
    user: User
    namespace: str | None = None
    """The namespace of the context, or of the pod; None where the configuration names none."""

"""Which proxy leads to a server: the kubeconfig's, else what the environment says, by Go's rules."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from kubernaut.client.transports.kubernetes_asyncio.errors import ConfigError
from kubernaut.client.transports.kubernetes_asyncio.target import Server, Target

__all__ = ["environment_proxy", "proxy_for"]


def proxy_for(target: Target) -> str | None:
    """The URL of the proxy for requests to ``target``: its ``proxy-url``, else the environment's; None: go directly.

    Raises ConfigError for what is no http or https proxy.
    """
    if target.cluster.proxy_url is not None:
        return _checked(target.cluster.proxy_url, target.source, "proxy-url")
    return environment_proxy(target.cluster.server)


def environment_proxy(server: Server, environment: Mapping[str, str] | None = None) -> str | None:
    """What HTTPS_PROXY or HTTP_PROXY says (after the server's scheme; lower case as well).

    None where NO_PROXY names the server, and for this machine (golang.org/x/net/http/httpproxy). Raises ConfigError.
    """
    environment = os.environ if environment is None else environment
    name = "HTTPS_PROXY" if server.tls else "HTTP_PROXY"
    value = environment.get(name) or environment.get(name.lower())
    if not value or _local(server.host) or _excepted(server, environment):
        return None
    return _checked(value if "://" in value else f"http://{value}", "the environment", name)


def _checked(url: str, source: str, field: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        fix = "SOCKS proxies are not supported; most can serve HTTP CONNECT as well"
        # Without the URL: it may hold a password.
        raise ConfigError(source, "is no http or https URL with a host", field=field, fix=fix)
    return url


def _local(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _excepted(server: Server, environment: Mapping[str, str]) -> bool:
    value = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    return any(_matches(item.strip().lower(), server) for item in value.split(",") if item.strip())


def _matches(item: str, server: Server) -> bool:
    if item == "*":
        return True
    host = server.host.lower().rstrip(".")
    address = _address(host)
    if "/" in item:
        try:
            return address is not None and address in ipaddress.ip_network(item, strict=False)
        except ValueError:
            return False
    name, port = _split(item)
    if port is not None and port != server.port:
        return False
    if (named := _address(name)) is not None:
        return address == named
    if name.startswith("*."):
        name = name[1:]
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split(item: str) -> tuple[str, int | None]:
    """The name and the port, if there is one, of ``host:port``, ``[v6]:port`` or ``v6``."""
    if item.startswith("["):
        name, _, rest = item[1:].partition("]")
        return name, int(rest[1:]) if rest[1:].isdigit() else None
    name, _, port = item.rpartition(":")
    return (name, int(port)) if name and ":" not in name and port.isdigit() else (item, None)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

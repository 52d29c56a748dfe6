"""Which applications share a server: those with the same address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubernaut.reconcile.serving.asgi import App, compose
from kubernaut.reconcile.serving.bind import Bind
from kubernaut.reconcile.serving.server import GRACE, HttpServer
from kubernaut.reconcile.serving.tls import TlsSource

__all__ = ["Endpoint", "servers_for"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Applications by path (as for `compose`), and the address that the field `name` gives for them."""

    name: str
    bind: str | None
    apps: Mapping[str, App]
    tls: TlsSource | None = None


def servers_for(endpoints: Iterable[Endpoint], *, grace: float = GRACE) -> list[HttpServer]:
    """One server for each address; none for endpoints without one ("0", "" or None). Each port 0 is a port of its own.

    Raises ValueError, naming the fields, for an address that is none, for two endpoints on one address with the same
    path, and for one address with and without TLS, or with different files.
    """
    shared: dict[object, tuple[Bind, list[Endpoint]]] = {}
    for endpoint in endpoints:
        bind = Bind.parse(endpoint.bind, endpoint.name)
        if bind is not None:
            key = bind if bind.port else (bind, endpoint.name)
            shared.setdefault(key, (bind, []))[1].append(endpoint)
    return [_server(bind, members, grace) for bind, members in shared.values()]


def _server(bind: Bind, members: list[Endpoint], grace: float) -> HttpServer:
    names = " and ".join(member.name for member in members)
    apps: dict[str, App] = {}
    for member in members:
        if member.tls != members[0].tls:
            raise ValueError(f"{names}: both listen on {bind}, with different TLS files")
        for path, app in member.apps.items():
            if path in apps:
                raise ValueError(f"{names}: both serve {path} on {bind}")
            apps[path] = app
    return HttpServer(compose(apps), bind, tls=members[0].tls, name=names, grace=grace)

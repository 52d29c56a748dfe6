"""From a target to a transport that is ready: credentials read once, the proxy chosen."""

from __future__ import annotations

from kubernaut.client.transports.kubernetes_asyncio.access import AccessSource, Issuer
from kubernaut.client.transports.kubernetes_asyncio.execplugin import PluginIssuer
from kubernaut.client.transports.kubernetes_asyncio.keeper import Keeper
from kubernaut.client.transports.kubernetes_asyncio.openid import OpenIdIssuer
from kubernaut.client.transports.kubernetes_asyncio.options import TransportOptions
from kubernaut.client.transports.kubernetes_asyncio.proxies import proxy_for
from kubernaut.client.transports.kubernetes_asyncio.target import Target
from kubernaut.client.transports.kubernetes_asyncio.transport import HttpTransport

__all__ = ["open_transport"]


async def open_transport(target: Target, options: TransportOptions | None = None) -> HttpTransport:
    """A transport to ``target``; the first credentials are read (and a plugin run) before it is handed out.

    Nothing is asked of the API server. Raises ConfigError.
    """
    keeper = Keeper(AccessSource(target, _issuer(target)))
    proxy = proxy_for(target)
    await keeper.start()
    return HttpTransport(target, keeper, options or TransportOptions(), proxy=proxy)


def _issuer(target: Target) -> Issuer | None:
    """What gives the credentials that the configuration does not hold; client-go's order."""
    user = target.user
    if user.token is not None or user.token_file is not None or user.basic is not None:
        return None
    if user.plugin is not None and user.certificate is None:
        return PluginIssuer(user.plugin, target.source)
    return OpenIdIssuer(user.provider, target.source) if user.provider is not None else None

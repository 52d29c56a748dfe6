"""The transport to real clusters: kubeconfig and pod credentials, TLS, proxies, and HTTP by aiohttp.

`kubernaut.connect` is the way in; what is here serves programs that make their own.
"""

from kubernaut.client.transports.kubernetes_asyncio.access import AccessSource
from kubernaut.client.transports.kubernetes_asyncio.errors import ConfigError
from kubernaut.client.transports.kubernetes_asyncio.incluster import in_a_pod, incluster_target
from kubernaut.client.transports.kubernetes_asyncio.kubeconfig import Kubeconfig
from kubernaut.client.transports.kubernetes_asyncio.opening import open_transport
from kubernaut.client.transports.kubernetes_asyncio.options import TransportOptions
from kubernaut.client.transports.kubernetes_asyncio.reading import target_of
from kubernaut.client.transports.kubernetes_asyncio.target import Target
from kubernaut.client.transports.kubernetes_asyncio.transport import HttpTransport

__all__ = [
    "AccessSource",
    "ConfigError",
    "HttpTransport",
    "Kubeconfig",
    "Target",
    "TransportOptions",
    "in_a_pod",
    "incluster_target",
    "open_transport",
    "target_of",
]

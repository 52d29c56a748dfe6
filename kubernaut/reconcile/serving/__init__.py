"""HTTP servers of a manager: metrics, probes, webhooks, each an ASGI application.

async with HttpServer(compose({"/metrics": metrics_app(registry), "/": probes_app(healthz, readyz)}), ":8080"):
    ...
"""

from kubernaut.reconcile.serving.access import TokenReview
from kubernaut.reconcile.serving.asgi import App, Receive, Scope, Send, compose
from kubernaut.reconcile.serving.bind import Bind, BindError
from kubernaut.reconcile.serving.exposition import Authenticate, Refusal, metrics_app
from kubernaut.reconcile.serving.health import Check, Checks, probes_app
from kubernaut.reconcile.serving.issued import IssuedTls
from kubernaut.reconcile.serving.plan import Endpoint, servers_for
from kubernaut.reconcile.serving.server import HttpServer
from kubernaut.reconcile.serving.tls import CertificateError, Certificates, TlsFiles, TlsSource

__all__ = [
    "App",
    "Authenticate",
    "Bind",
    "BindError",
    "CertificateError",
    "Certificates",
    "Check",
    "Checks",
    "Endpoint",
    "HttpServer",
    "IssuedTls",
    "Receive",
    "Refusal",
    "Scope",
    "Send",
    "TlsFiles",
    "TlsSource",
    "TokenReview",
    "compose",
    "metrics_app",
    "probes_app",
    "servers_for",
]

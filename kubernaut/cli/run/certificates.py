"""The certificates that webhooks are served with: files that are given, or some that the process manages itself."""

from __future__ import annotations

import os

from kubernaut.cli.run.settings import RunSettings
from kubernaut.client import Client
from kubernaut.reconcile.election.config import default_namespace
from kubernaut.reconcile.serving import TlsFiles


def metrics_tls(settings: RunSettings) -> TlsFiles | None:
    """The certificate that metrics are served with."""
    if settings.metrics_certificate is None or settings.metrics_key is None:
        return None
    return TlsFiles(settings.metrics_certificate, settings.metrics_key, settings.metrics_client_ca)


def webhook_files(settings: RunSettings) -> TlsFiles | None:
    """The certificate that webhooks are served with, where one is given."""
    if settings.webhook_certificate is None or settings.webhook_key is None:
        return None
    return TlsFiles(settings.webhook_certificate, settings.webhook_key)


def own_namespace(client: Client) -> str:
    """Where this process lives: what the pod is told, else what its configuration names."""
    return os.environ.get("POD_NAMESPACE") or client.namespace or default_namespace()

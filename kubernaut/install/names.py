"""How the objects of an installation are called: its manifests and the process that runs in it have to agree."""

from __future__ import annotations

WEBHOOK_PORT = 443
"""The port of the Service that API servers call."""


def metrics_service(name: str) -> str:
    """The Service of the metrics."""
    return f"{name}-metrics"


def webhook_service(name: str) -> str:
    """The Service that the API server calls webhooks by."""
    return f"{name}-webhooks"


def webhook_secret(name: str) -> str:
    """The Secret that replicas share their webhooks' certificates by; the process makes it."""
    return f"{name}-webhooks"


def webhook_configuration(name: str) -> str:
    """The MutatingWebhookConfiguration and the ValidatingWebhookConfiguration."""
    return name


def webhook_dns_names(name: str, namespace: str) -> list[str]:
    """The names that the certificate of the webhooks has to be for."""
    return [f"{webhook_service(name)}.{namespace}.svc"]

"""What a Manager that the user's code has made serves, and where."""

from __future__ import annotations

from collections.abc import Sequence

from kubernaut.install import managed_certificates
from kubernaut.reconcile import Manager
from kubernaut.reconcile.serving.bind import Bind
from kubernaut.reconcile.webhooks import Webhook
from kubernaut.reconcile.webhooks.app import WebhooksApp
from kubernaut.reconcile.webhooks.certificates import ManagedCertificates


def ports_of(manager: Manager) -> dict[str, int]:
    """The ports of its servers, by the names of `Manager.url`; without those that are not served."""
    ports = {endpoint.name: port_of(endpoint.bind) for endpoint in manager._endpoints}
    return {name: port for name, port in ports.items() if port is not None}


def port_of(bind: str | None) -> int | None:
    """The port of an address; None where nothing is served."""
    parsed = Bind.parse(bind)
    return None if parsed is None else parsed.port


def webhooks_of(manager: Manager, name: str, namespace: str) -> list[Webhook]:
    """What it serves, with certificates for the names that the manifests give it. Raises ValueError for others."""
    apps = [app for endpoint in manager._endpoints for app in endpoint.apps.values() if isinstance(app, WebhooksApp)]
    webhooks = list({webhook.path: webhook for app in apps for webhook in app.webhooks}.values())
    if not webhooks:
        return []
    wanted = managed_certificates(name, namespace, webhooks)
    for given, _ in manager._managed:
        names = set(wanted.dns_names) <= set(given.dns_names) and given.secret == wanted.secret
        if names and set(wanted.configurations) <= set(given.configurations) and set(wanted.crds) <= set(given.crds):
            return webhooks
    shown = ", ".join(f"{key}={list(value)}" for key, value in _names_of(wanted).items() if value)
    raise ValueError(
        f"the webhooks of the Manager need certificates for their Service: "
        f"add_webhooks(..., tls=ManagedCertificates(secret={wanted.secret!r}, namespace={namespace!r}, {shown}))"
    )


def _names_of(certificates: ManagedCertificates) -> dict[str, Sequence[str]]:
    given = certificates
    return {"dns_names": given.dns_names, "configurations": given.configurations, "crds": given.crds}

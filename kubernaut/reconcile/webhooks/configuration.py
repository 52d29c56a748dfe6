"""Manifests that make an API server call the webhooks."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kubernaut.reconcile.webhooks.admission import AdmissionWebhook
from kubernaut.reconcile.webhooks.conversion import ConversionWebhook

__all__ = ["ServiceReference", "conversion_stanza", "webhook_configurations"]

REGISTRATION = "admissionregistration.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class ServiceReference:
    """The Service that leads to the webhooks' server."""

    name: str
    namespace: str
    port: int = 443


def webhook_configurations(
    name: str,
    webhooks: Iterable[AdmissionWebhook | ConversionWebhook],
    *,
    service: ServiceReference | None = None,
    url: str | None = None,
    ca_bundle: str | bytes | None = None,
) -> list[dict[str, Any]]:
    """A ValidatingWebhookConfiguration and a MutatingWebhookConfiguration called ``name``, those that are needed.

    The webhooks are reached by ``service``, or by ``url`` (``https://host:port/prefix``, for servers outside of the
    cluster): one of the two. ``ca_bundle`` is PEM text; without it the API server trusts what its machine trusts, or
    what somebody (cert-manager) puts there. Conversion webhooks are passed over: see `conversion_stanza`. Raises
    ValueError for an address that is none, webhooks of the same name, and webhooks that do not say what they are for.
    """
    admission = [webhook for webhook in webhooks if isinstance(webhook, AdmissionWebhook)]
    manifests = []
    for kind, mutating in (("MutatingWebhookConfiguration", True), ("ValidatingWebhookConfiguration", False)):
        entries = []
        for webhook in admission:
            if webhook.mutating == mutating:
                reach = client_config(webhook.path, service, url, ca_bundle)
                entries.append({**webhook.manifest(), "clientConfig": reach})
        _refuse_twins(kind, [entry["name"] for entry in entries])
        if entries:
            manifests.append(
                {"apiVersion": REGISTRATION, "kind": kind, "metadata": {"name": name}, "webhooks": entries}
            )
    return manifests


def conversion_stanza(
    webhook: ConversionWebhook,
    *,
    service: ServiceReference | None = None,
    url: str | None = None,
    ca_bundle: str | bytes | None = None,
) -> dict[str, Any]:
    """What a CRD's ``spec.conversion`` has to be; arguments and errors as for `webhook_configurations`."""
    reach = client_config(webhook.path, service, url, ca_bundle)
    return {"strategy": "Webhook", "webhook": {"clientConfig": reach, "conversionReviewVersions": ["v1"]}}


def client_config(
    path: str, service: ServiceReference | None, url: str | None, ca_bundle: str | bytes | None
) -> dict[str, Any]:
    """The ``clientConfig`` for one path."""
    if (service is None) == (url is None):
        raise ValueError("service, url: give one of the two")
    reach: dict[str, Any] = {}
    if service is not None:
        reference = {"namespace": service.namespace, "name": service.name, "path": path, "port": service.port}
        reach["service"] = reference
    elif url is not None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment:
            raise ValueError(f"url: {url!r} is no address such as https://host:9443 (no user, query or fragment)")
        reach["url"] = url.rstrip("/") + path
    if ca_bundle is not None:
        pem = ca_bundle.encode() if isinstance(ca_bundle, str) else ca_bundle
        if b"-----BEGIN CERTIFICATE-----" not in pem:
            raise ValueError("ca_bundle: has no PEM certificate")
        reach["caBundle"] = base64.b64encode(pem).decode()
    return reach


def _refuse_twins(kind: str, names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ValueError(f"{kind}: two webhooks are called {name!r}: give one another name in its Registration")

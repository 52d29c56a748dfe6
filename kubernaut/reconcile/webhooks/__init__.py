"""Webhooks that an API server calls: validating and mutating admission, and conversion between versions of a CRD.

Example::

    app = webhooks_app([MutatingWebhook(Widget, default), ValidatingWebhook(Widget, check)])
    async with HttpServer(app, ":9443", tls=TlsFiles.in_directory("/certs")):
        ...
"""

from kubernaut.reconcile.webhooks.admission import (
    AdmissionWebhook,
    Handler,
    MutatingWebhook,
    RawHandler,
    RawWebhook,
    ValidatingWebhook,
)
from kubernaut.reconcile.webhooks.app import Webhook, WebhooksApp, webhooks_app
from kubernaut.reconcile.webhooks.configuration import ServiceReference, conversion_stanza, webhook_configurations
from kubernaut.reconcile.webhooks.conversion import Conversion, ConversionError, ConversionWebhook, Spoke
from kubernaut.reconcile.webhooks.registration import Registration
from kubernaut.reconcile.webhooks.request import (
    AdmissionRequest,
    BadReview,
    GroupVersionKind,
    GroupVersionResource,
    UndecodableObject,
    UserInfo,
)
from kubernaut.reconcile.webhooks.response import AdmissionResponse, Denied

__all__ = [
    "AdmissionRequest",
    "AdmissionResponse",
    "AdmissionWebhook",
    "BadReview",
    "Conversion",
    "ConversionError",
    "ConversionWebhook",
    "Denied",
    "GroupVersionKind",
    "GroupVersionResource",
    "Handler",
    "MutatingWebhook",
    "RawHandler",
    "RawWebhook",
    "Registration",
    "ServiceReference",
    "Spoke",
    "UndecodableObject",
    "UserInfo",
    "ValidatingWebhook",
    "Webhook",
    "WebhooksApp",
    "conversion_stanza",
    "webhook_configurations",
    "webhooks_app",
]

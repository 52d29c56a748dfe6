"""Admission of requests: who asked is stamped, what they are about stays, and nobody else writes the status."""

from __future__ import annotations

from collections.abc import Iterable

from kubernaut.reconcile.webhooks import AdmissionWebhook
from kubernaut.remediation.execution.webhooks import StatusWriters, stamping_webhooks, status_webhook
from kubernaut.remediation.request.types import RemediationRequest

MUTABLE = ("suspend", "cancel")
"""The fields of the spec that people change."""


def request_webhooks(trusted_requesters: Iterable[str], writers: StatusWriters) -> list[AdmissionWebhook]:
    """The webhooks that a request's safety hangs on: without their answer, none is created or changed.

    `trusted_requesters`: usernames that may pass on another's stamp, as `writers` may, who alone write the status.
    """
    return [
        *stamping_webhooks(trusted_requesters, own=writers, kind=RemediationRequest, mutable=MUTABLE),
        status_webhook(writers, RemediationRequest),
    ]

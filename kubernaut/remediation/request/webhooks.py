"""Admission of requests: who asked is stamped, what they are about stays, and nobody else writes the status."""

from __future__ import annotations

from collections.abc import Iterable

from kubernaut.reconcile.webhooks import AdmissionWebhook, Registration, ValidatingWebhook
from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.execution.webhooks import StatusWriters, stamping_webhooks, status_webhook
from kubernaut.remediation.execution.webhooks.unchanged import spec_unchanged
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request.types import RemediationRequest
from kubernaut.remediation.workflow.types import WorkflowExecution

MUTABLE = ("suspend", "cancel")
"""The fields of the spec that people change."""
SECONDS = 5
"""As the other webhooks have it: nothing is read to answer."""


def request_webhooks(trusted_requesters: Iterable[str], writers: StatusWriters) -> list[AdmissionWebhook]:
    """The webhooks that a request's safety hangs on: without their answer, none is created or changed.

    `trusted_requesters`: usernames that may pass on another's stamp, as `writers` may, who alone write the status.
    """
    return [
        *stamping_webhooks(trusted_requesters, own=writers, kind=RemediationRequest, mutable=MUTABLE),
        status_webhook(writers, RemediationRequest),
    ]


def facts_webhooks(writers: StatusWriters) -> list[AdmissionWebhook]:
    """Of what gathers facts: its spec stays, and its status is written by `writers` alone."""
    return [_spec_webhook(RemediationProcessing, "one"), status_webhook(writers, RemediationProcessing)]


def analysis_webhooks(writers: StatusWriters) -> list[AdmissionWebhook]:
    """Of analyses: the same."""
    return [_spec_webhook(AIAnalysis, "analysis"), status_webhook(writers, AIAnalysis)]


def vouching_webhooks() -> list[AdmissionWebhook]:
    """All that must be registered for a request to be believed, and what its children say.

    It acts on what they say, so they must be as safe as it is: nobody else writes their statuses, and what they are
    about stays.
    """
    nobody = StatusWriters()
    return [
        *request_webhooks((), nobody),
        *facts_webhooks(nobody),
        *analysis_webhooks(nobody),
        *stamping_webhooks(own=nobody, kind=WorkflowExecution),
        status_webhook(nobody, WorkflowExecution),
    ]


def _spec_webhook(kind: type[RemediationProcessing] | type[AIAnalysis], word: str) -> AdmissionWebhook:
    """Servers before 1.25 do not know the rule of the definition that says the same."""
    registration = Registration(operations=("UPDATE",), timeout=SECONDS, scope="Namespaced")
    return ValidatingWebhook(kind, spec_unchanged(word), registration=registration)

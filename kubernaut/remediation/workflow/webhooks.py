"""Admission of workflows: who asked is stamped, the spec stays, and nobody else writes the status."""

from __future__ import annotations

from collections.abc import Iterable

from kubernaut.reconcile.webhooks import AdmissionWebhook
from kubernaut.remediation.execution.webhooks import StatusWriters, stamping_webhooks, status_webhook
from kubernaut.remediation.workflow.types import WorkflowExecution


def workflow_webhooks(trusted_requesters: Iterable[str], writers: StatusWriters) -> list[AdmissionWebhook]:
    """The webhooks that a workflow's safety hangs on: without their answer, none is created or changed.

    `trusted_requesters`: usernames that may pass on another's stamp, as `writers` may, who alone write the status.
    """
    return [
        *stamping_webhooks(trusted_requesters, own=writers, kind=WorkflowExecution),
        status_webhook(writers, WorkflowExecution),
    ]

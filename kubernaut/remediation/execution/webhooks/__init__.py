"""Admission of what acts, executions first: who asked is stamped, the spec stays, and nobody else writes the status.

manager.add_webhooks(*execution_webhooks(config), tls=ManagedCertificates(...))
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from kubernaut.reconcile.webhooks import AdmissionWebhook, MutatingWebhook, Registration, ValidatingWebhook
from kubernaut.remediation.execution.types import KubernetesExecution
from kubernaut.remediation.execution.webhooks.requester import Requesters
from kubernaut.remediation.execution.webhooks.status import StatusWriters
from kubernaut.remediation.execution.webhooks.unchanged import spec_unchanged
from kubernaut.remediation.execution.webhooks.vouching import RegisteredWebhooks, Vouching
from kubernaut.resources import Resource

if TYPE_CHECKING:
    from kubernaut.remediation.execution.config import ExecutionConfig

__all__ = [
    "RegisteredWebhooks",
    "StatusWriters",
    "Vouching",
    "execution_webhooks",
    "stamping_webhooks",
    "status_webhook",
]

SECONDS = 5
"""Nothing is read to answer, so whoever has not answered by then will not."""

_WORDS = {"KubernetesExecution": "execution", "WorkflowExecution": "workflow", "RemediationRequest": "request"}


def execution_webhooks(config: ExecutionConfig) -> list[AdmissionWebhook]:
    """The webhooks that an execution's safety hangs on: without their answer, no execution is created or changed.

    Those of `stamping_webhooks`; where `config.own_usernames` names somebody, that of `status_webhook` too.
    """
    found = stamping_webhooks(config.trusted_requesters)
    if config.own_usernames:
        found.append(status_webhook(StatusWriters(config.own_usernames)))
    return found


def stamping_webhooks(
    trusted_requesters: Iterable[str] = (),
    *,
    own: StatusWriters | None = None,
    kind: type[Resource] = KubernetesExecution,
    mutable: Collection[str] = (),
) -> list[AdmissionWebhook]:
    """Who asked, and a spec that stays.

    The mutating one writes `spec.requestedBy`; it is asked again when another webhook changes the object after it. The
    validating one sees the object as it will be stored: it refuses a creation whose stamp is not the requester's, and a
    change of the spec (which servers without CEL would accept), but for its fields `mutable`. They match objects of
    `kind` and no subresource. `own`: as `StatusWriters` knows them, the accounts that pass on the stamp of a parent.
    """
    requesters = Requesters(trusted_requesters, own)
    stamp = Registration(operations=("CREATE",), timeout=SECONDS, reinvocation_policy="IfNeeded", scope="Namespaced")
    check = Registration(operations=("CREATE", "UPDATE"), timeout=SECONDS, scope="Namespaced")
    unchanged = spec_unchanged(_WORDS.get(kind.resource_type.kind, "one"), mutable)
    return [
        MutatingWebhook(kind, requesters.stamp, registration=stamp),
        ValidatingWebhook(kind, requesters.check, unchanged, registration=check),
    ]


def status_webhook(writers: StatusWriters, kind: type[Resource] = KubernetesExecution) -> AdmissionWebhook:
    """Accepts updates of the subresource `status` by `writers` alone.

    The controllers' own writes pass through it too: while no replica answers they fail, and are tried again.
    """
    rt = kind.resource_type
    registration = Registration(
        name=f"validate-{rt.version}-status.{rt.plural}.{rt.group}",
        operations=("UPDATE",),
        resources=(f"{rt.plural}/status",),
        timeout=SECONDS,
        scope="Namespaced",
    )
    path = f"/validate-{rt.group.replace('.', '-')}-{rt.version}-{rt.kind.lower()}-status"
    return ValidatingWebhook(kind, writers.check, path=path, registration=registration)

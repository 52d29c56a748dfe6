"""Admission of KubernetesExecutions: who asked is stamped, the spec stays, and nobody else writes the status.

manager.add_webhooks(*execution_webhooks(config), tls=ManagedCertificates(...))
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kubernaut.reconcile.webhooks import AdmissionWebhook, MutatingWebhook, Registration, ValidatingWebhook
from kubernaut.remediation.execution.types import KubernetesExecution
from kubernaut.remediation.execution.webhooks.requester import Requesters
from kubernaut.remediation.execution.webhooks.status import StatusWriters
from kubernaut.remediation.execution.webhooks.unchanged import spec_unchanged
from kubernaut.remediation.execution.webhooks.vouching import RegisteredWebhooks, Vouching

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

_RT = KubernetesExecution.resource_type


def execution_webhooks(config: ExecutionConfig) -> list[AdmissionWebhook]:
    """The webhooks that an execution's safety hangs on: without their answer, no execution is created or changed.

    Those of `stamping_webhooks`; where `config.own_usernames` names somebody, that of `status_webhook` too.
    """
    found = stamping_webhooks(config.trusted_requesters)
    if config.own_usernames:
        found.append(status_webhook(StatusWriters(config.own_usernames)))
    return found


def stamping_webhooks(trusted_requesters: Iterable[str] = ()) -> list[AdmissionWebhook]:
    """Who asked, and a spec that stays.

    The mutating one writes `spec.requestedBy`; it is asked again when another webhook changes the object after it. The
    validating one sees the object as it will be stored: it refuses a creation whose stamp is not the requester's, and a
    change of the spec (which servers without CEL would accept). They match KubernetesExecutions and no subresource.
    """
    requesters = Requesters(trusted_requesters)
    stamp = Registration(operations=("CREATE",), timeout=SECONDS, reinvocation_policy="IfNeeded", scope="Namespaced")
    check = Registration(operations=("CREATE", "UPDATE"), timeout=SECONDS, scope="Namespaced")
    return [
        MutatingWebhook(KubernetesExecution, requesters.stamp, registration=stamp),
        ValidatingWebhook(KubernetesExecution, requesters.check, spec_unchanged, registration=check),
    ]


def status_webhook(writers: StatusWriters) -> AdmissionWebhook:
    """Accepts updates of the subresource `status` by `writers` alone.

    The controllers' own writes pass through it too: while no replica answers they fail, and are tried again.
    """
    registration = Registration(
        name=f"validate-{_RT.version}-status.{_RT.plural}.{_RT.group}",
        operations=("UPDATE",),
        resources=(f"{_RT.plural}/status",),
        timeout=SECONDS,
        scope="Namespaced",
    )
    path = f"/validate-{_RT.group.replace('.', '-')}-{_RT.version}-{_RT.kind.lower()}-status"
    return ValidatingWebhook(KubernetesExecution, writers.check, path=path, registration=registration)

"""Admission of KubernetesExecutions: who asked is stamped when one is created, and the spec stays as it was.

manager.add_webhooks(*execution_webhooks(config), tls=ManagedCertificates(...))
"""

from __future__ import annotations

from kubernaut.reconcile.webhooks import AdmissionWebhook, MutatingWebhook, Registration, ValidatingWebhook
from kubernaut.remediation.execution.config import ExecutionConfig
from kubernaut.remediation.execution.types import KubernetesExecution
from kubernaut.remediation.execution.webhooks.requester import Requesters
from kubernaut.remediation.execution.webhooks.unchanged import spec_unchanged

__all__ = ["execution_webhooks"]

SECONDS = 5
"""Nothing is read to answer, so whoever has not answered by then will not."""


def execution_webhooks(config: ExecutionConfig) -> list[AdmissionWebhook]:
    """The webhooks that an execution's safety hangs on: without their answer, no execution is created or changed.

    The mutating one writes `spec.requestedBy`; it is asked again when another webhook changes the object after it. The
    validating one sees the object as it will be stored: it refuses a creation whose stamp is not the requester's, and a
    change of the spec (which servers without CEL would accept). They match KubernetesExecutions and no subresource:
    status updates never wait for them, nor do the pods that serve them.
    """
    requesters = Requesters(config.trusted_requesters)
    stamp = Registration(operations=("CREATE",), timeout=SECONDS, reinvocation_policy="IfNeeded", scope="Namespaced")
    check = Registration(operations=("CREATE", "UPDATE"), timeout=SECONDS, scope="Namespaced")
    return [
        MutatingWebhook(KubernetesExecution, requesters.stamp, registration=stamp),
        ValidatingWebhook(KubernetesExecution, requesters.check, spec_unchanged, registration=check),
    ]

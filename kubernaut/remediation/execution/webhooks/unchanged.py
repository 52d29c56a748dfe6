"""The spec is what was created: for servers whose CRDs cannot say so themselves."""

from __future__ import annotations

from kubernaut.client import StatusCause
from kubernaut.reconcile.webhooks import AdmissionRequest, Denied
from kubernaut.reconcile.webhooks.jsonpatch import diff
from kubernaut.remediation.execution.types import KubernetesExecution

SHOWN = 8
"""How many fields a refusal names."""


def spec_unchanged(request: AdmissionRequest[KubernetesExecution]) -> None:
    """Refuse an update that changes the spec, and name the fields. Raises Denied.

    The objects are compared as they came: a spec that its model cannot read must not change either.
    """
    if request.operation != "UPDATE":
        return
    old, new = ((raw or {}).get("spec") for raw in (request.raw_old_object, request.raw_object))
    fields = list(dict.fromkeys(_name(operation["path"]) for operation in diff(old, new)))
    if not fields:
        return
    names = ", ".join(fields[:SHOWN]) + (" and more" if len(fields) > SHOWN else "")
    causes = [StatusCause("FieldValueInvalid", "is immutable", field) for field in fields[:SHOWN]]
    message = f"{names}: the spec is immutable: create another execution instead"
    raise Denied(message, reason="Invalid", code=422, causes=causes)


def _name(path: str) -> str:
    """`spec.parameters.replicas` of the JSON pointer `/parameters/replicas`."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    return ".".join(("spec", *parts))

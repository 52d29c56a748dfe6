"""The spec is what was created: for servers whose CRDs cannot say so themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from kubernaut.client import StatusCause
from kubernaut.reconcile.webhooks import AdmissionRequest, Denied
from kubernaut.reconcile.webhooks.jsonpatch import diff

SHOWN = 8
"""How many fields a refusal names."""


def spec_unchanged(what: str, but: Collection[str] = ()) -> Callable[[AdmissionRequest[Any]], None]:
    """A handler that refuses an update which changes the spec, and names the fields; it raises Denied.

    `what` the objects are called; `but`: fields of the spec that may change. The objects are compared as they came: a
    spec that its model cannot read must not change either.
    """
    free = {f"spec.{field}" for field in but}

    def check(request: AdmissionRequest[Any]) -> None:
        if request.operation != "UPDATE":
            return
        old, new = ((raw or {}).get("spec") for raw in (request.raw_old_object, request.raw_object))
        changed = dict.fromkeys(_name(operation["path"]) for operation in diff(old, new))
        fields = [field for field in changed if field not in free]
        if not fields:
            return
        names = ", ".join(fields[:SHOWN]) + (" and more" if len(fields) > SHOWN else "")
        causes = [StatusCause("FieldValueInvalid", "is immutable", field) for field in fields[:SHOWN]]
        message = f"{names}: the spec is immutable: create another {what} instead"
        raise Denied(message, reason="Invalid", code=422, causes=causes)

    return check


def _name(path: str) -> str:
    """`spec.parameters.replicas` of the JSON pointer `/parameters/replicas`."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    return ".".join(("spec", *parts))

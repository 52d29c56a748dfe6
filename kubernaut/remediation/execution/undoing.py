"""Makes the execution that undoes another."""

from __future__ import annotations

from kubernaut.remediation.execution.types import (
    KubernetesExecution,
    KubernetesExecutionSpec,
    ParametersFrom,
    Phase,
    RollbackRef,
)
from kubernaut.remediation.machine.children import child_name
from kubernaut.resources import ObjectMeta


class NothingToUndo(Exception):
    """The execution cannot be rolled back; the message says why."""


def rollback_of(execution: KubernetesExecution, *, force: bool = False) -> KubernetesExecution:
    """The inverse of an execution, ready to be created beside it; the same checks await it.

    Its name follows from the original's, so that asking twice is harmless; a forced one has a name of its own. What
    the original keeps in a Secret stays there: the inverse refers to it. Raises NothingToUndo.
    """
    status, back = execution.status, execution.status.rollback_information
    if status.phase != Phase.ROLLBACK_READY or back is None or not back.available:
        why = (back.message if back and not back.available else None) or f"its phase is {status.phase or 'none'}"
        raise NothingToUndo(f"{execution.name} has nothing to roll back: {why}")
    if back.action is None or back.target is None:
        raise NothingToUndo(f"{execution.name} recorded no way back")
    spec = KubernetesExecutionSpec(
        action=back.action,
        target=back.target.model_copy(deep=True),
        parameters=dict(back.parameters or {}),
        rollback_of=RollbackRef(name=execution.name, uid=execution.uid, force=force),
        parameters_from=ParametersFrom(secret_ref=back.secret_ref) if back.secret_ref is not None else None,
    )
    name = child_name(execution.name, "rollback", *(["forced"] if force else []))
    return KubernetesExecution(metadata=ObjectMeta(name=name, namespace=execution.namespace), spec=spec)

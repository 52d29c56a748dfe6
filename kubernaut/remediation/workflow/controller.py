"""Wires the workflow controller: what it watches, and what it may do."""

from __future__ import annotations

from kubernaut.reconcile import Backoff, Controller, Owns, Permission
from kubernaut.remediation.execution.lock import lock_permissions, watch_leases
from kubernaut.remediation.execution.types import KubernetesExecution
from kubernaut.remediation.workflow.config import WorkflowConfig
from kubernaut.remediation.workflow.reading import known_kinds
from kubernaut.remediation.workflow.reasons import RELEASED
from kubernaut.remediation.workflow.reconciler import WorkflowReconciler
from kubernaut.remediation.workflow.sight import sight_permissions
from kubernaut.remediation.workflow.types import WorkflowExecution


def workflows(config: WorkflowConfig) -> Controller:
    """The controller of WorkflowExecutions, for production and for tests alike; that of executions runs beside it."""
    return Controller(
        WorkflowExecution,
        WorkflowReconciler(config),
        owns=[Owns(KubernetesExecution, applied=False)],
        watches=[watch_leases(WorkflowExecution, config.execution.executor_namespace, released=RELEASED)],
        max_concurrent=config.max_concurrent,
        # Errors must not put off a deadline by more than that.
        backoff=Backoff(cap=config.limits.poll.total_seconds()),
        permissions=_permissions(config),
    )


def _permissions(config: WorkflowConfig) -> list[Permission]:
    """What the reconciler does beyond watching. None of what the actions do, and no Job that it could change."""
    return [
        Permission(["get", "list", "create", "delete"], KubernetesExecution, why="runs the steps, and undoes them"),
        Permission(
            ["update"], WorkflowExecution, subresource="finalizers", why="owner references that block its deletion"
        ),
        *lock_permissions(config.execution.executor_namespace),
        *config.checks.permissions,
        *config.monitor.permissions,
        *sight_permissions(config),
        *(Permission(["get"], kind, why="looks whether the target is healthy") for kind in known_kinds(config)),
    ]

"""Wires the execution controller: which Jobs lead back to which execution."""

from __future__ import annotations

from collections.abc import Iterable

from kubernaut.actions import ANNOTATION_EXECUTION_NAME, ANNOTATION_EXECUTION_NAMESPACE, LABEL_EXECUTION_ID, Catalog
from kubernaut.client import ObjectHead
from kubernaut.reconcile import Backoff, Controller, Permission, Request, Watch
from kubernaut.remediation.execution.config import ExecutionConfig
from kubernaut.remediation.execution.jobs import job_permissions
from kubernaut.remediation.execution.keeping import keeping_permissions
from kubernaut.remediation.execution.lifetime import lifetime_indexes, lifetime_permissions
from kubernaut.remediation.execution.lock import lock_permissions, watch_leases
from kubernaut.remediation.execution.reasons import RELEASED
from kubernaut.remediation.execution.reconciler import ExecutionReconciler
from kubernaut.remediation.execution.types import KubernetesExecution
from kubernaut.resources import ResourceType
from kubernaut.resources.builtin.authorization_v1 import SubjectAccessReview
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Namespace, Pod, ServiceAccount


def executions(config: ExecutionConfig) -> Controller:
    """The controller of KubernetesExecutions, for production and for tests alike.

    Jobs live in the executor's namespace, where owner references cannot reach: labels and annotations lead back. No
    predicates: a generation predicate would hide the status changes that carry everything.
    """
    jobs = Watch(Job, to=execution_of, labels=LABEL_EXECUTION_ID, namespace=config.executor_namespace)
    return Controller(
        KubernetesExecution,
        ExecutionReconciler(config),
        owns=config.approvals.watches,
        watches=[jobs, watch_leases(KubernetesExecution, config.executor_namespace, released=RELEASED)],
        indexes=lifetime_indexes(config),
        max_concurrent=config.max_concurrent,
        # Errors must not put off a deadline by more than that.
        backoff=Backoff(cap=config.limits.poll.total_seconds()),
        permissions=_permissions(config),
    )


def _permissions(config: ExecutionConfig) -> list[Permission]:
    """What the reconciler does beyond watching: its checks, its Jobs. None of what the actions do."""
    executor = config.executor_namespace
    return [
        Permission(["create"], SubjectAccessReview, why="checks what the requester and the action's account may do"),
        *config.approvals.permissions,
        *(() if config.allow_unstamped else config.vouching.permissions),
        *lock_permissions(executor),
        Permission(["get"], KubernetesExecution, why="the execution that a rollback undoes, or that holds a target"),
        *job_permissions(config),
        *keeping_permissions(executor),
        *lifetime_permissions(config),
        Permission(["get"], Namespace, why="the labels that tell the policy of the environment"),
        *(Permission(["get", "list"], kind, why=_WHY_TARGETS) for kind in targets_of(config.catalog)),
        Permission(["get"], ServiceAccount, namespace=executor, why="checks that the action's account exists"),
        Permission(["get", "list", "create", "patch", "delete"], Job, namespace=executor, why="runs the actions"),
        Permission(["list"], Pod, namespace=executor, why="the exit code of an action"),
        Permission(["get"], Pod, subresource="log", namespace=executor, why="the end of an action's output"),
    ]


_WHY_TARGETS = "reads the target, and the names beside it when it is not there"


def targets_of(catalog: Catalog) -> list[ResourceType]:
    """The kinds that the actions of a catalog act on, each once."""
    kinds = {kind.group_resource: kind for action in catalog for kind in action.targets}
    return [kinds[name] for name in sorted(kinds)]


def execution_of(job: ObjectHead) -> Iterable[Request]:
    """The execution that a Job says it belongs to; whether that is so is checked by uid when the Job is read."""
    annotations = job.annotations or {}
    namespace, name = annotations.get(ANNOTATION_EXECUTION_NAMESPACE), annotations.get(ANNOTATION_EXECUTION_NAME)
    return [Request(namespace, name)] if namespace and name else []

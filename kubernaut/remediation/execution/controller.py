"""Wires the execution controller: which Jobs lead back to which execution."""

from __future__ import annotations

from collections.abc import Iterable

from kubernaut.actions import ANNOTATION_EXECUTION_NAME, ANNOTATION_EXECUTION_NAMESPACE, LABEL_EXECUTION_ID
from kubernaut.client import ObjectHead
from kubernaut.reconcile import Controller, Request, Watch
from kubernaut.remediation.execution.config import ExecutionConfig
from kubernaut.remediation.execution.reconciler import ExecutionReconciler
from kubernaut.remediation.execution.types import KubernetesExecution
from kubernaut.resources.builtin.batch_v1 import Job


def executions(config: ExecutionConfig) -> Controller:
    """The controller of KubernetesExecutions, for production and for tests alike.

    Jobs live in the executor's namespace, where owner references cannot reach: labels and annotations lead back. No
    predicates: a generation predicate would hide the status changes that carry everything.
    """
    jobs = Watch(Job, to=execution_of, labels=LABEL_EXECUTION_ID, namespace=config.executor_namespace)
    return Controller(
        KubernetesExecution, ExecutionReconciler(config), watches=[jobs], max_concurrent=config.max_concurrent
    )


def execution_of(job: ObjectHead) -> Iterable[Request]:
    """The execution that a Job says it belongs to; whether that is so is checked by uid when the Job is read."""
    annotations = job.annotations or {}
    namespace, name = annotations.get(ANNOTATION_EXECUTION_NAMESPACE), annotations.get(ANNOTATION_EXECUTION_NAME)
    return [Request(namespace, name)] if namespace and name else []

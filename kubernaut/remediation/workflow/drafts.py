"""The executions that steps become."""

from __future__ import annotations

from datetime import timedelta

from kubernaut.remediation.execution.types import KubernetesExecution, KubernetesExecutionSpec, ObjectRef
from kubernaut.remediation.execution.undoing import rollback_of
from kubernaut.remediation.machine import child_name
from kubernaut.remediation.workflow.types import WorkflowExecution
from kubernaut.resources import ObjectMeta

LABEL_WORKFLOW_ID = "kubernaut.io/workflow-id"
"""The uid of the workflow that an execution belongs to."""


def execution_for(workflow: WorkflowExecution, index: int, attempt: int, timeout: timedelta) -> KubernetesExecution:
    """The execution `<workflow>-<index>-<attempt>` of one attempt at a step, without an owner yet.

    Who asked for the workflow asks for it, and what needs an approval does there too. It has no retries of its own: an
    attempt is one Job with one pod.
    """
    step = workflow.spec.steps[index]
    spec = KubernetesExecutionSpec(
        action=step.action,
        target=step.target.model_copy(deep=True),
        parameters=dict(step.parameters),
        timeout=timeout,
        require_approval=workflow.spec.require_approval,
    )
    name = child_name(workflow.name, index, attempt)
    return belonging(workflow, KubernetesExecution(metadata=ObjectMeta(name=name), spec=spec))


def inverse_for(workflow: WorkflowExecution, original: KubernetesExecution) -> KubernetesExecution:
    """The execution that undoes one of the workflow's, without an owner yet. Raises NothingToUndo.

    What a person has approved is undone without asking again; where the workflow demands approval and its step carried
    none, its undoing needs one. The policy may demand one of either.
    """
    inverse = belonging(workflow, rollback_of(original))
    if original.status.approval is None:
        inverse.spec.require_approval = workflow.spec.require_approval
    return inverse


def belonging(workflow: WorkflowExecution, execution: KubernetesExecution) -> KubernetesExecution:
    """The execution as one of the workflow's, in its namespace and for whom it was asked for."""
    execution.metadata.namespace = workflow.namespace
    execution.metadata.labels |= {LABEL_WORKFLOW_ID: workflow.uid or ""}
    execution.spec.workflow_execution_ref = ObjectRef(name=workflow.name, uid=workflow.uid)
    requester = workflow.spec.requested_by
    execution.spec.requested_by = requester.model_copy(deep=True) if requester is not None else None
    return execution

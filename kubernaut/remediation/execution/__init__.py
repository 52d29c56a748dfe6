"""KubernetesExecution: one action on one target, checked, run as one Job, reversible where possible.

manager.add(executions(ExecutionConfig(catalog=Catalog.builtin(), evaluator=RegoEvaluator())))
"""

from kubernaut.remediation.execution.config import ExecutionConfig, Limits, PolicyMode
from kubernaut.remediation.execution.controller import executions
from kubernaut.remediation.execution.digest import spec_digest
from kubernaut.remediation.execution.gate import ApprovalGate, Approved, NoApprovals
from kubernaut.remediation.execution.manifests import crds
from kubernaut.remediation.execution.reasons import Reason
from kubernaut.remediation.execution.types import (
    FINALIZER,
    GROUP,
    ExecutionTarget,
    KubernetesExecution,
    KubernetesExecutionSpec,
    KubernetesExecutionStatus,
    Phase,
    RequestedBy,
)

__all__ = [
    "FINALIZER",
    "GROUP",
    "ApprovalGate",
    "Approved",
    "ExecutionConfig",
    "ExecutionTarget",
    "KubernetesExecution",
    "KubernetesExecutionSpec",
    "KubernetesExecutionStatus",
    "Limits",
    "NoApprovals",
    "Phase",
    "PolicyMode",
    "Reason",
    "RequestedBy",
    "crds",
    "executions",
    "spec_digest",
]

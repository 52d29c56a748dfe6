"""The kinds that a remediation is made of: their names on the command line, and which may be the root."""

from __future__ import annotations

from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.approval.types import ApprovalRequest
from kubernaut.remediation.execution.types import KubernetesExecution
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request.types import RemediationRequest
from kubernaut.remediation.workflow.types import WorkflowExecution
from kubernaut.resources import AnyResource, Resource
from kubernaut.resources.builtin.batch_v1 import Job

CHILDREN: tuple[type[Resource], ...] = (
    RemediationProcessing,
    AIAnalysis,
    WorkflowExecution,
    KubernetesExecution,
    ApprovalRequest,
)
"""What belongs to others, in the order in which it comes to be."""
_ALL: tuple[type[Resource], ...] = (RemediationRequest, *CHILDREN, Job)
ORDER = tuple(kind.resource_type.kind for kind in _ALL)
ROOTS: tuple[type[Resource], ...] = (RemediationRequest, WorkflowExecution, KubernetesExecution)


def _names(kind: type[Resource]) -> tuple[str, ...]:
    resource = kind.resource_type
    return (resource.kind.lower(), resource.plural, *resource.short_names)


NAMES = {name: kind for kind in ROOTS for name in _names(kind)}
"""What a root may be called before the slash of `KIND/NAME`."""


def plain(kind: type[Resource]) -> type[AnyResource]:
    """The same kind as plain data: an object that is not as it should be is shown all the same."""
    resource = kind.resource_type
    return AnyResource.of(resource.api_version, resource.kind, resource.plural, resource.namespaced)

"""Who holds a target, and whether they are done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from kubernaut.client import Client, NotFound
from kubernaut.remediation.execution.reasons import RELEASED
from kubernaut.remediation.execution.types import KubernetesExecution, Phase
from kubernaut.resources import AnyResource, ResourceType
from kubernaut.resources.builtin.coordination_v1 import Lease

WORKFLOW = ResourceType("workflowexecution.kubernaut.io", "v1", "WorkflowExecution", "workflowexecutions")
_KINDS = {kind.kind: kind for kind in (KubernetesExecution.resource_type, WORKFLOW)}
_TERMINAL = (Phase.ROLLBACK_READY, Phase.COMPLETED, Phase.FAILED)
_PREFIX = "kubernaut.io/holder-"


@dataclass(frozen=True, slots=True)
class Holder:
    """An execution, or the workflow it belongs to, whose steps may follow each other on one target."""

    kind: str
    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, execution: KubernetesExecution) -> Self:
        """Who holds the target for an execution."""
        workflow = execution.spec.workflow_execution_ref
        namespace = execution.namespace or ""
        if workflow is not None and workflow.uid:
            return cls(WORKFLOW.kind, workflow.namespace or namespace, workflow.name, workflow.uid)
        return cls(execution.resource_type.kind, namespace, execution.name, execution.uid or "")

    @classmethod
    def read(cls, lease: Lease) -> Self:
        """Who holds a Lease, as it says itself."""
        notes = lease.metadata.annotations
        kind, namespace, name = (notes.get(_PREFIX + part, "") for part in ("kind", "namespace", "name"))
        return cls(kind, namespace, name, lease.spec.holder_identity or "")

    def annotations(self) -> dict[str, str]:
        """What a Lease says of its holder, beside the uid."""
        return {f"{_PREFIX}kind": self.kind, f"{_PREFIX}namespace": self.namespace, f"{_PREFIX}name": self.name}

    async def is_done(self, client: Client) -> bool:
        """Whether it is gone, or has ended and nothing of it runs any more. Raises ApiError."""
        kind = _KINDS.get(self.kind)
        if kind is None or not self.name:
            # Whoever wrote this Lease was not kubernaut: it is theirs until they let go.
            return not self.uid
        model = AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)
        try:
            found = (await client.get(model, self.name, namespace=self.namespace)).to_dict()
        except NotFound:
            return True
        if found["metadata"]["uid"] != self.uid:
            return True
        status = found.get("status") or {}
        if status.get("phase") not in _TERMINAL:
            return False
        conditions = {each.get("type"): each.get("status") for each in status.get("conditions") or ()}
        return kind is WORKFLOW or conditions.get(RELEASED) == "True"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

"""Who holds a target, and whether they are done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from kubernaut.client import Client, NotFound
from kubernaut.remediation.execution.reasons import RELEASED
from kubernaut.remediation.execution.types import TERMINAL, KubernetesExecution
from kubernaut.resources import AnyResource, ResourceType
from kubernaut.resources.builtin.coordination_v1 import Lease

EXECUTION = KubernetesExecution.resource_type
WORKFLOW = ResourceType("workflowexecution.kubernaut.io", "v1", "WorkflowExecution", "workflowexecutions")
_PREFIX = "kubernaut.io/holder-"
_MEMBER = "execution.kubernaut.io/"
LABEL_HOLDER = "kubernaut.io/held-by"
"""The uid of the workflow that holds a Lease, so that it finds all of its own."""


def member_key(uid: str) -> str:
    """The label, and the annotation that says where it is, of an execution on the Lease that it works under."""
    return _MEMBER + uid


@dataclass(frozen=True, slots=True)
class Holder:
    """An execution, or the workflow it belongs to, whose steps may follow each other on one target."""

    kind: str
    namespace: str
    name: str
    uid: str

    @classmethod
    async def of(cls, client: Client, execution: KubernetesExecution) -> Self:
        """Who holds the target for an execution: itself, unless the workflow that it names exists and controls it.

        Anybody may write a reference: it counts where it names the controller, and that is there. Raises ApiError.
        """
        namespace = execution.namespace or ""
        own = cls(EXECUTION.kind, namespace, execution.name, execution.uid or "")
        reference, controller = execution.spec.workflow_execution_ref, execution.metadata.controller_reference()
        if reference is None or controller is None or controller.kind != WORKFLOW.kind:
            return own
        if controller.api_version.rpartition("/")[0] != WORKFLOW.group:
            return own
        named = (reference.namespace or namespace, reference.name, reference.uid)
        if named != (namespace, controller.name, controller.uid):
            return own
        workflow = cls(WORKFLOW.kind, namespace, controller.name, controller.uid)
        return own if await workflow._read(client) is None else workflow

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
        """Whether it is gone, or has ended; an execution only when nothing of it runs any more. Raises ApiError."""
        if self.kind not in (EXECUTION.kind, WORKFLOW.kind) or not self.name:
            # Whoever wrote this Lease was not kubernaut: it is theirs until they let go.
            return not self.uid
        found = await self._read(client)
        if found is None:
            return True
        if self.kind == WORKFLOW.kind and found["metadata"].get("deletionTimestamp"):
            # It begins nothing more, and may have to wait for its executions to be gone.
            return True
        status = found.get("status") or {}
        if status.get("phase") not in TERMINAL:
            return False
        conditions = {each.get("type"): each.get("status") for each in status.get("conditions") or ()}
        return self.kind == WORKFLOW.kind or conditions.get(RELEASED) == "True"

    async def _read(self, client: Client) -> dict[str, Any] | None:
        """It as the server has it; None where there is none of that uid, or no such kind."""
        kind = WORKFLOW if self.kind == WORKFLOW.kind else EXECUTION
        model = AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)
        try:
            found = (await client.get(model, self.name, namespace=self.namespace)).to_dict()
        except NotFound:
            return None
        return found if found["metadata"]["uid"] == self.uid else None

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def members(lease: Lease) -> list[Holder]:
    """The executions that work under a Lease, by its annotations."""
    found = []
    for key, where in lease.metadata.annotations.items():
        if key.startswith(_MEMBER):
            namespace, _, name = where.partition("/")
            found.append(Holder(EXECUTION.kind, namespace, name, key.removeprefix(_MEMBER)))
    return found


async def is_free(client: Client, lease: Lease, *, besides: str) -> bool:
    """Whether nobody holds a Lease any more: not its holder, and no execution under it but `besides` (a uid).

    A workflow that has ended may have left a step behind whose Job still runs. Raises ApiError.
    """
    if not await Holder.read(lease).is_done(client):
        return False
    for member in members(lease):
        if member.uid != besides and not await member.is_done(client):
            return False
    return True

"""Who holds a target, and whether they are done with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from kubernaut.actions import LABEL_EXECUTION_ID
from kubernaut.client import Client, NotFound, ObjectHead
from kubernaut.remediation.execution.outcome import outcome
from kubernaut.remediation.execution.reasons import RELEASED
from kubernaut.remediation.execution.types import TERMINAL, KubernetesExecution, RequestedBy
from kubernaut.resources import AnyResource, ResourceType
from kubernaut.resources.builtin.batch_v1 import Job
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
        """Who holds the target for an execution: itself, unless it is a step of the workflow that it names.

        Anybody may write a reference, that of the controller too: it counts where it names the controller, that is
        there, and the status of that names the execution. Raises ApiError.
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
        found = await workflow._read(client)
        return workflow if found is not None and _is_named(found, execution) else own

    @staticmethod
    def read(lease: Lease) -> Holder:
        """Who holds a Lease, as it says itself."""
        return _named(lease.metadata.annotations, lease.spec.holder_identity or "")

    def annotations(self) -> dict[str, str]:
        """What a Lease says of its holder, beside the uid."""
        return {f"{_PREFIX}kind": self.kind, f"{_PREFIX}namespace": self.namespace, f"{_PREFIX}name": self.name}

    async def is_done(self, client: Client, executor_namespace: str) -> bool:
        """Whether it is gone, or has ended; an execution only when nothing of it runs any more. Raises ApiError."""
        if self.kind not in (EXECUTION.kind, WORKFLOW.kind) or not self.name:
            # Whoever wrote this Lease was not kubernaut: it is theirs until they let go.
            return not self.uid
        found = await self._read(client)
        if found is None:
            # Somebody may have taken its finalizer off while its Job was at work.
            return self.kind == WORKFLOW.kind or not await self._is_at_work(client, executor_namespace)
        if self.kind == WORKFLOW.kind and found["metadata"].get("deletionTimestamp"):
            # It begins nothing more, and may have to wait for its executions to be gone.
            return True
        status = found.get("status") or {}
        if status.get("phase") not in TERMINAL:
            return False
        conditions = {each.get("type"): each.get("status") for each in status.get("conditions") or ()}
        return self.kind == WORKFLOW.kind or conditions.get(RELEASED) == "True"

    async def _is_at_work(self, client: Client, namespace: str) -> bool:
        jobs = await client.list(Job, namespace=namespace, labels={LABEL_EXECUTION_ID: self.uid})
        return any(outcome(job) is None for job in jobs)

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


def _is_named(workflow: Mapping[str, Any], execution: KubernetesExecution) -> bool:
    """Whether a workflow says that an execution is one of its own: by uid, or, before it has noted that, by name.

    A name can be guessed, so then it must have been asked for by the same.
    """
    steps = (workflow.get("status") or {}).get("steps") or ()
    named = [step.get(field) or {} for step in steps for field in ("executionRef", "rollbackRef")]
    found = next((each for each in named if each.get("name") == execution.name), None)
    if found is None:
        return False
    if found.get("uid"):
        return bool(found["uid"] == execution.uid)
    asked = (workflow.get("spec") or {}).get("requestedBy")
    requester = RequestedBy.from_dict(asked) if asked is not None else None
    return requester == execution.spec.requested_by


def members(lease: Lease) -> list[Holder]:
    """The executions that work under a Lease, by its annotations."""
    return list(_members(lease.metadata.annotations))


def holders_of(lease: ObjectHead) -> Iterator[Holder]:
    """The executions that work under a Lease, and the workflow that holds it, by its metadata alone.

    Anybody may have written it: one counts only where it is found by its label, and says where it is.
    """
    found = [member for member in _members(lease.annotations) if member_key(member.uid) in lease.labels]
    if LABEL_HOLDER in lease.labels:
        found.append(_named(lease.annotations, lease.labels[LABEL_HOLDER]))
    yield from (each for each in found if each.namespace and each.name)


def _members(notes: Mapping[str, str]) -> Iterator[Holder]:
    for key, where in notes.items():
        if key.startswith(_MEMBER):
            namespace, _, name = where.partition("/")
            yield Holder(EXECUTION.kind, namespace, name, key.removeprefix(_MEMBER))


def _named(notes: Mapping[str, str], uid: str) -> Holder:
    kind, namespace, name = (notes.get(_PREFIX + part, "") for part in ("kind", "namespace", "name"))
    return Holder(kind, namespace, name, uid)


async def is_free(client: Client, lease: Lease, *, besides: str) -> bool:
    """Whether nobody holds a Lease any more: not its holder, and no execution under it but `besides` (a uid).

    A workflow that has ended may have left a step behind whose Job still runs. Raises ApiError.
    """
    done = await Holder.read(lease).is_done(client, lease.metadata.namespace or "")
    return done and await at_work(client, lease, besides=besides) is None


async def at_work(client: Client, lease: Lease, *, besides: str = "") -> Holder | None:
    """The first execution under a Lease, but for `besides` (a uid), of which something may run. Raises ApiError."""
    for member in members(lease):
        if member.uid != besides and not await member.is_done(client, lease.metadata.namespace or ""):
            return member
    return None

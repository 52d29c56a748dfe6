"""Which objects a workflow may be told of: those beside it, and those that whoever asked for it may read."""

from __future__ import annotations

from kubernaut.reconcile import Permission
from kubernaut.remediation.execution.webhooks.vouching import MISSING, unbelieved
from kubernaut.remediation.workflow.config import WorkflowConfig
from kubernaut.remediation.workflow.work import Work
from kubernaut.resources import ResourceType
from kubernaut.resources.builtin.authorization_v1 import (
    ResourceAttributes,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)


def sight_permissions(config: WorkflowConfig) -> list[Permission]:
    """What `may_see` and `stranger` call."""
    asks = Permission(["create"], SubjectAccessReview, why="tells of an object only whom may read it")
    return [asks, *(() if config.execution.allow_unstamped else config.vouching.permissions)]


async def stranger(work: Work) -> str | None:
    """Why nobody knows who asked for the workflow; None where its stamp is believed, or not asked for. Raises
    ApiError."""
    if work.config.execution.allow_unstamped:
        return None
    requester = work.workflow.spec.requested_by
    if requester is None:
        return MISSING
    why = await work.config.vouching.vouches(work.ctx.client, work.workflow.metadata.creation_timestamp)
    return None if why is None else unbelieved(requester.username, why)


async def may_see(work: Work, kind: ResourceType, namespace: str | None, name: str) -> bool:
    """Whether the status of the workflow may tell of an object, which is read with the controller's rights.

    In the workflow's own namespace it may. Elsewhere the requester must be allowed to `get` it, unless the policy
    answers for them (`delegate_requester`, `delegated_requesters`); one whose stamp is not believed sees nothing there.
    Raises ApiError.
    """
    if kind.namespaced and namespace == work.workflow.namespace:
        return True
    if await stranger(work) is not None:
        return False
    requester, config = work.workflow.spec.requested_by, work.config.execution
    if requester is None or config.delegate_requester or requester.username in config.delegated_requesters:
        return True
    asked = ResourceAttributes(
        verb="get",
        group=kind.group,
        resource=kind.plural,
        namespace=namespace if kind.namespaced else None,
        name=name,
    )
    spec = SubjectAccessReviewSpec(
        user=requester.username, groups=list(requester.groups), uid=requester.uid, resource_attributes=asked
    )
    return bool((await work.ctx.client.create(SubjectAccessReview(spec=spec))).status.allowed)

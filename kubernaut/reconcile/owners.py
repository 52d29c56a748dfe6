"""From an object to its owner: by controller reference, or by annotation where references cannot reach."""

from __future__ import annotations

from collections.abc import Callable

from kubernaut.client import ObjectHead, OwnerHead
from kubernaut.reconcile.result import Request
from kubernaut.resources import Resource, ResourceType

OWNER_KIND = "kubernaut.io/owner-kind"
"""Annotation: `Kind.group` of the owner."""
OWNER_NAME = "kubernaut.io/owner-name"
"""Annotation: `namespace/name` of the owner, or its name where it is cluster-scoped."""


def mark_owner(child: Resource, owner: Resource) -> None:
    """Note the owner in the child's annotations, in place: for owners in another namespace.

    Their changes then reach the owner through `owns`. Kubernetes deletes nothing by it: delete such children in
    `finalize`.
    """
    rt = owner.resource_type
    child.metadata.annotations[OWNER_KIND] = _kind(rt)
    child.metadata.annotations[OWNER_NAME] = f"{owner.namespace}/{owner.name}" if rt.namespaced else owner.name


def owner_requests(owner: ResourceType) -> Callable[[ObjectHead], list[Request]]:
    """A mapper from an object to its owner, where that is of the kind `owner`."""

    def to(head: ObjectHead) -> list[Request]:
        reference = head.controller_owner
        if reference is not None and _group_kind(reference) == (owner.group, owner.kind):
            return [Request(head.namespace if owner.namespaced else None, reference.name)]
        if head.annotations.get(OWNER_KIND) == _kind(owner):
            namespace, _, name = head.annotations.get(OWNER_NAME, "").rpartition("/")
            if name and bool(namespace) is owner.namespaced:
                return [Request(namespace or None, name)]
        return []

    return to


def _group_kind(reference: OwnerHead) -> tuple[str, str]:
    """The version is left out: owners of another version are the same objects."""
    return reference.api_version.rpartition("/")[0], reference.kind


def _kind(rt: ResourceType) -> str:
    return f"{rt.kind}.{rt.group}" if rt.group else rt.kind

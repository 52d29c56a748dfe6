"""Which objects an owner controls: it adopts orphans that its selector matches and releases what no longer matches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from kubernaut.client import Conflict, Invalid, MergePatch, NotFound, ObjectHead
from kubernaut.fake.controlplane.indexes import of_nobody, of_owner
from kubernaut.fake.controlplane.selecting import selects
from kubernaut.reconcile import Cache, Context, NotCached, Request
from kubernaut.resources import OwnerReference, Resource
from kubernaut.resources.builtin.meta_v1 import LabelSelector

R = TypeVar("R", bound=Resource)


def controlled(kind: type[R], owner: Resource, ctx: Context) -> list[R]:
    """The cached objects that the owner controls, those being deleted included, by name."""
    found = ctx.cache.list(kind, namespace=owner.namespace, index=of_owner(owner.uid))
    return sorted(found, key=lambda obj: obj.name)


async def claim(
    kind: type[R],
    owner: Resource,
    selector: LabelSelector | None,
    ctx: Context,
    accepts: Callable[[R], bool] = lambda obj: True,
) -> list[R]:
    """As `controlled`, after those that the selector no longer matches were released and orphans adopted.

    `accepts` may leave out orphans. An owner that is being deleted adopts and releases nothing.
    """
    ours = controlled(kind, owner, ctx)
    if owner.metadata.deletion_timestamp is not None:
        return ours
    kept = [obj for obj in ours if selects(selector, obj.metadata.labels)]
    for obj in ours:
        if not selects(selector, obj.metadata.labels) and obj.metadata.deletion_timestamp is None:
            await _patch_owners(obj, [r for r in obj.metadata.owner_references if r.uid != owner.uid], ctx)
    for orphan in _orphans(kind, owner, selector, ctx):
        if accepts(orphan) and await _patch_owners(
            orphan, [*orphan.metadata.owner_references, owner.owner_reference()], ctx
        ):
            kept.append(orphan)
    return sorted(kept, key=lambda obj: obj.name)


def _orphans(kind: type[R], owner: Resource, selector: LabelSelector | None, ctx: Context) -> Iterable[R]:
    for head in ctx.cache.heads(kind, namespace=owner.namespace, index=of_nobody(owner.namespace)):
        if head.deletion_timestamp is None and selects(selector, head.labels or {}):
            yield ctx.cache.get(kind, head.name, owner.namespace)


async def _patch_owners(obj: Resource, references: list[OwnerReference], ctx: Context) -> bool:
    dumped = [reference.to_dict() for reference in references]
    metadata = {
        "uid": obj.uid,
        "resourceVersion": obj.metadata.resource_version,
        "ownerReferences": dumped or None,
    }
    try:
        await ctx.client.patch(type(obj), obj.name, MergePatch({"metadata": metadata}), namespace=obj.namespace)
    except (NotFound, Conflict, Invalid):
        # Gone or changed meanwhile: its event brings it back.
        return False
    return True


def possible_owners(kind: type[Resource]) -> Callable[[ObjectHead, Cache], list[Request]]:
    """A mapper from an object that nobody controls to the objects of `kind` whose selector matches it."""

    def to(head: ObjectHead, cache: Cache) -> list[Request]:
        if head.controller_owner is not None or head.deletion_timestamp is not None or not head.labels:
            return []
        try:
            owners = cache.list(kind, namespace=head.namespace)
        except NotCached:
            return []
        return [
            Request(owner.namespace, owner.name)
            for owner in owners
            if selects(getattr(getattr(owner, "spec", None), "selector", None), head.labels)
        ]

    return to

"""ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, by number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kubernaut.client import AlreadyExists, Conflict, MergePatch, NotFound
from kubernaut.fake.controlplane.claiming import claim
from kubernaut.fake.controlplane.template import template_hash
from kubernaut.reconcile import Context, RequeueError
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.apps_v1 import ControllerRevision, DaemonSet, StatefulSet
from kubernaut.resources.builtin.pods import PodTemplateSpec

REVISION_LABEL = "controller-revision-hash"
_HISTORY = 10


async def sync_revisions(
    owner: StatefulSet | DaemonSet, hash_label: str, ctx: Context
) -> tuple[ControllerRevision, list[ControllerRevision]]:
    """The revision of the owner's template, made or renumbered if need be, and all revisions, the oldest first.

    `hash_label` is the label that carries the hash of the template. Raises RequeueError, ApiError.
    """
    history = sorted(
        await claim(ControllerRevision, owner, owner.spec.selector, ctx), key=lambda one: (one.revision, one.name)
    )
    data = _patch_of(owner.spec.template)
    newest = history[-1].revision if history else 0
    known = next((one for one in reversed(history) if one.data == data), None)
    if known is None:
        made = await _create(owner, data, newest + 1, hash_label, ctx)
        return made, [*history, made]
    if known.revision != newest:
        patch = MergePatch({"revision": newest + 1})
        known = await ctx.client.patch(ControllerRevision, known.name, patch, namespace=known.namespace)
        history = [*(one for one in history if one.name != known.name), known]
    return known, history


async def drop_old_revisions(
    history: Sequence[ControllerRevision], live: Collection[str], limit: int | None, ctx: Context
) -> None:
    """Delete the oldest revisions beyond the limit that no pod has, and that are neither current nor next."""
    unused = [one for one in history if one.name not in live]
    surplus = len(unused) - (_HISTORY if limit is None else limit)
    for revision in unused[: max(surplus, 0)]:
        try:
            await ctx.client.delete(ControllerRevision, revision.name, namespace=revision.namespace, uid=revision.uid)
        except (NotFound, Conflict):
            continue


def template_of(revision: ControllerRevision) -> PodTemplateSpec:
    """The pod template that a revision keeps."""
    template = dict((revision.data or {}).get("spec", {}).get("template", {}))
    template.pop("$patch", None)
    return PodTemplateSpec.from_dict(template)


def _patch_of(template: PodTemplateSpec) -> dict[str, Any]:
    """What the real controllers keep: a strategic merge patch that brings the template back."""
    return {"spec": {"template": {**template.to_dict(), "$patch": "replace"}}}


async def _create(
    owner: StatefulSet | DaemonSet, data: Mapping[str, Any], number: int, hash_label: str, ctx: Context
) -> ControllerRevision:
    suffix = template_hash(owner.spec.template, owner.status.collision_count or 0)
    metadata = ObjectMeta(
        name=f"{owner.name}-{suffix}",
        namespace=owner.namespace,
        labels={**owner.spec.template.metadata.labels, hash_label: suffix},
        owner_references=[owner.owner_reference()],
    )
    try:
        return await ctx.client.create(ControllerRevision(metadata=metadata, revision=number, data=dict(data)))
    except AlreadyExists:
        live = await ctx.client.get(ControllerRevision, f"{owner.name}-{suffix}", namespace=owner.namespace)
        reference = live.metadata.controller_reference()
        if live.data == data and reference is not None and reference.uid == owner.uid:
            return live
        owner.status.collision_count = (owner.status.collision_count or 0) + 1
        raise RequeueError(f"the name {live.name} is taken: another one will be used") from None

"""Binds claims for volumes at once: to a fitting PersistentVolume, or to one made for them."""

from __future__ import annotations

from kubernaut.client import AlreadyExists, Conflict, MergePatch, NotFound, ObjectHead
from kubernaut.reconcile import Cache, Context, Controller, NotCached, Reconciler, Request, Result, Watch
from kubernaut.resources import ObjectMeta, quantity_value
from kubernaut.resources.builtin.core_v1 import (
    HostPathVolumeSource,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeSpec,
)

_BOUND = {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}
_PROVISIONED = "pv.kubernetes.io/provisioned-by"
_PROVISIONER = "kubernaut.io/simulated"


class Claims(Reconciler[PersistentVolumeClaim]):
    """No storage class needs to exist; only the class "" asks for a volume that somebody else has made."""

    async def reconcile(self, claim: PersistentVolumeClaim, ctx: Context) -> Result | None:
        """Bind the claim."""
        if claim.metadata.deletion_timestamp is not None or claim.status.phase == "Bound":
            return None
        claim.status.phase = claim.status.phase or "Pending"
        volume = _named(claim, ctx) if claim.spec.volume_name else _fitting(claim, ctx)
        if volume is None and claim.spec.volume_name:
            return None
        if volume is None and claim.spec.storage_class_name == "":
            words = "no persistent volumes available for this claim and no storage class is set"
            ctx.events.event(claim, "FailedBinding", words, action="Bind")
            return None
        if volume is None:
            volume = await _provision(claim, ctx)
        elif volume.spec.claim_ref is None or not volume.spec.claim_ref.uid:
            patch = MergePatch({"spec": {"claimRef": _reference(claim).to_dict()}})
            await ctx.client.patch(PersistentVolume, volume.name, patch)
        metadata = {"uid": claim.uid, "annotations": _BOUND}
        patch = MergePatch({"metadata": metadata, "spec": {"volumeName": volume.name}})
        try:
            await ctx.client.patch(PersistentVolumeClaim, claim.name, patch, namespace=claim.namespace)
        except NotFound:
            return None
        claim.status.phase = "Bound"
        claim.status.access_modes = list(volume.spec.access_modes)
        claim.status.capacity = dict(volume.spec.capacity)
        return None


class Volumes(Reconciler[PersistentVolume]):
    """Available, Bound, Released; a volume with reclaim policy Delete goes when its claim is gone."""

    async def reconcile(self, volume: PersistentVolume, ctx: Context) -> Result | None:
        """Write the phase, or delete the volume."""
        if volume.metadata.deletion_timestamp is not None:
            return None
        reference = volume.spec.claim_ref
        if reference is None or not reference.uid:
            volume.status.phase = "Available"
            return None
        try:
            claim = ctx.cache.get(PersistentVolumeClaim, reference.name or "", reference.namespace)
        except NotFound:
            claim = None
        if claim is not None and claim.uid == reference.uid:
            volume.status.phase = "Bound"
            return None
        volume.status.phase = "Released"
        if volume.spec.persistent_volume_reclaim_policy == "Delete":
            try:
                await ctx.client.delete(PersistentVolume, volume.name, uid=volume.uid)
            except (NotFound, Conflict):
                return None
        return None


def _named(claim: PersistentVolumeClaim, ctx: Context) -> PersistentVolume | None:
    try:
        return ctx.cache.get(PersistentVolume, claim.spec.volume_name or "")
    except NotFound:
        return None


def _fitting(claim: PersistentVolumeClaim, ctx: Context) -> PersistentVolume | None:
    """The smallest free volume of the claim's class that is large enough and knows its access modes."""
    wanted = _storage(claim.spec.resources.requests if claim.spec.resources else {})
    found = [
        volume
        for volume in ctx.cache.list(PersistentVolume)
        if volume.metadata.deletion_timestamp is None
        and _is_free_for(volume, claim)
        and (volume.spec.storage_class_name or "") == (claim.spec.storage_class_name or "")
        and {*claim.spec.access_modes} <= {*volume.spec.access_modes}
        and _storage(volume.spec.capacity) >= wanted
    ]
    return min(found, key=lambda volume: (_storage(volume.spec.capacity), volume.name), default=None)


def _is_free_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    reference = volume.spec.claim_ref
    if reference is None:
        return volume.status.phase in (None, "", "Pending", "Available")
    same = (reference.namespace, reference.name) == (claim.namespace, claim.name)
    return same and reference.uid in (None, "", claim.uid)


def _storage(amounts: dict[str, str]) -> float:
    return float(quantity_value(amounts.get("storage", "0")))


def _reference(claim: PersistentVolumeClaim) -> ObjectReference:
    return ObjectReference(
        api_version="v1",
        kind="PersistentVolumeClaim",
        namespace=claim.namespace,
        name=claim.name,
        uid=claim.uid,
        resource_version=claim.metadata.resource_version,
    )


async def _provision(claim: PersistentVolumeClaim, ctx: Context) -> PersistentVolume:
    name = f"pvc-{claim.uid}"
    requests = claim.spec.resources.requests if claim.spec.resources else {}
    volume = PersistentVolume(
        metadata=ObjectMeta(name=name, annotations={_PROVISIONED: _PROVISIONER}),
        spec=PersistentVolumeSpec(
            access_modes=list(claim.spec.access_modes),
            capacity={"storage": requests.get("storage", "1Gi")},
            claim_ref=_reference(claim),
            host_path=HostPathVolumeSource(path=f"/var/lib/simulated/{name}"),
            persistent_volume_reclaim_policy="Delete",
            storage_class_name=claim.spec.storage_class_name,
            volume_mode=claim.spec.volume_mode or "Filesystem",
        ),
    )
    try:
        made = await ctx.client.create(volume)
    except AlreadyExists:
        return await ctx.client.get(PersistentVolume, name)
    words = f"Successfully provisioned volume {name}"
    ctx.events.event(claim, "ProvisioningSucceeded", words, action="Provision")
    return made


def _volume_of(head: ObjectHead, cache: Cache) -> list[Request]:
    """A claim that is gone concerns its volume."""
    try:
        volumes = cache.list(PersistentVolume)
    except NotCached:
        return []
    return [
        Request(None, volume.name)
        for volume in volumes
        if volume.spec.claim_ref is not None and volume.spec.claim_ref.uid == head.uid
    ]


def _waiting_claims(head: ObjectHead, cache: Cache) -> list[Request]:
    try:
        claims = cache.list(PersistentVolumeClaim)
    except NotCached:
        return []
    return [Request(claim.namespace, claim.name) for claim in claims if claim.status.phase != "Bound"]


def volumes() -> list[Controller]:
    """The controllers of claims and of volumes."""
    return [
        Controller(
            PersistentVolumeClaim,
            Claims(),
            name="persistentvolume-controller",
            watches=[Watch(PersistentVolume, to=_waiting_claims)],
        ),
        Controller(
            PersistentVolume,
            Volumes(),
            name="persistentvolume-binder",
            watches=[Watch(PersistentVolumeClaim, to=_volume_of)],
        ),
    ]

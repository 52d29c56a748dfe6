"""Volumes, claims and storage classes: what they are when they do not say."""

from __future__ import annotations

from kubernaut.fake.apiserver.kinds.base import Object, ensure
from kubernaut.fake.apiserver.kinds.core import ReturnedKind


class VolumeKind(ReturnedKind):
    """Kept after its claim, holding a file system; pending until somebody offers it."""

    def default(self, obj: Object) -> None:
        spec = ensure(obj, "spec")
        spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
        spec.setdefault("volumeMode", "Filesystem")
        ensure(obj, "status").setdefault("phase", "Pending")

    def prepare_create(self, obj: Object) -> None:
        obj["status"] = {"phase": "Pending"}


class ClaimKind(ReturnedKind):
    """For a file system; pending until it is bound."""

    def default(self, obj: Object) -> None:
        ensure(obj, "spec").setdefault("volumeMode", "Filesystem")
        ensure(obj, "status").setdefault("phase", "Pending")

    def prepare_create(self, obj: Object) -> None:
        obj["status"] = {"phase": "Pending"}


class StorageClassKind(ReturnedKind):
    """Volumes go with their claims and are bound at once."""

    def default(self, obj: Object) -> None:
        obj.setdefault("reclaimPolicy", "Delete")
        obj.setdefault("volumeBindingMode", "Immediate")

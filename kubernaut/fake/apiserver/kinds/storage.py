"""Volumes, claims and storage classes: what they are when they do not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernaut.fake.apiserver.kinds.base import Object, ensure
from kubernaut.fake.apiserver.kinds.core import ReturnedKind
from kubernaut.fake.apiserver.status import CauseLike, forbidden_field, required


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

    def causes(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[CauseLike]:
        spec, causes = obj["spec"], list[CauseLike]()
        if not spec.get("accessModes"):
            causes.append(required("spec.accessModes", "at least 1 access mode is required"))
        if old is not None and _kept(spec) != _kept(old["spec"]):
            text = "spec is immutable after creation except resources.requests"
            text += " and volumeAttributesClassName for bound claims"
            causes.append(forbidden_field("spec", text))
        return causes


def _kept(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What no update changes; the scheduler's choice of a volume is added once."""
    changing = ("resources", "volumeName", "volumeAttributesClassName")
    return {name: value for name, value in spec.items() if name not in changing}


class StorageClassKind(ReturnedKind):
    """Volumes go with their claims and are bound at once."""

    def default(self, obj: Object) -> None:
        obj.setdefault("reclaimPolicy", "Delete")
        obj.setdefault("volumeBindingMode", "Immediate")

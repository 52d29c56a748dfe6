"""What is shown of volumes, claims and what provides them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver.printers.text import UNSET, age, spec_of, status_of

Object = Mapping[str, Any]
_SHORT = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_CLASS = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def _modes(given: Iterable[str] | None) -> str:
    kept = set(given or ())
    return ",".join(short for name, short in _SHORT.items() if name in kept)


def _phase(obj: Object) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else str(status_of(obj).get("phase", ""))


def _class(obj: Object) -> str:
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get(_CLASS) or spec_of(obj).get("storageClassName") or "")


def volume(obj: Object, now: datetime) -> list[Any]:
    spec = spec_of(obj)
    claim = spec.get("claimRef")
    return [
        (spec.get("capacity") or {}).get("storage", "0"),
        _modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        _phase(obj),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        _class(obj),
        spec.get("volumeAttributesClassName") or UNSET,
        status_of(obj).get("reason", ""),
        age(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def claim(obj: Object, now: datetime) -> list[Any]:
    spec, status = spec_of(obj), status_of(obj)
    bound = bool(spec.get("volumeName"))
    return [
        _phase(obj),
        spec.get("volumeName", ""),
        (status.get("capacity") or {}).get("storage", "0") if bound else "",
        _modes(status.get("accessModes")) if bound else "",
        _class(obj),
        spec.get("volumeAttributesClassName") or UNSET,
        age(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def storage_class(obj: Object, now: datetime) -> list[Any]:
    return [
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy", "Delete"),
        obj.get("volumeBindingMode") or UNSET,
        bool(obj.get("allowVolumeExpansion", False)),
        age(obj, now),
    ]


def storage_class_name(obj: Object) -> str:
    """The name, with a note if it is the class of claims that name none."""
    annotations = obj["metadata"].get("annotations") or {}
    default = any(annotations.get(name) == "true" for name in _DEFAULT_CLASS)
    name = str(obj["metadata"].get("name", ""))
    return f"{name} (default)" if default else name


def attributes_class(obj: Object, now: datetime) -> list[Any]:
    return [obj.get("driverName", ""), age(obj, now)]


def attachment(obj: Object, now: datetime) -> list[Any]:
    spec = spec_of(obj)
    volume_name = (spec.get("source") or {}).get("persistentVolumeName", "")
    attached = bool(status_of(obj).get("attached", False))
    return [spec.get("attacher", ""), volume_name, spec.get("nodeName", ""), attached, age(obj, now)]


def csi_node(obj: Object, now: datetime) -> list[Any]:
    return [len(spec_of(obj).get("drivers") or []), age(obj, now)]


def csi_driver(obj: Object, now: datetime) -> list[Any]:
    spec = spec_of(obj)
    tokens = ",".join(item.get("audience", "") for item in spec.get("tokenRequests") or []) or UNSET
    return [
        bool(spec.get("attachRequired", True)),
        bool(spec.get("podInfoOnMount", False)),
        bool(spec.get("storageCapacity", False)),
        tokens,
        bool(spec.get("requiresRepublish", False)),
        ",".join(spec.get("volumeLifecycleModes") or []) or "<none>",
        age(obj, now),
    ]


def csi_capacity(obj: Object, now: datetime) -> list[Any]:
    return [obj.get("storageClassName", ""), str(obj.get("capacity", UNSET))]

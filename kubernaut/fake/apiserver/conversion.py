"""One stored form per object, read at every served version of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from kubernaut.fake.apiserver.registry import ResourceInfo
from kubernaut.fake.apiserver.storage import Stored

Convert = Callable[[dict[str, Any]], None]
_EVENT = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "count": "deprecatedCount",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "source": "deprecatedSource",
}


def _renamed(obj: dict[str, Any], names: dict[str, str]) -> None:
    for old, new in names.items():
        if old in obj:
            obj[new] = obj.pop(old)


def _to_events_group(obj: dict[str, Any]) -> None:
    _renamed(obj, _EVENT)


def _from_events_group(obj: dict[str, Any]) -> None:
    _renamed(obj, {new: old for old, new in _EVENT.items()})


def _hpa_to_v1(obj: dict[str, Any]) -> None:
    spec = obj.get("spec", {})
    for metric in spec.pop("metrics", []):
        target = metric.get("resource", {})
        if target.get("name") == "cpu" and "averageUtilization" in target.get("target", {}):
            spec["targetCPUUtilizationPercentage"] = target["target"]["averageUtilization"]


def _hpa_from_v1(obj: dict[str, Any]) -> None:
    spec = obj.get("spec", {})
    percent = spec.pop("targetCPUUtilizationPercentage", None)
    if percent is not None:
        target = {"type": "Utilization", "averageUtilization": percent}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


_READ: dict[tuple[str, str], Convert] = {
    ("events.k8s.io", "Event"): _to_events_group,
    ("autoscaling", "HorizontalPodAutoscaler"): _hpa_to_v1,
}
_WRITE: dict[tuple[str, str], Convert] = {
    ("events.k8s.io", "Event"): _from_events_group,
    ("autoscaling", "HorizontalPodAutoscaler"): _hpa_from_v1,
}


def stored_api_version(info: ResourceInfo) -> str:
    group = "" if info.store == "events" else info.group
    return f"{group}/{info.stored_version}" if group else info.stored_version


def to_stored(obj: dict[str, Any], info: ResourceInfo) -> dict[str, Any]:
    """The object, at the version of `info`, at the stored one; `obj` may be changed. Raises Pending, StatusError."""
    wanted = stored_api_version(info)
    if wanted != info.api_version:
        return _converted(obj, info, wanted, _WRITE)
    return obj


def from_stored(obj: dict[str, Any], info: ResourceInfo) -> dict[str, Any]:
    """A stored object at the version of `info`; `obj` may be changed. Raises Pending, StatusError."""
    return obj if obj["apiVersion"] == info.api_version else _converted(obj, info, info.api_version, _READ)


def _converted(
    obj: dict[str, Any], info: ResourceInfo, wanted: str, known: dict[tuple[str, str], Convert]
) -> dict[str, Any]:
    if info.custom is not None and info.custom.converter is not None:
        found: dict[str, Any] = info.custom.converter.convert(obj, wanted)
        return found
    convert = known.get((info.group, info.kind))
    if convert is not None:
        convert(obj)
    obj["apiVersion"] = wanted
    return obj


def prime(objects: Iterable[Stored], info: ResourceInfo) -> None:
    """Has a webhook convert all of them in one call, where one converts. Raises Pending, StatusError."""
    if info.custom is not None and info.custom.converter is not None:
        info.custom.converter.prime([stored.decode() for stored in objects], info.api_version)


def read(stored: Stored, info: ResourceInfo) -> dict[str, Any]:
    """A private copy at the version of `info`. Raises Pending, StatusError."""
    return from_stored(stored.decode(), info)


def read_bytes(stored: Stored, info: ResourceInfo, *, head: bool = True) -> bytes:
    """The JSON at the version of `info`; without kind and apiVersion if not `head` (as items of built-in lists are).

    Raises Pending, StatusError.
    """
    old, data = _api_version_of(stored, info), stored.data
    by_webhook = info.custom is not None and info.custom.converter is not None
    if old != info.api_version and (by_webhook or (info.group, info.kind) in _READ):
        data = msgspec.json.encode(read(stored, info))
        old = info.api_version
    # stored objects begin with kind and apiVersion: exchanging that prefix saves decoding them
    length = len(f'{{"kind":"{info.kind}","apiVersion":"{old}",')
    if not head:
        return b"{" + data[length:]
    return (
        data
        if old == info.api_version
        else f'{{"kind":"{info.kind}","apiVersion":"{info.api_version}",'.encode() + data[length:]
    )


def _api_version_of(stored: Stored, info: ResourceInfo) -> str:
    """The version that an object is stored at: a CRD may have changed it since."""
    if info.custom is None:
        return stored_api_version(info)
    start = len(f'{{"kind":"{info.kind}","apiVersion":"')
    return stored.data[start : stored.data.index(b'"', start)].decode()

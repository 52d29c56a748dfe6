"""One stored form per object, read at every served version of its kind."""

from __future__ import annotations

from collections.abc import Callable
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
    """Rewrites an object from the version of `info` to the stored one, in place."""
    wanted = stored_api_version(info)
    if wanted != info.api_version:
        convert = _WRITE.get((info.group, info.kind))
        if convert is not None:
            convert(obj)
        obj["apiVersion"] = wanted
    return obj


def from_stored(obj: dict[str, Any], info: ResourceInfo) -> dict[str, Any]:
    """Rewrites a stored object to the version of `info`, in place."""
    if stored_api_version(info) != info.api_version:
        convert = _READ.get((info.group, info.kind))
        if convert is not None:
            convert(obj)
        obj["apiVersion"] = info.api_version
    return obj


def read(stored: Stored, info: ResourceInfo) -> dict[str, Any]:
    """A private copy at the version of `info`."""
    return from_stored(stored.decode(), info)


def read_bytes(stored: Stored, info: ResourceInfo, *, head: bool = True) -> bytes:
    """The JSON at the version of `info`; without kind and apiVersion if not `head` (as items of built-in lists are)."""
    old = stored_api_version(info)
    if old != info.api_version and (info.group, info.kind) in _READ:
        data: bytes = msgspec.json.encode(read(stored, info))
        old = info.api_version
    else:
        data = stored.data
    # stored objects begin with kind and apiVersion: exchanging that prefix saves decoding them
    length = len(f'{{"kind":"{info.kind}","apiVersion":"{old}",')
    if not head:
        return b"{" + data[length:]
    return (
        data
        if old == info.api_version
        else f'{{"kind":"{info.kind}","apiVersion":"{info.api_version}",'.encode() + data[length:]
    )

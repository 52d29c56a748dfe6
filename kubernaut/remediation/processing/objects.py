"""What is told of one object: its conditions, and a few numbers and settings that its kind is known by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubernaut.remediation.processing.texts import dig, line, mappings, number
from kubernaut.remediation.processing.types import ObjectFact

MAX_CONDITIONS = 20
_CONDITION_BYTES = 512

Summary = dict[str, str]


def object_fact(document: Mapping[str, Any]) -> ObjectFact:
    """An object (JSON with apiVersion, kind and metadata) as a fact. Annotations, labels and data are left out."""
    metadata = document.get("metadata") or {}
    summarise = _SUMMARIES.get(str(document.get("kind", "")), _any)
    summary = {key: line(value) for key, value in summarise(document).items() if value not in ("", "None")}
    if metadata.get("deletionTimestamp"):
        summary["deleted"] = line(metadata["deletionTimestamp"])
    return ObjectFact(
        api_version=str(document.get("apiVersion", "")),
        kind=str(document.get("kind", "")),
        namespace=metadata.get("namespace"),
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        conditions=_conditions(document),
        summary=summary,
    )


def _conditions(document: Mapping[str, Any]) -> dict[str, str]:
    """`False MinimumReplicasUnavailable: ...` by type."""
    found = {}
    for each in mappings(dig(document, "status", "conditions"))[:MAX_CONDITIONS]:
        reason, message = str(each.get("reason") or ""), str(each.get("message") or "")
        told = ": ".join(part for part in (reason, message) if part)
        found[line(each.get("type"), 63)] = line(f"{each.get('status')} {told}", _CONDITION_BYTES)
    return found


def _deployment(document: Mapping[str, Any]) -> Summary:
    wanted = number(document, "spec", "replicas", default=1)
    found = {
        "replicas": f"{number(document, 'status', 'readyReplicas')}/{wanted}",
        "updated": str(number(document, "status", "updatedReplicas")),
        "unavailable": str(number(document, "status", "unavailableReplicas")),
        "generation": str(number(document, "metadata", "generation")),
        "strategy": str(dig(document, "spec", "strategy", "type") or dig(document, "spec", "updateStrategy", "type")),
    }
    if dig(document, "spec", "paused"):
        found["paused"] = "true"
    return found


def _daemon_set(document: Mapping[str, Any]) -> Summary:
    wanted = number(document, "status", "desiredNumberScheduled")
    return {
        "replicas": f"{number(document, 'status', 'numberReady')}/{wanted}",
        "updated": str(number(document, "status", "updatedNumberScheduled")),
        "unavailable": str(number(document, "status", "numberUnavailable")),
    }


def _job(document: Mapping[str, Any]) -> Summary:
    counts = {each: str(number(document, "status", each)) for each in ("active", "succeeded", "failed")}
    return counts | {"backoffLimit": str(number(document, "spec", "backoffLimit", default=6))}


def _cron_job(document: Mapping[str, Any]) -> Summary:
    found = {
        "schedule": str(dig(document, "spec", "schedule")),
        "suspended": str(bool(dig(document, "spec", "suspend"))),
    }
    for each in ("lastScheduleTime", "lastSuccessfulTime"):
        found[each] = str(dig(document, "status", each))
    return found


def _node(document: Mapping[str, Any]) -> Summary:
    taints = [f"{each.get('key')}:{each.get('effect')}" for each in mappings(dig(document, "spec", "taints"))]
    return {
        "unschedulable": str(bool(dig(document, "spec", "unschedulable"))).lower(),
        "kubelet": str(dig(document, "status", "nodeInfo", "kubeletVersion")),
        "taints": ", ".join(taints),
    }


def _pod(document: Mapping[str, Any]) -> Summary:
    return {
        "phase": str(dig(document, "status", "phase")),
        "node": str(dig(document, "spec", "nodeName")),
        "reason": str(dig(document, "status", "reason")),
    }


def _autoscaler(document: Mapping[str, Any]) -> Summary:
    scaled = dig(document, "spec", "scaleTargetRef")
    return {
        "scales": f"{dig(scaled, 'kind')}/{dig(scaled, 'name')}",
        "current": str(number(document, "status", "currentReplicas")),
        "desired": str(number(document, "status", "desiredReplicas")),
        "minimum": str(number(document, "spec", "minReplicas", default=1)),
        "maximum": str(number(document, "spec", "maxReplicas")),
        "cpu": str(dig(document, "status", "currentCPUUtilizationPercentage")),
    }


def _any(document: Mapping[str, Any]) -> Summary:
    phase = dig(document, "status", "phase")
    return {"phase": phase} if isinstance(phase, str) else {}


_SUMMARIES: dict[str, Callable[[Mapping[str, Any]], Summary]] = {
    "Deployment": _deployment,
    "ReplicaSet": _deployment,
    "StatefulSet": _deployment,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "CronJob": _cron_job,
    "Node": _node,
    "Pod": _pod,
    "HorizontalPodAutoscaler": _autoscaler,
}

"""What is shown of nodes, namespaces, events, quotas and other things of the cluster itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver.printers.text import NONE, UNKNOWN, UNSET, age, condition, since, spec_of, status_of

Object = Mapping[str, Any]
_ROLE_PREFIX, _ROLE = "node-role.kubernetes.io/", "kubernetes.io/role"


def node(obj: Object, now: datetime) -> list[Any]:
    status = status_of(obj)
    facts = status.get("nodeInfo") or {}
    return [
        _node_state(obj),
        ",".join(_roles(obj)) or NONE,
        age(obj, now),
        facts.get("kubeletVersion", ""),
        _address(status, "InternalIP"),
        _address(status, "ExternalIP"),
        *(facts.get(name) or UNKNOWN for name in ("osImage", "kernelVersion", "containerRuntimeVersion")),
    ]


def _node_state(obj: Object) -> str:
    given = status_of(obj).get("conditions") or []
    known = any(item.get("type") == "Ready" for item in given)
    word = ("Ready" if condition(obj, "Ready") else "NotReady") if known else "Unknown"
    return f"{word},SchedulingDisabled" if spec_of(obj).get("unschedulable") else word


def _roles(obj: Object) -> list[str]:
    labels = obj["metadata"].get("labels") or {}
    found = {key[len(_ROLE_PREFIX) :] for key in labels if key.startswith(_ROLE_PREFIX)} | {labels.get(_ROLE, "")}
    return sorted(found - {""})


def _address(status: Object, kind: str) -> str:
    given = status.get("addresses") or []
    return next((item["address"] for item in given if item.get("type") == kind), NONE)


def namespace(obj: Object, now: datetime) -> list[Any]:
    return [status_of(obj).get("phase", ""), age(obj, now)]


def event(obj: Object, now: datetime) -> list[Any]:
    """The cells of an Event of the core group or of events.k8s.io, its name included."""
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    first = obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime")
    last = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp") or first
    count = obj.get("count") or obj.get("deprecatedCount") or 1
    series = obj.get("series")
    if series:
        last, count = series.get("lastObservedTime"), series.get("count", 0)
    kind = about.get("kind", "").lower()
    return [
        since(last, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{kind}/{about['name']}" if about.get("name") else kind,
        about.get("fieldPath", ""),
        _source(obj),
        (obj.get("message") or obj.get("note") or "").strip(),
        since(first, now),
        count,
        obj["metadata"].get("name", ""),
    ]


def _source(obj: Object) -> str:
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    component = source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or ""
    host = source.get("host") or obj.get("reportingInstance") or ""
    return f"{component}, {host}" if host else str(component)


def quota(obj: Object, now: datetime) -> list[Any]:
    hard, used = status_of(obj).get("hard") or {}, status_of(obj).get("used") or {}
    shown = {name: f"{name}: {used.get(name, '0')}/{hard[name]}" for name in sorted(hard)}
    limits = ", ".join(text for name, text in shown.items() if name.startswith("limits"))
    return [", ".join(text for name, text in shown.items() if not name.startswith("limits")), limits, age(obj, now)]


def lease(obj: Object, now: datetime) -> list[Any]:
    return [spec_of(obj).get("holderIdentity", ""), age(obj, now)]


def priority_class(obj: Object, now: datetime) -> list[Any]:
    default = bool(obj.get("globalDefault", False))
    return [obj.get("value", 0), default, age(obj, now), obj.get("preemptionPolicy", "")]


def runtime_class(obj: Object, now: datetime) -> list[Any]:
    return [obj.get("handler", ""), age(obj, now)]


def component_status(obj: Object, now: datetime) -> list[Any]:
    for item in obj.get("conditions") or []:
        if item.get("type") == "Healthy":
            word = "Healthy" if item.get("status") == "True" else "Unhealthy"
            return [word, item.get("message", ""), item.get("error", "")]
    return ["Unknown", "", ""]


def api_service(obj: Object, now: datetime) -> list[Any]:
    service = spec_of(obj).get("service")
    where = f"{service.get('namespace', '')}/{service.get('name', '')}" if service else "Local"
    available = next((c for c in status_of(obj).get("conditions") or [] if c.get("type") == "Available"), None)
    word = "Unknown"
    if available is not None:
        word = str(available.get("status", ""))
        if word != "True" and available.get("reason"):
            word = f"{word} ({available['reason']})"
    return [where, word, age(obj, now)]


def flow_schema(obj: Object, now: datetime) -> list[Any]:
    spec = spec_of(obj)
    dangling = [c for c in status_of(obj).get("conditions") or [] if c.get("type") == "Dangling"]
    return [
        (spec.get("priorityLevelConfiguration") or {}).get("name", ""),
        spec.get("matchingPrecedence", 0),
        (spec.get("distinguisherMethod") or {}).get("type", NONE),
        age(obj, now),
        dangling[0].get("status", "?") if dangling else "?",
    ]


def priority_level(obj: Object, now: datetime) -> list[Any]:
    limited = spec_of(obj).get("limited") or {}
    queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
    counts = [queuing.get(name, NONE) for name in ("queues", "handSize", "queueLengthLimit")]
    return [spec_of(obj).get("type", ""), limited.get("nominalConcurrencyShares", NONE), *counts, age(obj, now)]


def resource_claim(obj: Object, now: datetime) -> list[Any]:
    status = status_of(obj)
    states = ["deleted"] if obj["metadata"].get("deletionTimestamp") else []
    if not status.get("allocation"):
        states.append("pending")
    else:
        states += ["allocated", *(["reserved"] if status.get("reservedFor") else [])]
    return [",".join(states), age(obj, now)]


def resource_slice(obj: Object, now: datetime) -> list[Any]:
    spec = spec_of(obj)
    return [
        spec.get("nodeName") or UNSET,
        spec.get("driver", ""),
        (spec.get("pool") or {}).get("name", ""),
        age(obj, now),
    ]


def only_age(obj: Object, now: datetime) -> list[Any]:
    return [age(obj, now)]

"""What is shown of Deployments, ReplicaSets, Jobs and the like."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kubernaut.fake.apiserver.printers.text import (
    NONE,
    age,
    between,
    condition,
    containers,
    human_duration,
    labels,
    selector,
    since,
    spec_of,
    status_of,
    yes_or_no,
)

Object = Mapping[str, Any]
_JOB_STATES = ("Complete", "Failed")
_JOB_STATES_LATER = ("Suspended", "FailureTarget", "SuccessCriteriaMet")


def _template(obj: Object) -> Object:
    template: Object = spec_of(obj).get("template") or {}
    return template


def deployment(obj: Object, now: datetime) -> list[Any]:
    spec, status = spec_of(obj), status_of(obj)
    return [
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(obj, now),
        *containers(_template(obj)),
        selector(spec.get("selector"), ""),
    ]


def replica_set(obj: Object, now: datetime) -> list[Any]:
    return [*_replicated(obj, now), selector(spec_of(obj).get("selector"))]


def replication_controller(obj: Object, now: datetime) -> list[Any]:
    return [*_replicated(obj, now), labels(spec_of(obj).get("selector"))]


def _replicated(obj: Object, now: datetime) -> list[Any]:
    status = status_of(obj)
    counts = [spec_of(obj).get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [*counts, age(obj, now), *containers(_template(obj))]


def stateful_set(obj: Object, now: datetime) -> list[Any]:
    ready = f"{status_of(obj).get('readyReplicas', 0)}/{spec_of(obj).get('replicas', 0)}"
    return [ready, age(obj, now), *containers(_template(obj))]


def daemon_set(obj: Object, now: datetime) -> list[Any]:
    status = status_of(obj)
    names = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    return [
        *(status.get(name, 0) for name in names),
        labels((_template(obj).get("spec") or {}).get("nodeSelector")),
        age(obj, now),
        *containers(_template(obj)),
        selector(spec_of(obj).get("selector")),
    ]


def job(obj: Object, now: datetime) -> list[Any]:
    spec, status = spec_of(obj), status_of(obj)
    done, parallel = status.get("succeeded", 0), spec.get("parallelism", 1)
    if "completions" in spec:
        completions = f"{done}/{spec['completions']}"
    else:
        completions = f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"
    return [
        _job_state(obj),
        completions,
        _took(status, now),
        age(obj, now),
        *containers(_template(obj)),
        selector(spec.get("selector")),
    ]


def _job_state(obj: Object) -> str:
    for name in _JOB_STATES:
        if condition(obj, name):
            return name
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return next((name for name in _JOB_STATES_LATER if condition(obj, name)), "Running")


def _took(status: Object, now: datetime) -> str:
    start, end = status.get("startTime"), status.get("completionTime")
    if not start:
        return ""
    if end:
        return between(start, end)
    return human_duration(int((now - datetime.fromisoformat(start)).total_seconds()))


def cron_job(obj: Object, now: datetime) -> list[Any]:
    spec, status = spec_of(obj), status_of(obj)
    below = (spec.get("jobTemplate") or {}).get("spec") or {}
    last = status.get("lastScheduleTime")
    return [
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        yes_or_no(spec.get("suspend")),
        len(status.get("active") or []),
        since(last, now) if last else NONE,
        age(obj, now),
        *containers(below.get("template") or {}),
        selector(below.get("selector")),
    ]


def pod_template(obj: Object, now: datetime) -> list[Any]:
    template = obj.get("template") or {}
    return [*containers(template), labels((template.get("metadata") or {}).get("labels"))]


def controller_revision(obj: Object, now: datetime) -> list[Any]:
    owners = obj["metadata"].get("ownerReferences") or []
    owner = next((item for item in owners if item.get("controller")), None)
    shown = NONE
    if owner is not None:
        group = owner.get("apiVersion", "").rpartition("/")[0]
        kind = owner["kind"].lower()
        shown = f"{kind}.{group}/{owner['name']}" if group else f"{kind}/{owner['name']}"
    return [shown, obj.get("revision", 0), age(obj, now)]


def disruption_budget(obj: Object, now: datetime) -> list[Any]:
    bounds = [str(spec_of(obj).get(name, "N/A")) for name in ("minAvailable", "maxUnavailable")]
    return [*bounds, status_of(obj).get("disruptionsAllowed", 0), age(obj, now)]


def scale(obj: Object, now: datetime) -> list[Any]:
    return [spec_of(obj).get("replicas", 0), status_of(obj).get("replicas", 0), age(obj, now)]

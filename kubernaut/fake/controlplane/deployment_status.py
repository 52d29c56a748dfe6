"""Computes the status of a Deployment out of its ReplicaSets. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.rollout import Bounds, bounds_of
from kubernaut.resources.builtin.apps_v1 import Deployment, DeploymentCondition, ReplicaSet

_DEADLINE_SECONDS = 600


def summarise(
    deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet], now: datetime
) -> timedelta | None:
    """Write numbers and conditions into the status; return how long until the progress deadline, if that is near."""
    status = deployment.status
    every = [*old, *([new] if new else [])]
    before = (
        status.updated_replicas or 0,
        status.replicas or 0,
        status.ready_replicas or 0,
        status.available_replicas or 0,
    )
    updated = (new.status.replicas or 0) if new else 0
    replicas = sum(rs.status.replicas or 0 for rs in every)
    ready = sum(rs.status.ready_replicas or 0 for rs in every)
    available = sum(rs.status.available_replicas or 0 for rs in every)
    bounds = bounds_of(deployment)
    status.replicas = replicas or None
    status.updated_replicas = updated or None
    status.ready_replicas = ready or None
    status.available_replicas = available or None
    # Pods beyond those wanted must not hide that some of the wanted ones are missing.
    status.unavailable_replicas = max(sum_of_wanted(every) - available, 0) or None
    status.observed_generation = deployment.metadata.generation
    _set_available(deployment, available, bounds, now)
    moved = (updated, replicas, ready, available) != before
    complete = updated == replicas == available == bounds.desired
    return _set_progressing(deployment, new, now, moved=moved, complete=complete)


def sum_of_wanted(replica_sets: Sequence[ReplicaSet]) -> int:
    """How many pods the ReplicaSets ask for together."""
    return sum(rs.spec.replicas or 0 for rs in replica_sets)


def _set_available(deployment: Deployment, available: int, bounds: Bounds, now: datetime) -> None:
    enough = available >= bounds.at_least
    conditions.put(
        DeploymentCondition,
        deployment.status.conditions,
        "Available",
        enough,
        now,
        reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        message=f"Deployment {'has' if enough else 'does not have'} minimum availability.",
    )


def _set_progressing(
    deployment: Deployment, new: ReplicaSet | None, now: datetime, *, moved: bool, complete: bool
) -> timedelta | None:
    if new is None:
        return None
    found = conditions.find(deployment.status.conditions, "Progressing")
    subject = f'ReplicaSet "{new.name}"'
    if complete:
        _progress(deployment, True, now, "NewReplicaSetAvailable", f"{subject} has successfully progressed.")
        return None
    deadline = timedelta(seconds=deployment.spec.progress_deadline_seconds or _DEADLINE_SECONDS)
    if found is None or moved or (found.status == "True" and found.reason == "NewReplicaSetAvailable"):
        _progress(deployment, True, now, "ReplicaSetUpdated", f"{subject} is progressing.", at=now)
        return deadline
    since = _last_update(deployment) or now
    if found.reason == "ProgressDeadlineExceeded" or deployment.spec.paused:
        return None
    if now < since + deadline:
        return since + deadline - now
    _progress(deployment, False, now, "ProgressDeadlineExceeded", f"{subject} has timed out progressing.")
    return None


def _progress(
    deployment: Deployment, status: bool, now: datetime, reason: str, message: str, at: datetime | None = None
) -> None:
    found = conditions.find(deployment.status.conditions, "Progressing")
    changed = found is None or (found.reason, found.message) != (reason, message)
    known = deployment.status.conditions
    condition = conditions.put(DeploymentCondition, known, "Progressing", status, now, reason=reason, message=message)
    if changed or at is not None:
        condition.last_update_time = now


def _last_update(deployment: Deployment) -> datetime | None:
    found = conditions.find(deployment.status.conditions, "Progressing")
    return (found.last_update_time or found.last_transition_time) if found else None

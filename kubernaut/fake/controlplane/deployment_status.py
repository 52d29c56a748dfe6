"""Computes the status of a Deployment out of its ReplicaSets. Pure functions.

Reasons and messages are those of k8s.io/kubernetes pkg/controller/deployment (progress.go, sync.go).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.replicasets import wanted_replicas
from kubernaut.fake.controlplane.rollout import bounds_of
from kubernaut.resources.builtin.apps_v1 import Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet

_DEADLINE_SECONDS = 600
_NO_DEADLINE = 2**31 - 1
_MARGIN = timedelta(seconds=1)
_DONE, _LATE = "NewReplicaSetAvailable", "ProgressDeadlineExceeded"


def summarise(
    deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet], now: datetime
) -> timedelta | None:
    """Write numbers and conditions into the status; return how long until the progress deadline, if that is near."""
    before = deployment.status.model_copy()
    _count(deployment.status, new, old)
    deployment.status.observed_generation = deployment.metadata.generation
    _set_available(deployment, now)
    wait = None
    if not deployment.spec.paused:
        wait = _set_progressing(deployment, before, new, now)
    _set_failure(deployment, [*old, *([new] if new else [])], new, now)
    return wait


def is_complete(deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> bool:
    """Whether every pod is of the current template and available, and no other is left."""
    status = DeploymentStatus()
    _count(status, new, old)
    return _complete(status, bounds_of(deployment).desired)


def note_progress(deployment: Deployment, status: bool, now: datetime, reason: str, message: str) -> None:
    """Set condition Progressing."""
    known = deployment.status.conditions
    condition = conditions.put(DeploymentCondition, known, "Progressing", status, now, reason=reason, message=message)
    condition.last_update_time = now


def note_paused(deployment: Deployment, now: datetime) -> None:
    """A pause, and its end, stop the clock of the progress deadline: condition Progressing becomes Unknown."""
    if deployment.spec.progress_deadline_seconds == _NO_DEADLINE:
        return
    found = conditions.find(deployment.status.conditions, "Progressing")
    reason = found.reason if found else ""
    if reason == _LATE:
        return
    paused = bool(deployment.spec.paused)
    if paused == (reason == "DeploymentPaused"):
        return
    if not paused and reason != "DeploymentPaused":
        return
    words = ("DeploymentPaused", "paused") if paused else ("DeploymentResumed", "resumed")
    note_progress(deployment, False, now, words[0], f"Deployment is {words[1]}")
    condition = conditions.find(deployment.status.conditions, "Progressing")
    if condition is not None:
        condition.status = "Unknown"


def _count(status: DeploymentStatus, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> None:
    every = [*old, *([new] if new else [])]
    available = sum(rs.status.available_replicas or 0 for rs in every)
    status.replicas = sum(rs.status.replicas or 0 for rs in every) or None
    status.updated_replicas = ((new.status.replicas or 0) if new else 0) or None
    status.ready_replicas = sum(rs.status.ready_replicas or 0 for rs in every) or None
    status.available_replicas = available or None
    status.terminating_replicas = sum(rs.status.terminating_replicas or 0 for rs in every)
    # Pods beyond those wanted must not hide that some of the wanted ones are missing.
    status.unavailable_replicas = max(sum(map(wanted_replicas, every)) - available, 0) or None


def _complete(status: DeploymentStatus, desired: int) -> bool:
    numbers = (status.updated_replicas, status.replicas, status.available_replicas)
    return all((number or 0) == desired for number in numbers)


def _set_available(deployment: Deployment, now: datetime) -> None:
    enough = (deployment.status.available_replicas or 0) >= bounds_of(deployment).at_least
    known = conditions.find(deployment.status.conditions, "Available")
    changed = known is None or known.status != ("True" if enough else "False")
    condition = conditions.put(
        DeploymentCondition,
        deployment.status.conditions,
        "Available",
        enough,
        now,
        reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        message=f"Deployment {'has' if enough else 'does not have'} minimum availability.",
    )
    if changed:
        condition.last_update_time = now


def _set_progressing(
    deployment: Deployment, before: DeploymentStatus, new: ReplicaSet | None, now: datetime
) -> timedelta | None:
    """The verdict on the roll-out, and how long until the next one is due by the clock alone."""
    seconds = deployment.spec.progress_deadline_seconds or _DEADLINE_SECONDS
    status, known = deployment.status, deployment.status.conditions
    if seconds == _NO_DEADLINE:
        status.conditions = [condition for condition in known if condition.type != "Progressing"]
        return None
    found = conditions.find(known, "Progressing")
    if found is not None and found.reason == _DONE and status.replicas == status.updated_replicas:
        return None
    subject = f'ReplicaSet "{new.name}"' if new else f'Deployment "{deployment.name}"'
    if _complete(status, bounds_of(deployment).desired):
        note_progress(deployment, True, now, _DONE, f"{subject} has successfully progressed.")
        return None
    if _moved(before, status):
        note_progress(deployment, True, now, "ReplicaSetUpdated", f"{subject} is progressing.")
    elif found is None and new is not None:
        note_progress(deployment, True, now, "FoundNewReplicaSet", f'Found new replica set "{new.name}"')
    found = conditions.find(known, "Progressing")
    if found is None or found.reason in (_DONE, _LATE):
        return None
    due = (found.last_update_time or found.last_transition_time or now) + timedelta(seconds=seconds)
    if now <= due:
        return due - now + _MARGIN
    note_progress(deployment, False, now, _LATE, f"{subject} has timed out progressing.")
    return None


def _moved(before: DeploymentStatus, after: DeploymentStatus) -> bool:
    def of(status: DeploymentStatus) -> tuple[int, int, int, int]:
        updated = status.updated_replicas or 0
        outdated = (status.replicas or 0) - updated
        return updated, -outdated, status.ready_replicas or 0, status.available_replicas or 0

    return any(new > old for old, new in zip(of(before), of(after), strict=True))


def _set_failure(deployment: Deployment, every: Sequence[ReplicaSet], new: ReplicaSet | None, now: datetime) -> None:
    """What keeps the ReplicaSets from making pods; the current one's word counts first."""
    ordered = [*([new] if new else []), *(rs for rs in every if rs is not new)]
    failures = [c for rs in ordered for c in rs.status.conditions if c.type == "ReplicaFailure" and c.status == "True"]
    known = deployment.status.conditions
    if not failures:
        deployment.status.conditions = [condition for condition in known if condition.type != "ReplicaFailure"]
        return
    found = conditions.put(
        DeploymentCondition,
        known,
        "ReplicaFailure",
        True,
        now,
        reason=failures[0].reason,
        message=failures[0].message,
    )
    found.last_update_time = found.last_update_time or now

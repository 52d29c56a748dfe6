"""Computes the status of a StatefulSet out of its pods. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kubernaut.fake.controlplane.pods import is_available, is_ready
from kubernaut.fake.controlplane.revisions import REVISION_LABEL
from kubernaut.fake.controlplane.views import PodView
from kubernaut.resources.builtin.apps_v1 import ControllerRevision, StatefulSet


@dataclass(frozen=True, slots=True)
class Revisions:
    """The template that pods have had until now, and the one they are to have."""

    current: ControllerRevision
    update: ControllerRevision


def summarise(stateful_set: StatefulSet, pods: Sequence[PodView], revisions: Revisions, now: datetime) -> None:
    """Write the numbers and the revisions into the status."""
    status, min_ready = stateful_set.status, stateful_set.spec.min_ready_seconds or 0
    staying = [pod for pod in pods if pod.metadata.deletion_timestamp is None]
    running = [pod for pod in pods if pod.status.phase == "Running" and is_ready(pod)]
    status.observed_generation = stateful_set.metadata.generation
    status.replicas = len(pods)
    status.ready_replicas = len(running) or None
    status.available_replicas = sum(is_available(pod, min_ready, now) for pod in running)
    status.current_replicas = _of(staying, revisions.current) or None
    status.updated_replicas = _of(staying, revisions.update) or None
    status.current_revision = revisions.current.name
    status.update_revision = revisions.update.name
    status.collision_count = status.collision_count or 0
    strategy = stateful_set.spec.update_strategy
    rolling = strategy is None or strategy.type != "OnDelete"
    if rolling and (status.updated_replicas or 0) == status.replicas == (status.ready_replicas or 0):
        status.current_revision = revisions.update.name
        status.current_replicas = status.updated_replicas


def _of(pods: Sequence[PodView], revision: ControllerRevision) -> int:
    return sum(pod.metadata.labels.get(REVISION_LABEL) == revision.name for pod in pods)

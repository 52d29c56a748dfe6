"""What the workload controllers ask about pods: whether they are active, ready, available."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from kubernaut.client import Conflict, NotFound
from kubernaut.fake.controlplane.indexes import FINISHED
from kubernaut.fake.controlplane.views import PodView
from kubernaut.reconcile import Context
from kubernaut.resources import Resource
from kubernaut.resources.builtin.core_v1 import Pod


class Named(Protocol):
    """Anything that a deletion can be about."""

    @property
    def name(self) -> str: ...
    @property
    def namespace(self) -> str | None: ...
    @property
    def uid(self) -> str | None: ...


def is_active(pod: Pod | PodView) -> bool:
    """Not ended and not being deleted."""
    return pod.metadata.deletion_timestamp is None and pod.status.phase not in FINISHED


def is_ready(pod: Pod | PodView) -> bool:
    """Whether condition Ready is True."""
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)


def available_at(pod: Pod | PodView, min_ready_seconds: int) -> datetime | None:
    """When the pod counts as available; None while it is not ready."""
    for condition in pod.status.conditions:
        if condition.type == "Ready" and condition.status == "True" and condition.last_transition_time is not None:
            return condition.last_transition_time + timedelta(seconds=min_ready_seconds)
    return None


def is_available(pod: Pod | PodView, min_ready_seconds: int, now: datetime) -> bool:
    """Whether it has been ready for long enough."""
    moment = available_at(pod, min_ready_seconds)
    return moment is not None and moment <= now


def next_available(pods: Iterable[Pod | PodView], min_ready_seconds: int, now: datetime) -> timedelta | None:
    """How long until the next ready pod becomes available; None if none will by waiting."""
    moments = [available_at(pod, min_ready_seconds) for pod in pods] if min_ready_seconds else []
    waits = [moment - now for moment in moments if moment is not None and moment > now]
    return min(waits) if waits else None


async def delete_pod(pod: Named, ctx: Context, about: Resource | None = None) -> bool:
    """Delete this very pod; whether it was there. `about` gets the Event SuccessfulDelete."""
    try:
        await ctx.client.delete(Pod, pod.name, namespace=pod.namespace, uid=pod.uid)
    except (NotFound, Conflict):
        # Gone already, or another pod has taken the name.
        return False
    if about is not None:
        ctx.events.event(about, "SuccessfulDelete", f"Deleted pod: {pod.name}", action="Delete")
    return True

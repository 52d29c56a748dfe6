"""What the workload controllers ask about pods: whose they are, and whether they are ready."""

from __future__ import annotations

from datetime import datetime, timedelta

from kubernaut.fake.controlplane import conditions
from kubernaut.fake.controlplane.indexes import OWNER
from kubernaut.reconcile import Context
from kubernaut.resources import Resource
from kubernaut.resources.builtin.core_v1 import Pod


def owned_pods(owner: Resource, ctx: Context) -> list[Pod]:
    """The cached pods that the owner controls, those being deleted included, by name."""
    found = ctx.cache.list(Pod, namespace=owner.namespace, index=(OWNER, owner.uid or ""))
    return sorted(found, key=lambda pod: pod.name)


def is_active(pod: Pod) -> bool:
    """Not ended and not being deleted."""
    return pod.metadata.deletion_timestamp is None and pod.status.phase not in ("Succeeded", "Failed")


def is_ready(pod: Pod) -> bool:
    """Whether condition Ready is True."""
    return conditions.is_true(pod.status.conditions, "Ready")


def available_at(pod: Pod, min_ready_seconds: int) -> datetime | None:
    """When the pod counts as available; None while it is not ready."""
    ready = conditions.find(pod.status.conditions, "Ready")
    if ready is None or ready.status != "True" or ready.last_transition_time is None:
        return None
    return ready.last_transition_time + timedelta(seconds=min_ready_seconds)

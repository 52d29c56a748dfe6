"""Whether a target is healthy, by what workflows are monitored by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kubernaut.client import Client, NotFound
from kubernaut.reconcile import Permission
from kubernaut.remediation.execution.lock.roots import CLIMBED
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.workflow.monitoring.health import KubernetesMonitor
from kubernaut.remediation.workflow.seams import Monitor
from kubernaut.resources import AnyResource, ResourceType
from kubernaut.resources.builtin.core_v1 import Node, Pod

KINDS: tuple[ResourceType, ...] = (*CLIMBED, Pod.resource_type, Node.resource_type)
"""Kinds of which it is known when they are healthy."""


@dataclass(frozen=True, slots=True)
class Health:
    """What was seen; `message` says what is wrong, or why it is not known."""

    healthy: bool
    message: str = ""


class HealthCheck(Protocol):
    """Looks at targets."""

    @property
    def permissions(self) -> Sequence[Permission]:
        """What looking calls."""
        ...

    async def look(self, client: Client, target: ExecutionTarget) -> Health:
        """How the target is now. Raises ApiError."""
        ...


class MonitoredHealth:
    """Reads targets of some kinds, and asks a workflow's monitor.

    Where nothing is known that counts as healthy: what the workflow found stands. So does a Pod that is gone: what made
    it makes another.
    """

    def __init__(self, kinds: Sequence[ResourceType] = KINDS, monitor: Monitor | None = None) -> None:
        self._kinds = tuple(dict.fromkeys(kinds))
        self._monitor = monitor or KubernetesMonitor()

    @property
    def permissions(self) -> Sequence[Permission]:
        """To read these kinds."""
        why = "sees whether the target is healthy"
        return [*(Permission(["get"], kind, why=why) for kind in self._kinds), *self._monitor.permissions]

    async def look(self, client: Client, target: ExecutionTarget) -> Health:
        """See `HealthCheck.look`."""
        kind = self._kind(target)
        if kind is None:
            return Health(True, f"the health of a {target.kind} is not known")
        if kind.namespaced and not target.namespace:
            return Health(False, f"{target.kind} {target.name} is named without its namespace")
        model = AnyResource.of(kind.api_version, kind.kind, kind.plural, kind.namespaced)
        namespace = target.namespace if kind.namespaced else None
        try:
            live = (await client.get(model, target.name, namespace=namespace)).to_dict()
        except NotFound:
            return Health(target.kind == "Pod", f"{target.kind} {target.name} does not exist")
        if live["metadata"].get("deletionTimestamp"):
            return Health(target.kind == "Pod", f"{target.kind} {target.name} is being deleted")
        seen = await self._monitor.look(client, kind, live)
        if seen is None:
            return Health(True, f"{target.kind} {target.name} does not say how it is")
        return Health(seen.healthy, seen.message)

    def _kind(self, target: ExecutionTarget) -> ResourceType | None:
        return next(
            (
                kind
                for kind in self._kinds
                if kind.kind == target.kind and target.api_version in (None, kind.api_version)
            ),
            None,
        )

"""What the tests of requests work with: children whose statuses are scripted, and a target whose health is told."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

from kubernaut.client import Client, MergePatch, NotFound
from kubernaut.reconcile import Context, Controller, Permission, Reconciler, Result
from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request import Limits, RemediationRequest, RemediationRequestStatus, RequestConfig, crds
from kubernaut.remediation.request import requests as request_controller
from kubernaut.remediation.request.health import Health
from kubernaut.remediation.workflow.types import WorkflowExecution
from kubernaut.resources import Resource, crd_for
from kubernaut.resources.builtin.core_v1 import Namespace
from kubernaut.testing import Cluster

KINDS: tuple[type[Any], ...] = (RemediationProcessing, AIAnalysis, WorkflowExecution)
Script = Callable[[Any], dict[str, Any] | None]
"""A child -> its status in JSON; None: it goes on working."""
TARGET = {"kind": "Deployment", "namespace": "shop", "name": "web"}
STEP = {"name": "undo", "action": "rollback-deployment", "target": TARGET}


def done(child: Any) -> dict[str, Any]:
    return {"phase": "completed"}


def working(child: Any) -> None:
    return None


def proposing(recommendation: str = "proceed", *steps: dict[str, Any], reason: str = "") -> Script:
    proposal = {
        "rootCause": "a bad rollout",
        "confidence": 0.9,
        "recommendation": recommendation,
        "reason": reason,
        "steps": list(steps or (STEP,)),
        "evidence": [{"source": "pod/web-1", "text": "ImagePullBackOff"}],
    }
    return lambda analysis: {"phase": "completed", "proposal": proposal}


def failing(error: str = "timeout", *, step: int = 0, action: str = "rollback-deployment", why: str = "slow") -> Script:
    status = {"phase": "failed", "errorType": error, "failedStep": step, "failedAction": action, "failureReason": why}
    return lambda workflow: status


def in_turn(*scripts: Script) -> Script:
    """The first for the first child of the name's attempt 0, the second for attempt 1 ..., the last for all others."""
    return lambda child: scripts[min(int(child.name.rpartition("-")[2]), len(scripts) - 1)](child)


@cache
def definitions() -> tuple[dict[str, Any], ...]:
    return (*crds(), *(crd_for(kind) for kind in KINDS))


class StandIn(Reconciler[Any]):
    """A child's controller that says what its script says, a moment later."""

    def __init__(self, world: World, kind: type[Resource]) -> None:
        self._world, self._kind = world, kind

    async def reconcile(self, obj: Any, ctx: Context) -> Result | None:
        if obj.status.phase in ("completed", "failed") or obj.metadata.deletion_timestamp is not None:
            return None
        said = self._world.scripts[self._kind](obj)
        if said is None:
            # What the script says may change: at once while the test is about that, later seldom.
            made = obj.metadata.creation_timestamp
            soon = made is None or ctx.clock.now() - made < timedelta(minutes=2)
            return Result(requeue_after=timedelta(seconds=1 if soon else 30))
        obj.status = type(obj.status).model_validate(said)
        obj.status.completion_time = ctx.clock.now()
        return None


@dataclass
class Told:
    """A health check that says what it was told."""

    health: Health = field(default_factory=lambda: Health(True))
    permissions: Sequence[Permission] = ()

    async def look(self, client: Client, target: ExecutionTarget) -> Health:
        return self.health


class World:
    """The cluster, the scripts of the children, and the health of every target."""

    def __init__(self, cluster: Cluster, **limits: Any) -> None:
        self.cluster, self.told = cluster, Told()
        self.scripts: dict[type[Resource], Script] = {
            RemediationProcessing: done,
            AIAnalysis: proposing(),
            WorkflowExecution: done,
        }
        self.config = RequestConfig(limits=Limits(**limits), health=self.told, allow_unstamped=True)

    @property
    def client(self) -> Client:
        return self.cluster.client

    def controllers(self) -> list[Controller]:
        return [request_controller(self.config), *(Controller(kind, StandIn(self, kind)) for kind in KINDS)]

    async def prepare(self) -> World:
        await self.cluster.load(copy.deepcopy(definitions()))
        await self.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
        return self

    async def create(self, name: str = "web-down", **spec: Any) -> RemediationRequest:
        signal = {"name": "KubeDeploymentRolloutStuck", "fingerprint": "f1", "severity": "critical"}
        given = {"signal": signal, "target": TARGET} | spec
        metadata = {"name": name, "namespace": "shop"}
        return await self.client.create(RemediationRequest.from_dict({"metadata": metadata, "spec": given}))

    async def read(self, name: str = "web-down") -> RemediationRequest:
        return await self.client.get(RemediationRequest, name, namespace="shop")

    async def status(self, name: str = "web-down") -> RemediationRequestStatus:
        return (await self.read(name)).status

    async def phases(self, name: str = "web-down") -> list[str]:
        return [each.phase for each in (await self.status(name)).transitions]

    async def names(self, kind: type[Any]) -> list[str]:
        return sorted(each.name for each in await self.client.list(kind, namespace="shop"))

    async def there(self, kind: type[Any], name: str) -> bool:
        try:
            await self.client.get(kind, name, namespace="shop")
        except NotFound:
            return False
        return True

    async def change(self, name: str = "web-down", *, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        patch = MergePatch({"metadata": {"annotations": annotations or {}}, "spec": spec})
        await self.client.patch(RemediationRequest, name, patch, namespace="shop")

    async def delete(self, kind: type[Any], name: str) -> None:
        await self.client.delete(kind, name, namespace="shop")

    async def events(self) -> list[str]:
        found = [each for each in self.cluster.dump() if each["kind"] == "Event"]
        ours = [each for each in found if each["involvedObject"]["kind"] == "RemediationRequest"]
        return [each["reason"] for each in sorted(ours, key=lambda each: int(each["metadata"]["resourceVersion"]))]


def signal(fingerprint: str = "f1", name: str = "KubeDeploymentRolloutStuck") -> dict[str, Any]:
    return {"name": name, "fingerprint": fingerprint, "severity": "critical"}

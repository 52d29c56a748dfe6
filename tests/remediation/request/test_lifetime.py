"""Requests that have ended are deleted after a time that the operator chooses, with everything they made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Controller
from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.execution import crds as execution_crds
from kubernaut.remediation.execution.types import KubernetesExecution
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request import RemediationRequest, RequestConfig, requests
from kubernaut.remediation.workflow.types import WorkflowExecution
from tests.remediation.request.world import KINDS, TARGET, World, proposing

pytestmark = [pytest.mark.cluster(declared=True, controlplane=False), pytest.mark.virtual_time]

TTL, MEMORY = timedelta(minutes=30), timedelta(minutes=10)


@pytest.fixture
async def world(cluster: FakeCluster) -> World:
    world = World(cluster, memory=MEMORY)
    world.config = world.config.model_copy(update={"ttl_after_end": TTL})
    await cluster.load(execution_crds())
    return await world.prepare()


async def test_it_goes_with_its_children_once_its_time_is_over(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=29)
        assert (await world.status()).reason == "Remediated"
        await world.cluster.advance(minutes=3)
        assert not await world.names(RemediationRequest)
        for kind in KINDS:
            assert not await world.names(kind)


async def test_a_failed_one_goes_and_one_that_a_person_looks_at_stays(world: World) -> None:
    world.scripts[AIAnalysis] = proposing("review")
    async with world.cluster.running(*world.controllers()):
        await world.create("stays")
        await world.create("goes", suspend=True)
        await world.cluster.advance(seconds=10)
        await world.change("goes", cancel=True)
        await world.cluster.advance(minutes=45)
        assert await world.names(RemediationRequest) == ["stays"]


async def test_it_stays_as_long_as_it_counts(world: World) -> None:
    world.config = world.config.model_copy(update={"ttl_after_end": timedelta(seconds=1)})
    async with world.cluster.running(*world.controllers()):
        await world.create(suspend=True)
        await world.cluster.advance(seconds=5)
        await world.change(cancel=True)
        await world.cluster.advance(minutes=9)
        assert await world.names(RemediationRequest) == ["web-down"]
        await world.cluster.advance(minutes=2)
        assert not await world.names(RemediationRequest)


def test_they_stay_for_ever_by_default_and_no_right_to_delete_them_is_asked_for() -> None:
    def deletes(controller: Controller) -> bool:
        return any(
            "delete" in right.verbs and right.plural == "remediationrequests" for right in controller.permissions
        )

    assert RequestConfig().ttl_after_end is None
    assert not deletes(requests(RequestConfig())) and deletes(requests(RequestConfig(ttl_after_end=TTL)))
    with pytest.raises(ValueError, match="greater than 0"):
        RequestConfig(ttl_after_end=timedelta())


async def execution(world: World, name: str, workflow: str = "", **spec: Any) -> KubernetesExecution:
    labels = {"kubernaut.io/workflow-id": workflow} if workflow else {}
    given = {"action": "rollback-deployment", "target": TARGET} | spec
    metadata = {"name": name, "namespace": "shop", "labels": labels}
    return await world.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": given}))


async def tell(world: World, name: str, status: dict[str, Any]) -> None:
    patch = MergePatch({"status": status})
    await world.client.patch(KubernetesExecution, name, patch, namespace="shop", subresource="status")


async def test_it_stays_until_the_audit_log_has_its_executions(world: World) -> None:
    world.config = world.config.model_copy(update={"audited": True})
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
        (ref,) = (await world.status()).workflow_execution_refs
        await execution(world, "web-down-0-0-1", ref.uid or "")
        await world.cluster.advance(minutes=40)
        assert await world.names(RemediationRequest) == ["web-down"]
        recorded = {"type": "AuditRecorded", "status": "True", "reason": "Recorded", "message": "all of it"}
        await tell(world, "web-down-0-0-1", {"conditions": [recorded]})
        await world.cluster.advance(minutes=1)
        assert not await world.names(RemediationRequest)


async def test_it_stays_while_one_of_its_executions_is_being_undone(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=2)
        (ref,) = (await world.status()).workflow_execution_refs
        done = await execution(world, "web-down-0-0-1", ref.uid or "")
        await execution(world, "undo", rollbackOf={"name": done.name, "uid": done.uid})
        await world.cluster.advance(minutes=40)
        assert await world.names(RemediationRequest) == ["web-down"]
        await tell(world, "undo", {"phase": "completed"})
        await world.cluster.advance(minutes=1)
        assert not await world.names(RemediationRequest)
        for kind in (RemediationProcessing, AIAnalysis, WorkflowExecution):
            assert not await world.names(kind)

"""Whoever may create children can write our owner reference: what is not what we would create is never acted upon."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.client import MergePatch
from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request import RemediationRequest
from kubernaut.remediation.workflow.types import WorkflowExecution
from kubernaut.resources import set_controller_reference
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from tests.remediation.request.world import STEP, World, proposing, signal, working

pytestmark = [pytest.mark.cluster(declared=True, controlplane=False), pytest.mark.virtual_time]

OTHER = {"kind": "Deployment", "namespace": "shop", "name": "api"}


async def forge(world: World, kind: type[Any], name: str, spec: dict[str, Any]) -> Any:
    """What somebody creates who may create the kind, and has read the request."""
    forged = kind.from_dict({"metadata": {"name": name, "namespace": "shop"}, "spec": spec})
    set_controller_reference(forged, await world.read(), block=False)
    return await world.client.create(forged)


@pytest.mark.parametrize(
    ("kind", "phase"), [(RemediationProcessing, "processing"), (AIAnalysis, "analyzing")], ids=["facts", "analysis"]
)
async def test_one_about_another_target_is_not_adopted(world: World, kind: type[Any], phase: str) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create(suspend=True)
        await world.cluster.advance(seconds=5)
        await forge(world, kind, "web-down", {"signal": signal(), "target": OTHER})
        await world.cluster.advance(seconds=5)
        await world.change(suspend=False)
        await world.cluster.advance(seconds=30)
        status = await world.status()
        assert (status.overall_phase, status.is_true("ChildNameTaken")) == (phase, True)
        assert (await world.events()).count("ChildNameTaken") == 1
        await world.delete(kind, "web-down")
        await world.cluster.advance(seconds=30)
        assert (await world.status()).overall_phase == "executing"


async def test_a_forged_workflow_is_not_adopted_and_does_not_outlive_the_time(world: World) -> None:
    limits = world.config.limits.model_copy(update={"executing": 4 * world.config.limits.poll})
    world.config = world.config.model_copy(update={"limits": limits})
    world.scripts[AIAnalysis] = world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=5)
        await forge(world, WorkflowExecution, "web-down-0", {"steps": [STEP | {"target": OTHER}]})
        world.scripts[AIAnalysis] = proposing()
        await world.cluster.advance(seconds=30)
        status = await world.status()
        assert (status.overall_phase, status.is_true("ChildNameTaken")) == ("executing", True)
        assert not status.workflow_execution_refs
        await world.cluster.advance(minutes=1)
        assert (await world.status()).reason == "ExecutingTimeout"
        assert not await world.there(WorkflowExecution, "web-down-0")


async def test_a_workflow_that_was_made_and_not_noted_is_taken_up(world: World) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=10)
    (made,) = (await world.status()).workflow_execution_refs
    patch = MergePatch({"status": {"workflowExecutionRefs": None, "currentWorkflowExecutionRef": None}})
    await world.client.patch(RemediationRequest, "web-down", patch, namespace="shop", subresource="status")
    async with world.cluster.running(*world.controllers()):
        await world.cluster.advance(seconds=10)
        status = await world.status()
        assert [ref.uid for ref in status.workflow_execution_refs] == [made.uid]
        assert status.overall_phase == "executing"


async def test_an_analysis_whose_target_was_changed_is_not_acted_upon(world: World) -> None:
    world.scripts[AIAnalysis] = world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=5)
        analysis = await world.client.get(AIAnalysis, "web-down", namespace="shop")
        # As on a server that does not know the rules of definitions.
        await unruly(world)
        change = MergePatch({"spec": {"target": OTHER}})
        changed = await world.client.patch(AIAnalysis, "web-down", change, namespace="shop")
        assert changed.uid == analysis.uid and changed.spec.target.name == "api"
        world.scripts[AIAnalysis] = proposing()
        await world.cluster.advance(seconds=30)
        status = await world.status()
        assert (status.overall_phase, status.is_true("ChildNameTaken")) == ("analyzing", True)
        assert not await world.names(WorkflowExecution)


async def test_facts_that_were_gathered_anew_do_not_make_the_analysis_a_stranger_s(world: World) -> None:
    world.scripts[AIAnalysis] = world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=5)
        await world.delete(RemediationProcessing, "web-down")
        await world.cluster.advance(seconds=5)
        world.scripts[AIAnalysis] = proposing()
        await world.cluster.advance(seconds=5)
        assert (await world.status()).overall_phase == "executing"


async def unruly(world: World) -> None:
    """Take the rules out of the definition of analyses."""
    name, kind = AIAnalysis.resource_type.group_resource, CustomResourceDefinition
    found = (await world.client.get(kind, name)).to_dict()
    for version in found["spec"]["versions"]:
        version["schema"]["openAPIV3Schema"]["properties"]["spec"].pop("x-kubernetes-validations", None)
    await world.client.patch(kind, name, MergePatch({"spec": {"versions": found["spec"]["versions"]}}))

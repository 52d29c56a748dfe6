"""What ends a request in any phase: a person, the global limit, deletion; and children that vanish."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from kubernaut.client import Invalid, MergePatch
from kubernaut.remediation.analysis.types import AIAnalysis
from kubernaut.remediation.processing.types import RemediationProcessing
from kubernaut.remediation.request import FINALIZER, Limits, RemediationRequest
from kubernaut.remediation.request.health import Health
from kubernaut.remediation.workflow.types import WorkflowExecution
from kubernaut.resources import AnyResource, ObjectMeta
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from tests.remediation.request.world import (
    KINDS,
    TARGET,
    World,
    definitions,
    done,
    failing,
    in_turn,
    proposing,
    signal,
    working,
)

pytestmark = [pytest.mark.cluster(declared=True, controlplane=False), pytest.mark.virtual_time]

PHASES = ["pending", "blocked", "processing", "analyzing", "executing", "verifying", "recovering", "manual_review"]


async def reach(world: World, phase: str) -> None:
    """A request that stays in `phase`."""
    spec: dict[str, Any] = {}
    match phase:
        case "blocked":
            spec["suspend"] = True
        case "processing":
            world.scripts[RemediationProcessing] = working
        case "analyzing":
            world.scripts[AIAnalysis] = working
        case "executing":
            world.scripts[WorkflowExecution] = working
        case "verifying":
            world.told.health = Health(False, "not yet")
        case "recovering":
            world.scripts[WorkflowExecution] = failing()
            world.scripts[AIAnalysis] = lambda each: None if each.spec.is_recovery_attempt else proposing()(each)
        case "manual_review":
            world.scripts[AIAnalysis] = proposing("review")
    await world.create(**spec)
    if phase != "pending":
        await world.cluster.advance(seconds=20)
        assert (await world.status()).overall_phase == phase


@pytest.mark.parametrize("phase", PHASES)
async def test_cancelling_ends_a_request_in_every_phase(world: World, phase: str) -> None:
    async with world.cluster.running(*world.controllers()):
        await reach(world, phase)
        await world.change(cancel=True)
        await world.cluster.advance(seconds=10)
        status = await world.status()
        assert (status.overall_phase, status.reason) == ("failed", "Cancelled")
        assert status.completion_time is not None and not status.is_true("Ready")
        for kind in KINDS:
            for child in await world.client.list(kind, namespace="shop"):
                assert child.status.phase in ("completed", "failed"), f"{child.name} is still at work"


@pytest.mark.parametrize("phase", PHASES)
async def test_deleting_a_request_in_every_phase_takes_its_children_first(world: World, phase: str) -> None:
    async with world.cluster.running(*world.controllers()):
        await reach(world, phase)
        await world.delete(RemediationRequest, "web-down")
        await world.cluster.advance(seconds=10)
        assert not await world.there(RemediationRequest, "web-down")
        assert [await world.names(kind) for kind in KINDS] == [[], [], []]


@pytest.mark.parametrize("phase", [each for each in PHASES if each not in ("pending", "manual_review")])
async def test_the_global_limit_holds_in_every_phase_that_is_not_a_persons(world: World, phase: str) -> None:
    limits = world.config.limits.model_copy(update={"overall": timedelta(minutes=2)})
    world.config = world.config.model_copy(update={"limits": limits})
    async with world.cluster.running(*world.controllers()):
        await reach(world, phase)
        await world.cluster.advance(seconds=90)
        assert (await world.status()).overall_phase == phase
        await world.cluster.advance(seconds=30)
        status = await world.status()
        assert (status.overall_phase, status.reason) == ("failed", "GlobalTimeout")
        assert status.message is not None and f"it was still {phase}" in status.message
        assert status.overall_deadline is not None and status.start_time is not None
        assert status.overall_deadline - status.start_time == timedelta(minutes=2)
        for kind in KINDS:
            for child in await world.client.list(kind, namespace="shop"):
                assert child.status.phase in ("completed", "failed"), f"{child.name} is still at work"


def test_the_limits_are_those_of_the_specification() -> None:
    limits = Limits()
    assert (limits.processing, limits.analyzing) == (timedelta(minutes=2), timedelta(minutes=5))
    assert (limits.verifying, limits.overall) == (timedelta(minutes=5), timedelta(hours=1))
    assert limits.cooldown == timedelta(minutes=5) and limits.executing is None


async def test_a_restart_does_not_extend_the_global_limit(world: World) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create(timeouts={"overall": "4m"})
        await world.cluster.advance(minutes=3)
    async with world.cluster.running(*world.controllers()):
        await world.cluster.advance(minutes=1, seconds=5)
        assert (await world.status()).reason == "GlobalTimeout"


async def test_a_request_ends_only_when_its_workflow_is_gone(world: World) -> None:
    world.scripts[WorkflowExecution] = working
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=10)
        # As a workflow whose executions are still being stopped.
        hold = MergePatch({"metadata": {"finalizers": ["example.com/at-work"]}})
        await world.client.patch(WorkflowExecution, "web-down-0", hold, namespace="shop")
        await world.create("second", signal=signal("f2"))
        await world.change(cancel=True)
        await world.cluster.advance(minutes=1)
        assert (await world.status()).overall_phase == "executing"
        assert (await world.status("second")).reason == "TargetBusy"
        release = MergePatch({"metadata": {"finalizers": None}})
        await world.client.patch(WorkflowExecution, "web-down-0", release, namespace="shop")
        await world.cluster.advance(seconds=10)
        status = await world.status()
        assert (status.overall_phase, status.reason) == ("failed", "Cancelled")
        assert status.workflow_execution_refs[0].outcome == "stopped"
        assert (await world.status("second")).overall_phase == "executing"


async def test_a_workflow_that_has_ended_is_kept_for_who_looks(world: World) -> None:
    world.scripts[WorkflowExecution] = failing("policy_denied")
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(minutes=1)
        await world.change(cancel=True)
        await world.cluster.advance(seconds=10)
        assert (await world.status()).reason == "Cancelled"
        assert await world.names(WorkflowExecution) == ["web-down-0"]


@pytest.mark.parametrize("phase", ["processing", "analyzing", "recovering"])
async def test_facts_and_analyses_that_vanish_are_made_anew(world: World, phase: str) -> None:
    async with world.cluster.running(*world.controllers()):
        await reach(world, phase)
        kind: type[Any] = RemediationProcessing if phase == "processing" else AIAnalysis
        name = "web-down-recovery-1" if phase == "recovering" else "web-down"
        before = await world.client.get(kind, name, namespace="shop")
        await world.delete(kind, name)
        await world.cluster.advance(seconds=60)
        assert (await world.client.get(kind, name, namespace="shop")).uid != before.uid
        assert (await world.status()).overall_phase == phase


async def test_a_workflow_that_vanishes_is_never_made_anew(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        await reach(world, "executing")
        await world.delete(WorkflowExecution, "web-down-0")
        await world.cluster.advance(seconds=60)
        status = await world.status()
        assert (status.overall_phase, status.reason) == ("manual_review", "ChildVanished")
        assert status.manual_review is not None
        assert "how far it had come is not known" in status.manual_review.look_at[1]
        assert status.workflow_execution_refs[0].outcome == "vanished"
        await world.cluster.advance(minutes=10)
        assert not await world.names(WorkflowExecution)


async def test_a_workflow_that_vanished_while_nobody_looked_is_noticed(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        await reach(world, "executing")
    await world.delete(WorkflowExecution, "web-down-0")
    async with world.cluster.running(*world.controllers()):
        await world.cluster.advance(seconds=60)
        assert (await world.status()).reason == "ChildVanished"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_strangers_object_of_a_childs_name_is_never_adopted(world: World, kind: type[Any]) -> None:
    name = "web-down-0" if kind is WorkflowExecution else "web-down"
    spec: dict[str, Any] = {"signal": signal(), "target": TARGET}
    if kind is WorkflowExecution:
        spec = {"steps": [{"name": "other", "action": "restart-deployment", "target": TARGET}]}
        world.scripts[kind] = working
    stranger = kind.from_dict({"metadata": {"name": name, "namespace": "shop"}, "spec": spec})
    await world.client.create(stranger)
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=30)
        status = await world.status()
        assert status.is_true("ChildNameTaken"), status.overall_phase
        assert status.overall_phase == ("processing", "analyzing", "executing")[KINDS.index(kind)]
        assert not (await world.client.get(kind, name, namespace="shop")).metadata.owner_references
        world.scripts[kind] = proposing() if kind is AIAnalysis else done
        await world.delete(kind, name)
        await world.cluster.advance(minutes=2)
        status = await world.status()
        assert (status.overall_phase, status.is_true("ChildNameTaken")) == ("completed", False)


async def test_a_workflow_whose_name_is_a_strangers_for_too_long_is_a_persons_matter(world: World) -> None:
    spec = {"steps": [{"name": "other", "action": "restart-deployment", "target": TARGET}]}
    world.scripts[WorkflowExecution] = working
    stranger = {"metadata": {"name": "web-down-0", "namespace": "shop"}, "spec": spec}
    await world.client.create(WorkflowExecution.from_dict(stranger))
    async with world.cluster.running(*world.controllers()):
        await world.create(timeouts={"executing": "1m"})
        await world.cluster.advance(minutes=2)
        assert (await world.status()).reason == "ExecutingTimeout"


async def accepted(world: World, write: Callable[[], Awaitable[object]]) -> None:
    """A server goes by a changed schema from a moment later on."""
    for _ in range(100):
        try:
            await write()
            return
        except Invalid:
            await world.cluster.advance(seconds=0.1)
    raise AssertionError("the server never accepted it")


async def test_what_cannot_be_read_lets_itself_be_deleted_with_its_children(world: World) -> None:
    async with world.cluster.running(*world.controllers()):
        await reach(world, "executing")
    # The server keeps what it is given by a newer version's schema, which this one cannot read.
    loose = copy.deepcopy(definitions()[0])
    version = loose["spec"]["versions"][0]
    kept = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version["schema"]["openAPIV3Schema"] = {"type": "object", "properties": {"spec": kept, "status": kept}}
    name = loose["metadata"]["name"]
    await world.client.patch(CustomResourceDefinition, name, MergePatch({"spec": loose["spec"]}))
    wrong = MergePatch({"status": {"workflowExecutionRefs": "none"}})
    model = AnyResource.of("remediation.kubernaut.io/v1", "RemediationRequest", "remediationrequests")
    await accepted(world, lambda: world.client.patch(model, "web-down", wrong, namespace="shop", subresource="status"))
    async with world.cluster.running(*world.controllers()):
        await world.client.delete(model, "web-down", namespace="shop")
        await world.cluster.advance(seconds=20)
        assert [await world.names(kind) for kind in (model, *KINDS)] == [[], [], [], []]


@pytest.mark.fake_only("servers before 1.25 have no CEL")
async def test_a_cancelled_request_stays_cancelled(world: World) -> None:
    await world.create(cancel=True)
    with pytest.raises(Invalid, match="stays cancelled"):
        await world.change(cancel=False)


@pytest.mark.fake_only("servers before 1.25 have no CEL")
@pytest.mark.parametrize(
    "change",
    [
        {"signal": {"name": "another"}},
        {"target": {"name": "another"}},
        {"maxRecoveryAttempts": 5},
        {"timeouts": {"overall": "2h"}},
        {"requestedBy": {"username": "root"}},
        {"timeouts": None},
        {"requestedBy": None},
    ],
    ids=str,
)
async def test_what_a_request_is_about_is_immutable(world: World, change: dict[str, Any]) -> None:
    await world.create(requestedBy={"username": "gateway"}, timeouts={"overall": "1h"})
    with pytest.raises(Invalid, match="immutable"):
        await world.change(**change)


async def test_the_finalizer_is_the_groups(world: World) -> None:
    assert FINALIZER == "remediation.kubernaut.io/finalizer"
    async with world.cluster.running(*world.controllers()):
        await world.create()
        await world.cluster.advance(seconds=1)
        assert (await world.read()).metadata.finalizers == [FINALIZER]


async def test_names_of_children_are_cut_and_hashed_where_they_are_too_long(world: World) -> None:
    world.scripts[WorkflowExecution] = in_turn(failing(), done)
    long = "a" * 253
    async with world.cluster.running(*world.controllers()):
        await world.create(long)
        await world.cluster.advance(minutes=2)
        status = await world.status(long)
        assert status.reason == "Remediated" and status.recovery_attempts == 1
        names = [ref.name for ref in (*status.workflow_execution_refs, *status.ai_analysis_refs)]
        assert all(len(name) <= 253 for name in names) and len(dict.fromkeys(names)) == 4
        assert ObjectMeta(name=names[0]).name == names[0]

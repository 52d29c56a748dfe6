"""Children that are created once: deterministic names, never a stranger's, read from the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Context, Request
from kubernaut.remediation.machine import PhasedStatus, Step, asks_the_same, child_name, ensure_child, find_child
from kubernaut.remediation.workflow.types import WorkflowExecution
from kubernaut.resources import ObjectMeta, Resource, set_controller_reference
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.timing import current_clock


class ParentStatus(PhasedStatus):
    """Its phase is of no importance here."""

    phase: str | None = None


class Parent(Resource, group="test.kubernaut.io", version="v1", status_subresource=True):
    """Has children."""

    status: ParentStatus = Field(default_factory=ParentStatus)


class Told:
    def __init__(self) -> None:
        self.events: list[str] = []

    def event(self, obj: Any, reason: str, message: str, *given: Any, **named: Any) -> None:
        self.events.append(reason)


@pytest.fixture
async def step(cluster: FakeCluster) -> AsyncIterator[Step[Parent]]:
    parent = await cluster.client.create(Parent(metadata=ObjectMeta(name="p", namespace="default")))
    log, request = structlog.stdlib.get_logger(), Request("default", "p")
    ctx: Any = Context(cluster.client, None, Told(), log, current_clock(), Random(0), request)  # type: ignore[arg-type]
    yield Step(parent, ctx)


def child(name: str = "p-0") -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name))


pytestmark = [pytest.mark.cluster(controlplane=False, crds=[Parent]), pytest.mark.fake_only("looks into a step")]


async def test_a_child_is_created_once_and_found_again(cluster: FakeCluster, step: Step[Parent]) -> None:
    made = await ensure_child(step, child())
    again = await ensure_child(step, child())
    assert made is not None and again is not None and made.uid == again.uid
    owner = made.metadata.controller_reference()
    assert owner is not None and (owner.uid, owner.block_owner_deletion) == (step.uid, True)
    assert made.namespace == "default"
    found = await find_child(step, ConfigMap, "p-0")
    assert found is not None and found.uid == made.uid
    assert await find_child(step, ConfigMap, "p-1") is None


async def test_a_stranger_s_object_of_that_name_is_not_adopted_and_told_once(
    cluster: FakeCluster, step: Step[Parent]
) -> None:
    await cluster.client.create(ConfigMap(metadata=ObjectMeta(name="p-0", namespace="default")))
    assert await ensure_child(step, child()) is None and await ensure_child(step, child()) is None
    condition = step.phased.condition("ChildNameTaken")
    assert condition is not None and (condition.status, condition.reason) == ("True", "ForeignConfigMap")
    told: Any = step.ctx.events
    assert told.events == ["ChildNameTaken"]
    assert (await cluster.client.get(ConfigMap, "p-0", namespace="default")).metadata.owner_references == []

    await cluster.client.delete(ConfigMap, "p-0", namespace="default")
    made = await ensure_child(step, child())
    assert made is not None and step.phased.condition("ChildNameTaken") is None


async def test_a_child_of_an_earlier_parent_of_that_name_is_a_stranger_s(
    cluster: FakeCluster, step: Step[Parent]
) -> None:
    await ensure_child(step, child())
    await cluster.client.delete(Parent, "p", namespace="default")
    parent = await cluster.client.create(Parent(metadata=ObjectMeta(name="p", namespace="default")))
    assert await ensure_child(Step(parent, step.ctx), child()) is None


async def test_one_that_says_it_is_ours_and_asks_for_something_else_is_a_stranger_s(
    cluster: FakeCluster, step: Step[Parent]
) -> None:
    forged = ConfigMap(metadata=ObjectMeta(name="p-0", namespace="default"), data={"target": "theirs"})
    set_controller_reference(forged, step.obj)
    await cluster.client.create(forged)
    assert await ensure_child(step, child()) is None
    condition = step.phased.condition("ChildNameTaken")
    assert condition is not None and "says that it is ours" in (condition.message or "")
    assert await find_child(step, ConfigMap, "p-0", lambda found: not found.data) is None
    assert await find_child(step, ConfigMap, "p-0", lambda found: bool(found.data)) is not None
    assert step.phased.condition("ChildNameTaken") is None
    assert await ensure_child(step, child(), lambda found: True) is not None


async def test_a_name_of_another_kind_stays_taken(cluster: FakeCluster, step: Step[Parent]) -> None:
    step.phased.set_condition("ChildNameTaken", True, reason="ForeignJob", message="Job p-0 exists and is not ours")
    assert await find_child(step, ConfigMap, "p-0") is None
    assert await ensure_child(step, child()) is not None
    assert step.phased.is_true("ChildNameTaken")


def workflow(**spec: Any) -> WorkflowExecution:
    steps = [{"name": "undo", "action": "scale-deployment", "target": TARGET, "parameters": {"replicas": 3.0}}]
    return WorkflowExecution.from_dict({"metadata": {"name": "w"}, "spec": {"steps": steps} | spec})


TARGET = {"kind": "Deployment", "namespace": "shop", "name": "web"}


def test_what_is_asked_for_is_compared_as_the_server_gives_it_back() -> None:
    wanted = workflow(target=TARGET)
    assert asks_the_same(WorkflowExecution.from_dict(wanted.to_dict()), wanted)
    assert asks_the_same(workflow(target=TARGET, addedByANewerVersion=1), wanted), "what the server defaults"
    stamped = workflow(target=TARGET, requestedBy={"username": "kubernaut"})
    assert asks_the_same(stamped, wanted), "we named nobody, and admission did"
    assert not asks_the_same(wanted, stamped)
    assert not asks_the_same(workflow(target=TARGET, requestedBy={"username": "mary"}), stamped)
    assert not asks_the_same(workflow(target={**TARGET, "name": "api"}), wanted)
    assert not asks_the_same(workflow(target=TARGET, steps=[*wanted.to_dict()["spec"]["steps"] * 2]), wanted)
    other = wanted.to_dict()["spec"]["steps"][0] | {"parameters": {"replicas": 4}}
    assert not asks_the_same(workflow(target=TARGET, steps=[other]), wanted)


def test_names_are_readable_and_those_that_are_too_long_are_cut_and_hashed() -> None:
    assert child_name("heal", 0, 1) == "heal-0-1"
    one, other = child_name("x" * 253, 0, 1), child_name("x" * 252 + "y", 0, 1)
    assert len(one) == len(other) == 253 and one != other and one.endswith("-0-1")
    assert child_name("x" * 249, 0, 1) == "x" * 249 + "-0-1"


@given(st.text("abc.-", min_size=1, max_size=300), st.integers(0, 99), st.integers(20, 253))
def test_no_name_is_longer_than_the_limit(parent: str, index: int, limit: int) -> None:
    assert len(child_name(parent, index, limit=limit)) <= limit

"""Requests of one namespace stand in another's way only where their place is trusted, or their target beside them."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.client import MergePatch
from kubernaut.remediation.execution.types import ExecutionTarget
from kubernaut.remediation.request import RESOLVED_AT, RemediationRequest
from kubernaut.remediation.request.keys import target_key
from kubernaut.remediation.workflow.types import WorkflowExecution
from kubernaut.resources.builtin.core_v1 import Namespace
from tests.remediation.request.world import TARGET, World, failing, signal, working

pytestmark = [pytest.mark.cluster(declared=True, controlplane=False), pytest.mark.virtual_time]

ELSEWHERE = {"kind": "Deployment", "namespace": "evil", "name": "web"}


@pytest.fixture
async def tenants(world: World) -> World:
    for name in ("evil", "kubernaut-system"):
        await world.client.create(Namespace.from_dict({"metadata": {"name": name}}))
    return world


async def create(world: World, name: str, namespace: str = "evil", **spec: Any) -> RemediationRequest:
    given = {"signal": signal(), "target": TARGET} | spec
    metadata = {"name": name, "namespace": namespace}
    return await world.client.create(RemediationRequest.from_dict({"metadata": metadata, "spec": given}))


async def test_one_about_a_foreign_target_keeps_nobody_waiting(tenants: World) -> None:
    async with tenants.cluster.running(*tenants.controllers()):
        await create(tenants, "mine", suspend=True)
        await tenants.cluster.advance(seconds=5)
        await tenants.create()
        await tenants.cluster.advance(minutes=2)
        assert (await tenants.status()).reason == "Remediated"


async def test_one_that_says_a_foreign_signal_is_gone_ends_nobody_s_request(tenants: World) -> None:
    async with tenants.cluster.running(*tenants.controllers()):
        await tenants.create(suspend=True)
        await create(tenants, "mine", suspend=True)
        await tenants.cluster.advance(seconds=5)
        gone = MergePatch({"metadata": {"annotations": {RESOLVED_AT: "2020-01-01T00:00:00Z"}}})
        await tenants.client.patch(RemediationRequest, "mine", gone, namespace="evil")
        await tenants.cluster.advance(seconds=10)
        assert (await tenants.status()).reason == "Suspended"
        await tenants.change(suspend=False)
        await tenants.cluster.advance(minutes=2)
        assert (await tenants.status()).reason == "Remediated"


async def test_its_failures_put_nobody_off(tenants: World) -> None:
    tenants.scripts[WorkflowExecution] = failing("policy_denied")
    async with tenants.cluster.running(*tenants.controllers()):
        await create(tenants, "mine")
        await tenants.cluster.advance(seconds=20)
        tenants.scripts[WorkflowExecution] = working
        await create(tenants, "again", signal=signal("f2"))
        await tenants.cluster.advance(seconds=5)
        other = await tenants.client.get(RemediationRequest, "again", namespace="evil")
        assert other.status.reason == "ConsecutiveFailures", "of its own namespace"
        await tenants.create()
        await tenants.cluster.advance(seconds=20)
        assert (await tenants.status()).overall_phase == "executing"


async def test_those_that_execute_elsewhere_about_foreign_targets_take_no_slot(tenants: World) -> None:
    limits = tenants.config.limits.model_copy(update={"max_executing": 1})
    tenants.config = tenants.config.model_copy(update={"limits": limits})
    tenants.scripts[WorkflowExecution] = working
    async with tenants.cluster.running(*tenants.controllers()):
        await create(tenants, "mine", signal=signal("f2"), target={**TARGET, "name": "api"})
        await tenants.cluster.advance(seconds=10)
        await tenants.create()
        await tenants.cluster.advance(seconds=10)
        assert (await tenants.status()).overall_phase == "executing"
        await create(tenants, "own", signal=signal("f3"), target=ELSEWHERE)
        await tenants.cluster.advance(seconds=10)
        other = await tenants.client.get(RemediationRequest, "own", namespace="evil")
        assert other.status.reason == "TooManyExecuting", "of the one beside its target"


async def test_one_of_a_trusted_namespace_counts_everywhere(tenants: World) -> None:
    tenants.scripts[WorkflowExecution] = working
    async with tenants.cluster.running(*tenants.controllers()):
        await create(tenants, "alert", "kubernaut-system")
        await tenants.cluster.advance(seconds=5)
        await tenants.create()
        await tenants.cluster.advance(seconds=10)
        status = await tenants.status()
        assert status.reason == "DuplicateSignal" and "kubernaut-system/alert" in (status.message or "")


async def test_one_beside_its_target_counts_for_the_trusted_ones_too(tenants: World) -> None:
    tenants.scripts[WorkflowExecution] = working
    async with tenants.cluster.running(*tenants.controllers()):
        await tenants.create()
        await tenants.cluster.advance(seconds=5)
        await create(tenants, "alert", "kubernaut-system", signal=signal("f2"))
        await tenants.cluster.advance(seconds=10)
        alert = await tenants.client.get(RemediationRequest, "alert", namespace="kubernaut-system")
        assert alert.status.reason == "TargetBusy"


@pytest.mark.parametrize("kind", ["Node", "PersistentVolume", "Namespace"])
async def test_a_kind_without_namespaces_is_one_target_whatever_is_written(kind: str) -> None:
    plain, written = (ExecutionTarget(kind=kind, namespace=each, name="n") for each in (None, "shop"))
    assert target_key(plain) == target_key(written)
    one, other = (ExecutionTarget(kind="Deployment", namespace=each, name="n") for each in ("a", "b"))
    assert target_key(one) != target_key(other)


async def test_a_node_named_with_a_namespace_is_not_beside_its_target(tenants: World) -> None:
    node = {"kind": "Node", "name": "n"}
    tenants.scripts[WorkflowExecution] = working
    async with tenants.cluster.running(*tenants.controllers()):
        await create(tenants, "mine", target=node | {"namespace": "evil"}, suspend=True)
        await create(tenants, "alert", "kubernaut-system", target=node)
        await tenants.cluster.advance(seconds=10)
        alert = await tenants.client.get(RemediationRequest, "alert", namespace="kubernaut-system")
        assert alert.status.overall_phase == "executing"
        await create(tenants, "second", "kubernaut-system", signal=signal("f2"), target=node | {"namespace": "shop"})
        await tenants.cluster.advance(seconds=10)
        second = await tenants.client.get(RemediationRequest, "second", namespace="kubernaut-system")
        assert second.status.reason == "TargetBusy"

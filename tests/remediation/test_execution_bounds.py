"""What a status says fits into the API, whatever was asked for; and it says no more than what happened."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubernaut.actions import Catalog, ParameterError
from kubernaut.client import Invalid
from kubernaut.fake import FakeCluster
from kubernaut.policy import PolicyDecision, PythonEvaluator, Violation
from kubernaut.remediation.execution import KubernetesExecution, crds
from kubernaut.remediation.machine.texts import MESSAGE_BYTES, cut

DENIES = PythonEvaluator(lambda _: PolicyDecision(allowed=False, violations=(Violation("rule", "é" * 10_000),) * 500))


async def test_a_parameter_s_long_name_fails_the_execution_at_once_with_a_short_message(world: Any) -> None:
    world.create(parameters={"n" * 700_000: 1, "replicas": 5})
    await world.settle()
    reason, message = world.failed()
    assert reason == "ParametersInvalid"
    assert "unknown parameter; scale-deployment takes: replicas" in message
    texts = [message, *(each.get("message", "") for each in world.status["conditions"]), *world.status["transitions"]]
    assert all(len(str(text)) < MESSAGE_BYTES for text in texts)


async def test_every_message_of_a_failure_is_cut(world: Any) -> None:
    world.configure(evaluator=DENIES)
    world.create()
    await world.settle()
    reason, message = world.failed()
    assert reason == "PolicyDenied"
    assert len(message.encode()) <= MESSAGE_BYTES
    assert message.endswith("…")
    for condition in world.status["conditions"]:
        assert len(condition.get("message", "").encode()) <= MESSAGE_BYTES, condition["type"]
    assert len(json.dumps(world.status)) < 512 * 1024


def test_a_text_is_cut_between_characters() -> None:
    assert cut("short") == "short"
    assert cut("é" * 10, 12) == "é" * 4 + "…"
    assert len(cut("\N{ROCKET}" * 5000).encode()) <= MESSAGE_BYTES
    assert cut("\ud800") == "?"


def test_messages_about_parameters_repeat_names_and_values_only_in_part() -> None:
    for name, raw in (("scale-deployment", {"n" * 9000: 1}), ("scale-deployment", {"replicas": "v" * 9000})):
        with pytest.raises(ParameterError) as told:
            Catalog.builtin().parse(name, raw)
        assert len(str(told.value)) < 1000
    with pytest.raises(ParameterError) as told:
        Catalog.builtin().parse("apply-manifest", {"manifest": f"{'k' * 9000}: 1\n{'k' * 9000}: 2"})
    assert len(str(told.value)) < 1000


@pytest.mark.server_from("1.25", "there is CEL")
async def test_the_crd_bounds_the_names_and_values_of_parameters(cluster: FakeCluster) -> None:
    await cluster.load(crds())

    async def create(parameters: dict[str, Any]) -> None:
        target = {"kind": "Deployment", "namespace": "default", "name": "web"}
        spec = {"action": "scale-deployment", "target": target, "parameters": parameters}
        obj = KubernetesExecution.from_dict({"metadata": {"name": "x", "namespace": "default"}, "spec": spec})
        await cluster.client.create(obj, dry_run=True)

    await create({"n" * 63: 1, "manifest": "x" * 65_536})
    with pytest.raises(Invalid, match="a parameter's name has at most 63 characters"):
        await create({"n" * 64: 1})
    with pytest.raises(Invalid, match="Too long"):
        await create({"manifest": "x" * 65_537})


async def test_without_an_approval_the_condition_says_that_none_was_needed(world: Any) -> None:
    world.create()
    await world.run_to_job()
    condition = world.condition("Approved")
    assert condition["reason"] == "ApprovalNotRequired"
    assert condition["message"] == "no approval was needed"

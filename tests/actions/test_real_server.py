"""Every action on a real API server, by the real kubectl, with the rights that are rendered for it and no others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kubernaut.testing import EnvTest
from tests.actions.cases import CASES, CATALOG
from tests.actions.real import Seen, carry_out_all, lacking
from tests.envtest import needs_envtest
from tests.fake.kubectl.running import KUBECTL

pytestmark = [
    needs_envtest,
    pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed (tools/kubectl.sh gets it)"),
]
NO_KUBELET = "no preferred addresses found"
"""What the server says when it should fetch the lines of a pod: it was asked by somebody who may."""

IN_SPITE = ("drain-node", "patch nodes")
"""kubectl says that it could not cordon the node, evicts its pods all the same, and ends as if all were well: nothing
but the check of rights before the Job keeps it from that."""


@pytest.fixture(scope="module")
def all_seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seen]]:
    folder = tmp_path_factory.mktemp("actions")
    with EnvTest() as env:
        yield asyncio.run(carry_out_all(env, folder))


@pytest.fixture(params=sorted(CASES))
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def seen(name: str, all_seen: dict[str, Seen]) -> Seen:
    return all_seen[name]


def test_there_is_a_case_of_each_action() -> None:
    assert {case.action for case in CASES.values()} == set(CATALOG.names())


def test_its_job_is_taken(name: str, seen: Seen) -> None:
    container = seen.job.spec.template.spec.containers[0]
    assert container.command and container.command[0] == "kubectl"
    assert seen.job.spec.template.spec.service_account_name == f"action-{CASES[name].action}"


def test_without_any_one_of_its_rights_its_command_is_forbidden(name: str, seen: Seen) -> None:
    assert set(seen.lacking) == {right for right, _ in lacking(name)} != set()
    for right, ran in seen.lacking.items():
        assert ran.code != 0 or (name, right) == IN_SPITE, f"nobody needs to {right}: {ran.out}{ran.err}"
        assert "forbidden" in ran.err.lower(), f"{right}: {ran.err}"
    assert seen.states["refused"] == seen.states["before"]


def test_its_dry_run_passes_and_changes_nothing(name: str, seen: Seen) -> None:
    if name == "collect-logs":
        assert NO_KUBELET in seen.dry.err
    else:
        assert seen.dry.code == 0, seen.dry.err
    assert seen.states["dry"] == seen.states["before"]


def container_of(state: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = state["web"]["template"]["spec"]["containers"][0]
    return found


DONE: dict[str, Callable[[dict[str, Any]], bool]] = {
    "apply-manifest": lambda state: state["maps"]["settings"]["mode"] == "slow",
    "apply-manifest-new": lambda state: state["maps"].get("fresh") == {"a": "b"},
    "cordon-node": lambda state: state["nodes"] == {"node-1": True, "node-2": True},
    "delete-resource": lambda state: "settings" not in state["maps"],
    "drain-node": lambda state: state["nodes"]["node-1"] and not state["victim"] and state["agents"] == 1,
    "patch-resource": lambda state: state["maps"]["settings"] == {"mode": "slow", "new": "field", "kept": "yes"},
    "patch-resource-json": lambda state: container_of(state)["image"] == "web:9" and state["labels"] == {"team": "a"},
    "patch-resource-strategic": lambda state: container_of(state)["image"] == "web:9",
    "restart-deployment": lambda state: "restartedAt" in json.dumps(state["web"]["template"]["metadata"]),
    "restart-pod": lambda state: not state["victim"],
    "rollback-deployment": lambda state: container_of(state)["image"] == "web:1",
    "rollback-deployment-to": lambda state: container_of(state)["image"] == "web:1",
    "scale-deployment": lambda state: state["web"]["replicas"] == 5,
    "uncordon-node": lambda state: not state["nodes"]["node-2"],
    "update-image": lambda state: container_of(state)["image"].startswith("registry.example/web:3@sha256:"),
}


def test_its_command_does_what_it_says(name: str, seen: Seen) -> None:
    if name == "collect-logs":
        assert NO_KUBELET in seen.done.err
        assert seen.states["done"] == seen.states["before"]
        return
    assert seen.done.code == 0, seen.done.err
    assert DONE[name](seen.states["done"]), seen.states["done"]
    assert not DONE[name](seen.states["dry"])

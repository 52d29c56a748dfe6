"""No right too many: kubectl fails without any one of those that an action asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.kubectl import kubectl
from kubernaut.resources.builtin.apps_v1 import DaemonSet
from kubernaut.resources.builtin.core_v1 import Node
from kubernaut.resources.builtin.rbac_v1 import ClusterRole, ClusterRoleBinding
from kubernaut.testing import VirtualTimeLoop
from tests.actions.cases import CASES, CATALOG, Case, prepare, read

# A deletion that may not wait for its end has been done all the same.
TESTED = sorted(name for name in CASES if name != "restart-pod")
# Which of a manifest's two ways is taken, and for which kind, is known once it is read.
NEEDED = {"apply-manifest": {"patch configmaps"}, "apply-manifest-new": {"create configmaps"}}


# kubectl tells that it could not cordon the node, evicts its pods all the same, and ends as if all were well.
IN_SPITE = {("drain-node", "patch nodes")}


def lacking(name: str, case: Case) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    rules = [rule.to_dict() for rule in CATALOG.get(case.action).rbac(CATALOG.resolve_target(case.action, case.target))]
    for index, rule in enumerate(rules):
        for verb in rule["verbs"]:
            right = f"{verb} {rule['resources'][0]}"
            if right in NEEDED.get(name, {right}) and (name, right) not in IN_SPITE:
                left = {**rule, "verbs": [other for other in rule["verbs"] if other != verb]}
                rest = [left] if left["verbs"] else []
                yield right, [*rules[:index], *rest, *rules[index + 1 :]]


async def run_all() -> dict[str, dict[str, int]]:
    """The exit code of each action's command without each of its rights."""
    seen: dict[str, dict[str, int]] = {}
    async with FakeCluster(rbac=True, nodes=3) as cluster:
        await prepare(cluster)
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        await cluster.client.create(
            DaemonSet.from_dict({"metadata": {"name": "agent", "namespace": "default"}, "spec": spec})
        )
        await cluster.client.create(ClusterRole.from_dict({"metadata": {"name": "actor"}, "rules": []}))
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "actor"}
        subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "actor"}]
        binding = {"metadata": {"name": "actor"}, "roleRef": reference, "subjects": subjects}
        await cluster.client.create(ClusterRoleBinding.from_dict(binding))
        await cluster.settled()
        actor = cluster.client_as("actor", ["system:authenticated"])
        for name in TESTED:
            case, action = CASES[name], CATALOG.get(CASES[name].action)
            for right, rules in lacking(name, case):
                invocation = await read(cluster.client, case)
                files = {f"/var/run/kubernaut/{key}": text.encode() for key, text in action.files(invocation).items()}
                await cluster.client.patch(ClusterRole, "actor", MergePatch({"rules": rules}))
                done = await kubectl(actor, action.command(invocation)[1:], files=files)
                seen.setdefault(name, {})[right] = done.exit_code
                await cluster.client.patch(Node, "node-1", MergePatch({"spec": {"unschedulable": None}}))
                await cluster.settled()
    return seen


@pytest.fixture(scope="module")
def codes() -> dict[str, dict[str, int]]:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(run_all())


@pytest.mark.parametrize("name", TESTED)
def test_each_right_is_needed(name: str, codes: dict[str, dict[str, int]]) -> None:
    assert codes[name]
    assert codes[name] == dict.fromkeys(codes[name], 1)

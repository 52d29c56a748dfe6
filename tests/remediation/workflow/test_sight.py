"""What a workflow tells of objects: no more than whoever asked for it may read."""

from __future__ import annotations

from typing import Any

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.remediation.workflow import WorkflowExecution
from kubernaut.remediation.workflow.types import WorkflowExecutionStatus
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import Namespace, Pod
from kubernaut.resources.builtin.events_v1 import Event
from kubernaut.resources.builtin.rbac_v1 import Role, RoleBinding
from tests.remediation.workflow.shop import (
    WIDER,
    config,
    deployment,
    execution_config,
    running,
    scale,
    status,
    workflow,
)

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1, declared=True)]
LEDGER = {"kind": "Deployment", "namespace": "bank", "name": "ledger"}
ALICE = {"username": "alice", "groups": ["team"]}
ROBOT = {"username": "robot"}


class Believes:
    """A vouching that believes every stamp, or none."""

    permissions = ()

    def __init__(self, answer: str | None = None) -> None:
        self.answer = answer

    async def vouches(self, *given: Any) -> str | None:
        return self.answer


async def bank(cluster: FakeCluster, *verbs: str, resource: str = "*") -> None:
    """Another namespace, in which alice may do this, and everything in the shop."""
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "bank"}}))
    ledger = deployment("ledger").to_dict()
    ledger["metadata"]["namespace"] = "bank"
    await cluster.client.create(Deployment.from_dict(ledger))
    rights = {"shop": ["*"], "bank": list(verbs)} if verbs else {"shop": ["*"]}
    for namespace, granted in rights.items():
        metadata = {"name": "alice", "namespace": namespace}
        rules = [{"apiGroups": ["*"], "resources": [resource if namespace == "bank" else "*"], "verbs": granted}]
        await cluster.client.create(Role.from_dict({"metadata": metadata, "rules": rules}))
        subjects = [{"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}]
        reference = {"kind": "Role", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}
        binding = {"metadata": metadata, "subjects": subjects, "roleRef": reference}
        await cluster.client.create(RoleBinding.from_dict(binding))
    await cluster.settled()


async def ended(cluster: FakeCluster, made: WorkflowExecution) -> WorkflowExecutionStatus:
    await cluster.client.create(made)
    await cluster.advance(seconds=40)
    return await status(cluster, made.name)


def invalid(**spec: Any) -> WorkflowExecution:
    """No plan can be made of it, so nobody has asked yet who it is from."""
    return workflow(scale("more", 3, dependsOn=["nope"]), target=LEDGER, **spec)


@pytest.mark.parametrize(
    ("asker", "verbs", "doubt", "seen"),
    [
        (None, (), None, False),
        (ALICE, (), None, False),
        (ALICE, ("get",), None, True),
        (ALICE, ("get",), "no webhook", False),
        (ROBOT, (), None, True),
        (ROBOT, (), "no webhook", False),
    ],
    ids=["unstamped", "no right", "may get", "nobody vouches", "delegated", "delegated, nobody vouches"],
)
async def test_a_snapshot_tells_of_another_namespace_only_what_the_requester_may_read(
    cluster: FakeCluster, asker: dict[str, Any] | None, verbs: tuple[str, ...], doubt: str | None, seen: bool
) -> None:
    execution = execution_config(allow_unstamped=False, delegated_requesters=frozenset({"robot"}))
    async with running(cluster, config(execution, vouching=Believes(doubt))):
        await bank(cluster, *verbs)
        done = await ended(cluster, invalid(requestedBy=asker))
        assert done.reason == "PlanInvalid" and done.execution_snapshot
        told = done.execution_snapshot
        assert ("Deployment/ledger" in told.cluster_state) is seen and ("ledger" in told.resource_snapshot) is seen
        assert "Deployment/web" in told.cluster_state, "beside the workflow everything may be told of"


@pytest.mark.parametrize("name", ["ledger", "nothing"])
async def test_what_the_requester_may_not_read_is_not_monitored_and_not_told_to_exist(
    cluster: FakeCluster, name: str
) -> None:
    async with running(cluster):
        await bank(cluster)
        target = {**LEDGER, "name": name}
        done = await ended(cluster, workflow(scale("more", 3), target=target, requestedBy=ALICE))
        assert (done.phase, done.reason, done.error_type) == ("failed", "RequesterForbidden", "permission_denied")
        assert done.message == f"spec.target: the requester may not get Deployment {name}"
        assert done.health is None and done.monitored is None


async def test_what_the_requester_may_read_is_monitored(cluster: FakeCluster) -> None:
    async with running(cluster):
        await bank(cluster, "get")
        done = await ended(cluster, workflow(scale("more", 3), target=LEDGER, requestedBy=ALICE))
        assert done.monitored and done.monitored.name == "ledger" and done.health


async def test_what_a_target_belongs_to_is_not_looked_at_where_the_requester_may_not_read_it(
    cluster: FakeCluster,
) -> None:
    async with running(cluster, config(execution_config(catalog=WIDER))):
        await bank(cluster, "*", resource="pods")
        (pod,) = await cluster.client.list(Pod, namespace="bank")
        target = {"kind": "Pod", "namespace": "bank", "name": pod.name}
        step = {"name": "anew", "action": "restart-pod", "target": target}
        done = await ended(cluster, workflow(step, requestedBy=ALICE))
        assert done.phase == "completed" and done.monitored is None and done.health is None
        events = await cluster.client.list(Event, namespace="shop")
        assert [each.note for each in events if each.reason == "NotMonitored"] == [
            "Deployment ledger is not looked at afterwards: the requester may not get it"
        ]

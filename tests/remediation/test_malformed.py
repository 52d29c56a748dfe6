"""Whatever is asked for, it is refused in words or fails with a reason; nobody stumbles, and nothing is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kubernaut.actions import rbac_manifests
from kubernaut.audit import MemoryAuditStore, verify
from kubernaut.client import ApiError
from kubernaut.fake import FakeCluster
from kubernaut.policy import allow_all
from kubernaut.reconcile import Manager
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, Reason, crds, executions
from kubernaut.remediation.execution.auditing import audits
from tests.actions.cases import CATALOG, prepare, state
from tests.remediation.malformed import Document, malformed

pytestmark = [
    pytest.mark.cluster(declared=True, nodes=3),
    pytest.mark.fake_only("counts every request, over hours of virtual time"),
]

PATH = KubernetesExecution.resource_type.path("default")
# How a message begins to tell where it is wrong.
FIELDS = {
    Reason.UNKNOWN_ACTION: "unknown action",
    Reason.PARAMETERS_INVALID: "parameters",
    Reason.TARGET_INVALID: "target",
    Reason.TARGET_NOT_FOUND: "does not exist",
    Reason.TIMEOUT_INVALID: "timeout",
    Reason.ROLLBACK_INVALID: "spec.rollbackOf",
    Reason.REQUESTER_FORBIDDEN: "may not",
}


async def create(cluster: FakeCluster, document: Document) -> str | None:
    """How the server refuses it; None where it does not."""
    try:
        await cluster.client.request("POST", PATH, body=document)
    except ApiError as error:
        assert 400 <= error.code < 500, f"{error}: {_shown(document)}"
        assert any(part in error.message for part in ("spec", "metadata", "name")), f"{error}: {_shown(document)}"
        return error.message
    return None


def _shown(document: Document) -> str:
    return json.dumps(document)[:2000]


def figures(manager: Manager) -> dict[str, Any]:
    """What is counted for the two controllers."""
    return {
        name: (dict(found.results), found.panics, found.terminals, found.timeouts)
        for name in ("kubernetesexecution", "audit")
        for found in [manager.metrics.controller(name, 4)]
    }


def without_rules(schema: Any) -> Any:
    """A schema as a server knows it that is older than rules."""
    if isinstance(schema, dict):
        return {key: without_rules(value) for key, value in schema.items() if key != "x-kubernetes-validations"}
    return [without_rules(each) for each in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize(
    ("drawn", "served"),
    [
        pytest.param({"nonsense": 40, "violating": 40, "mistaken": 40}, lambda crd: crd, id="newest"),
        pytest.param({"every": 4, "nonsense": 40}, without_rules, id="without-rules"),
    ],
)
async def test_malformed_executions_are_refused_or_fail_and_nothing_else_happens(
    cluster: FakeCluster, drawn: dict[str, int], served: Callable[[Any], Any]
) -> None:
    documents = malformed(**drawn)
    assert len(documents) >= (200 if "mistaken" in drawn else 100)
    await prepare(cluster)
    await cluster.load([served(crd) for crd in crds()])
    for manifest in rbac_manifests(CATALOG):
        await cluster.client.create(manifest)
    await cluster.settled()
    before, store = await state(cluster.client), MemoryAuditStore()
    config = ExecutionConfig(
        catalog=CATALOG, evaluator=allow_all(), allow_unstamped=True, delegate_requester=True, audited=True
    )
    async with cluster.running(executions(config), audits(store, catalog=CATALOG)) as manager:
        refused = [document for document in documents if await create(cluster, document) is not None]
        await cluster.settled()
        await cluster.advance(hours=2)
        # Nothing is tried for ever: a further hour passes without a word.
        asked = len(cluster.requests)
        await cluster.advance(hours=1)
        later = [f"{each.verb} {each.path}" for each in cluster.requests[asked:] if each.verb != "watch"]
        found = await cluster.client.list(KubernetesExecution, namespace="default")
        counted = figures(manager)
        for each in found:
            judge(each)
        for each in found:
            await cluster.client.delete(KubernetesExecution, each.name, namespace="default")
        await cluster.advance(minutes=1)
        left = await cluster.client.list(KubernetesExecution, namespace="default")
    assert len(found) == len(documents) - len(refused)
    assert len(found) > 60 and len(refused) > 20, (len(found), len(refused))
    assert later == []
    for name, (results, *trouble) in counted.items():
        assert results["success"] and results["error"] == 0 and trouble == [0, 0, 0], (name, results, trouble)
    assert [each for each in cluster.requests if each.verb == "create" and each.path.endswith("/jobs")] == []
    assert await state(cluster.client) == before
    assert {record.entry.subject.uid for record in store.records} == {each.uid for each in found}
    assert verify(store.records) == []
    assert list(left) == []


def judge(execution: KubernetesExecution) -> None:
    status, asked = execution.status, json.dumps(execution.spec.to_dict())[:2000]
    assert status.phase == "failed", f"{status.to_dict()}: {asked}"
    assert status.reason in FIELDS, f"{status.reason}: {status.message}: {asked}"
    assert FIELDS[Reason(status.reason)] in (status.message or ""), f"{status.message}: {asked}"
    assert len((status.message or "").encode()) <= 4096
    assert status.completion_time is not None and status.is_true("AuditRecorded"), asked
    ready = status.condition("Ready")
    assert ready is not None and ready.status == "False" and ready.reason == status.reason

"""Every transition of an execution reaches the audit log, once, whatever happens to the store meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.audit import AuditEntry, AuditQuery, AuditRecord, AuditRefused, MemoryAuditStore, open_store, verify
from kubernaut.client import NotFound
from kubernaut.fake import FakeCluster
from kubernaut.policy import PolicyDecision, PythonEvaluator, Violation, allow_all
from kubernaut.reconcile import Controller
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions
from kubernaut.remediation.execution.auditing import audits
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import Namespace

pytestmark = [pytest.mark.virtual_time, pytest.mark.cluster(nodes=1)]

CATALOG = Catalog([Catalog.builtin().get("scale-deployment")])
LABELS = {"app": "web"}
WEB = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
    },
}
ALICE = {"username": "alice", "groups": ["sre"]}


def controllers(store: Any, **options: Any) -> tuple[Controller, ...]:
    evaluator = options.pop("evaluator", allow_all())
    config = ExecutionConfig(catalog=CATALOG, evaluator=evaluator, allow_unstamped=True, audited=True, **options)
    return executions(config), audits(store)


async def prepare(cluster: FakeCluster) -> None:
    await cluster.load(crds())
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    for manifest in rbac_manifests(CATALOG):
        await cluster.client.create(manifest)
    await cluster.client.create(Deployment.from_dict(WEB))
    await cluster.settled()


async def scale(cluster: FakeCluster, name: str = "fix", **spec: Any) -> KubernetesExecution:
    target = {"kind": "Deployment", "namespace": "shop", "name": "web"}
    body = {"action": "scale-deployment", "target": target, "parameters": {"replicas": 3}, "requestedBy": ALICE, **spec}
    metadata = {"name": name, "namespace": "shop"}
    return await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": body}))


async def read(cluster: FakeCluster, name: str = "fix") -> KubernetesExecution:
    return await cluster.client.get(KubernetesExecution, name, namespace="shop")


def told(records: list[AuditRecord]) -> list[tuple[str, str]]:
    return [(record.entry.transition, record.entry.outcome) for record in records]


SUCCESS = [
    ("validating", "started"),
    ("validated", "validated"),
    ("executing", "executing"),
    ("rollback_ready", "succeeded"),
]


async def test_a_success_is_told_from_beginning_to_end(cluster: FakeCluster) -> None:
    store = MemoryAuditStore()
    await prepare(cluster)
    async with cluster.running(*controllers(store, delegate_requester=True)):
        await scale(cluster)
        await cluster.settled()
        status = (await read(cluster)).status
    assert told(store.records) == SUCCESS
    first, last = store.records[0].entry, store.records[-1].entry
    assert first.actor == "alice"
    assert first.details == {"parameters": {"replicas": "3"}, "dryRun": "auto", "groups": ["sre"]}
    assert first.target == "Deployment shop/web"
    assert last.details["job"]["exitCode"] == 0
    assert last.details["rollback"]["action"] == "scale-deployment"
    assert last.details["policy"]["evaluator"] == "allow-all"
    assert last.details["specDigest"] == status.spec_digest
    assert verify(store.records) == []
    condition = status.condition("AuditRecorded")
    assert condition and condition.status == "True"
    assert condition.message == f"4 transitions, the last with hash {store.records[-1].hash}"


async def test_a_failure_is_told_as_well(cluster: FakeCluster) -> None:
    store = MemoryAuditStore()
    denies = PythonEvaluator(
        lambda _: PolicyDecision(allowed=False, violations=(Violation("rule", "password=hunter2"),))
    )
    await prepare(cluster)
    async with cluster.running(*controllers(store, evaluator=denies, delegate_requester=True)):
        await scale(cluster)
        await cluster.settled()
    assert told(store.records) == [("validating", "started"), ("failed", "failed")]
    assert store.records[-1].entry.reason == "PolicyDenied"
    assert "hunter2" not in store.records[-1].entry.message


async def test_a_store_that_is_away_delays_the_condition_never_the_action(cluster: FakeCluster) -> None:
    store = MemoryAuditStore()
    store.unavailable = "the database is being moved"
    await prepare(cluster)
    async with cluster.running(*controllers(store, delegate_requester=True)):
        await scale(cluster)
        await cluster.settled()
        status = (await read(cluster)).status
        assert status.phase == "rollback_ready"
        condition = status.condition("AuditRecorded")
        assert condition and (condition.status, condition.reason) == ("False", "StoreUnavailable")
        assert condition.message == "the database is being moved"
    # Another process comes up, and the store comes back.
    async with cluster.running(*controllers(store, delegate_requester=True)):
        await cluster.advance(minutes=5)
        store.unavailable = None
        await cluster.advance(minutes=1)
        assert (await read(cluster)).status.is_true("AuditRecorded")
    assert told(store.records) == SUCCESS


async def test_an_execution_that_is_deleted_stays_until_its_story_is_told(cluster: FakeCluster) -> None:
    store = MemoryAuditStore()
    store.unavailable = "away"
    await prepare(cluster)
    async with cluster.running(*controllers(store, delegate_requester=True)):
        await scale(cluster)
        await cluster.advance(seconds=1)
        await cluster.client.delete(KubernetesExecution, "fix", namespace="shop")
        await cluster.advance(minutes=3)
        assert (await read(cluster)).metadata.deletion_timestamp is not None
        store.unavailable = None
        await cluster.advance(minutes=1)
        with pytest.raises(NotFound):
            await read(cluster)
    assert told(store.records)[-1][0] in ("failed", "rollback_ready")
    assert verify(store.records) == []


class Picky(MemoryAuditStore):
    """Refuses for good."""

    async def append(self, entry: AuditEntry) -> AuditRecord:
        raise AuditRefused("too long a story")


async def test_a_store_that_refuses_is_told_in_the_condition(cluster: FakeCluster) -> None:
    await prepare(cluster)
    async with cluster.running(*controllers(Picky(), delegate_requester=True)):
        await scale(cluster)
        await cluster.settled()
        condition = (await read(cluster)).status.condition("AuditRecorded")
        assert condition and (condition.reason, condition.message) == ("AuditRefused", "too long a story")


async def test_a_settled_execution_is_not_told_or_written_again(cluster: FakeCluster) -> None:
    store = MemoryAuditStore()
    await prepare(cluster)
    async with cluster.running(*controllers(store, delegate_requester=True)):
        await scale(cluster)
        await cluster.advance(minutes=10)
    before = (await read(cluster)).metadata.resource_version
    async with cluster.running(*controllers(store, delegate_requester=True)):
        await cluster.advance(minutes=10)
    assert (await read(cluster)).metadata.resource_version == before
    assert len(store.records) == len(SUCCESS)


async def test_a_real_database_in_virtual_time(cluster: FakeCluster, tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path / 'audit.db'}") as store:
        await prepare(cluster)
        async with cluster.running(*controllers(store, delegate_requester=True)):
            await scale(cluster)
            await cluster.settled()
            assert (await read(cluster)).status.is_true("AuditRecorded")
        assert told(list(await store.query(AuditQuery()))) == SUCCESS

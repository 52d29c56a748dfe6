"""Every transition of an execution reaches the audit log, once, whatever happens to the store meanwhile."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest

from kubernaut.actions import Catalog, Parameters, rbac_manifests
from kubernaut.audit import AuditEntry, AuditQuery, AuditRecord, AuditRefused, MemoryAuditStore, open_store, verify
from kubernaut.audit.chain import body_size
from kubernaut.audit.records import MAX_BODY
from kubernaut.client import NotFound
from kubernaut.fake import FakeCluster
from kubernaut.policy import PolicyDecision, PythonEvaluator, Violation, allow_all
from kubernaut.reconcile import Controller
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions
from kubernaut.remediation.execution.auditing import AuditLag, audits
from kubernaut.remediation.execution.auditing.entries import entries_of
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.core_v1 import Event, Namespace

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
    evaluator, lag = options.pop("evaluator", allow_all()), options.pop("lag", None)
    config = ExecutionConfig(catalog=CATALOG, evaluator=evaluator, allow_unstamped=True, audited=True, **options)
    return executions(config), audits(store, lag=lag)


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
    """Refuses for good what has more than so many bytes."""

    def __init__(self, limit: int = 0) -> None:
        super().__init__()
        self.limit = limit
        self.asked = 0

    async def append(self, entry: AuditEntry) -> AuditRecord:
        self.asked += 1
        if body_size(entry) > self.limit:
            raise AuditRefused("too long a story")
        return await super().append(entry)


async def test_a_store_that_refuses_is_told_in_the_condition_and_not_asked_for_ever(cluster: FakeCluster) -> None:
    await prepare(cluster)
    store, lag = Picky(), AuditLag()
    async with cluster.running(*controllers(store, delegate_requester=True, lag=lag)):
        await scale(cluster)
        await cluster.settled()
        asked = store.asked
        await cluster.advance(minutes=10)
        condition = (await read(cluster)).status.condition("AuditRecorded")
        events = [each for each in await cluster.client.list(Event, namespace="shop") if each.reason == "AuditRefused"]
    assert condition and (condition.status, condition.reason) == ("False", "AuditRefused")
    assert condition.message == "rollback_ready: too long a story"
    assert store.asked == asked
    assert [event.type for event in events] == ["Warning"]
    assert samples(lag)["kubernaut_audit_pending"] == 0


async def test_an_execution_that_the_store_refuses_can_be_deleted(cluster: FakeCluster) -> None:
    await prepare(cluster)
    async with cluster.running(*controllers(Picky(), delegate_requester=True)):
        await scale(cluster)
        await cluster.settled()
        await cluster.client.delete(KubernetesExecution, "fix", namespace="shop")
        await cluster.advance(minutes=1)
        with pytest.raises(NotFound):
            await read(cluster)


async def test_what_is_refused_is_offered_once_more_without_its_details(cluster: FakeCluster) -> None:
    store = Picky(limit=600)
    await prepare(cluster)
    async with cluster.running(*controllers(store, delegate_requester=True)):
        await scale(cluster)
        await cluster.settled()
        assert (await read(cluster)).status.is_true("AuditRecorded")
    assert told(store.records) == SUCCESS
    assert store.records[-1].entry.details == {}
    assert verify(store.records) == []


async def test_the_largest_execution_that_a_server_takes_is_recorded_and_can_be_deleted(cluster: FakeCluster) -> None:
    store = MemoryAuditStore()
    await prepare(cluster)
    parameters = {f"p{number}": "é" * 8192 for number in range(8)} | {f"q{number}": number for number in range(24)}
    groups = ["\N{ROCKET}" * 512] * 256
    async with cluster.running(*controllers(store, delegate_requester=True)):
        await scale(cluster, parameters=parameters, requestedBy={"username": "é" * 512, "groups": groups})
        await cluster.settled()
        assert (await read(cluster)).status.is_true("AuditRecorded")
        await cluster.client.delete(KubernetesExecution, "fix", namespace="shop")
        await cluster.advance(minutes=1)
        with pytest.raises(NotFound):
            await read(cluster)
    details = store.records[0].entry.details
    assert details["parameters"]["p0"] == {"sha256": hashlib.sha256(("é" * 8192).encode()).hexdigest(), "bytes": 16384}
    assert set(details["groups"]) == {"sha256", "bytes"}
    assert all(body_size(record.entry) <= MAX_BODY for record in store.records)


def execution(**parts: Any) -> KubernetesExecution:
    transitions = [
        {"phase": "validating", "time": "2024-01-01T00:00:00Z"},
        {"phase": "failed", "time": "2024-01-01T00:00:01Z", "reason": "ApprovalRejected"},
    ]
    spec = {"action": "apply-manifest", "target": {"kind": "ConfigMap", "namespace": "shop", "name": "web"}}
    return KubernetesExecution.from_dict(
        {
            "metadata": {"name": "fix", "namespace": "shop", "uid": "u1"},
            "spec": {**spec, **parts.pop("spec", {})},
            "status": {"phase": "failed", "transitions": transitions, **parts},
        }
    )


def test_an_opaque_parameter_is_recorded_by_what_it_holds_and_its_digest() -> None:
    manifest = "{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {a: aHVudGVyMg}}"
    parameters = {"manifest": manifest, "patch": "- {op: add, path: /data/a, value: hunter2}", "password": "hunter3"}
    first, _ = entries_of(execution(spec={"parameters": parameters}))
    found = first.details["parameters"]
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    assert found["manifest"] == {"kind": "ConfigMap", "name": "web", "sha256": digest, "bytes": len(manifest)}
    assert set(found["patch"]) == {"sha256", "bytes"}
    assert found["password"] == "[REDACTED]"
    assert "hunter" not in str(first) and "aHVudGVyMg" not in str(first)


def test_what_an_action_declares_opaque_is_recorded_by_its_digest_only() -> None:
    class Templates(Parameters):
        opaque_parameters = Parameters.opaque_parameters | {"template"}

    class Render(type(Catalog.builtin().get("scale-deployment"))):  # type: ignore[misc]
        name = "render"
        parameters = Templates

    first, _ = entries_of(execution(spec={"parameters": {"template": "hunter2", "manifest": "hunter3"}}), Render())
    assert {name: set(value) for name, value in first.details["parameters"].items()} == {
        "template": {"sha256", "bytes"},
        "manifest": {"sha256", "bytes"},
    }


def test_who_rejected_is_a_field_of_the_last_entry() -> None:
    rejection = {"digest": "sha256:1", "decidedBy": "ceo", "decidedAt": "2024-01-01T00:00:00Z"}
    last = entries_of(execution(rejection=rejection))[-1]
    assert last.details["rejectedBy"] == "ceo"
    assert last.approver == ""


def test_violations_of_a_policy_are_bounded_and_redacted() -> None:
    violations = [{"rule": "r", "message": "password=hunter2 " + "x" * 100_000}] * 20
    last = entries_of(execution(validationResults={"policyValidation": {"allowed": False, "violations": violations}}))[
        -1
    ]
    assert body_size(last) < 16 * 1024
    assert "hunter2" not in str(last)


def samples(lag: AuditLag) -> dict[str, float]:
    return {sample.name: sample.value for family in lag.collect() for sample in family.samples}


async def test_an_execution_that_vanishes_while_the_store_is_away_is_not_counted_any_more(cluster: FakeCluster) -> None:
    store, lag = MemoryAuditStore(), AuditLag()
    store.unavailable = "away"
    await prepare(cluster)
    async with cluster.running(*controllers(store, delegate_requester=True, lag=lag)):
        await scale(cluster)
        await cluster.settled()
        assert samples(lag)["kubernaut_audit_pending"] == 1
        obj = await read(cluster)
        obj.metadata.finalizers = []
        await cluster.client.update(obj)
        await cluster.client.delete(KubernetesExecution, "fix", namespace="shop")
        await cluster.advance(minutes=1)
        assert samples(lag)["kubernaut_audit_pending"] == 0


async def test_the_log_tells_once_that_the_store_is_away_and_that_it_is_back(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryAuditStore()
    store.unavailable = "the database is being moved"
    await prepare(cluster)
    caplog.set_level(logging.INFO, "kubernaut")
    async with cluster.running(*controllers(store, delegate_requester=True)):
        await scale(cluster)
        await scale(cluster, "other")
        await cluster.advance(minutes=5)
        store.unavailable = None
        await cluster.advance(minutes=1)
    told = [each.getMessage().partition(" controller=")[0] for each in caplog.records]
    assert [message for message in told if "audit store" in message] == [
        "the audit store is away; what happens is recorded when it is back",
        "the audit store is back",
    ]


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

"""Executions that have ended go after a time that the operator chooses, unless somebody still needs them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.audit import AuditRecord, MemoryAuditStore
from kubernaut.audit.store import AuditRefused, AuditUnavailable
from kubernaut.client import Conflict
from kubernaut.fake import FakeCluster
from kubernaut.policy import PolicyDecision, PythonEvaluator, allow_all
from kubernaut.reconcile import Controller
from kubernaut.remediation.approval import ApprovalRequests, approvals
from kubernaut.remediation.approval.types import ApprovalRequest
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, Limits, crds, executions
from kubernaut.remediation.execution.auditing import audits
from kubernaut.remediation.execution.undoing import rollback_of
from kubernaut.resources import crd_for
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace

pytestmark = pytest.mark.cluster(declared=True, nodes=1)

CATALOG = Catalog([Catalog.builtin().get("scale-deployment")])
TTL = timedelta(minutes=10)
WEB: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
    },
}


def config(**options: Any) -> ExecutionConfig:
    given = {"catalog": CATALOG, "evaluator": allow_all(), "allow_unstamped": True, "ttl_after_end": TTL}
    return ExecutionConfig(**{**given, **options})


@asynccontextmanager
async def running(cluster: FakeCluster, *controllers: Controller, **options: Any) -> AsyncIterator[None]:
    await cluster.load([*crds(), crd_for(ApprovalRequest)])
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    for manifest in rbac_manifests(CATALOG):
        await cluster.client.create(manifest)
    await cluster.client.create(Deployment.from_dict(WEB))
    async with cluster.running(executions(config(**options)), *controllers):
        yield


def scaling(name: str = "fix", replicas: int = 3, **metadata: Any) -> KubernetesExecution:
    target = {"kind": "Deployment", "namespace": "shop", "name": "web"}
    spec = {"action": "scale-deployment", "target": target, "parameters": {"replicas": replicas}}
    return KubernetesExecution.from_dict({"metadata": {"name": name, "namespace": "shop", **metadata}, "spec": spec})


async def names(cluster: FakeCluster) -> Sequence[str]:
    return [found.name for found in await cluster.client.list(KubernetesExecution, namespace="shop")]


async def test_one_that_ended_goes_in_its_time_with_all_that_was_its(cluster: FakeCluster) -> None:
    async with running(cluster):
        await cluster.client.create(scaling())
        await cluster.settled()
        assert (await cluster.client.get(KubernetesExecution, "fix", namespace="shop")).status.phase == "rollback_ready"
        await cluster.advance(minutes=9)
        assert await names(cluster) == ["fix"]
        await cluster.advance(minutes=2)
        assert await names(cluster) == []
        for kind in (Job, Lease):
            assert list(await cluster.client.list(kind, namespace="kubernaut-executor")) == []


async def test_failures_go_as_well(cluster: FakeCluster) -> None:
    async with running(cluster):
        await cluster.client.create(scaling(replicas=1000))
        await cluster.settled()
        assert (await cluster.client.get(KubernetesExecution, "fix", namespace="shop")).status.phase == "failed"
        await cluster.advance(minutes=11)
        assert await names(cluster) == []


async def test_they_stay_for_ever_by_default_and_no_right_to_delete_them_is_asked_for(cluster: FakeCluster) -> None:
    assert ExecutionConfig(catalog=CATALOG, evaluator=allow_all()).ttl_after_end is None

    def deletes(controller: Controller) -> bool:
        return any(
            "delete" in right.verbs and right.plural == "kubernetesexecutions" for right in controller.permissions
        )

    assert not deletes(executions(config(ttl_after_end=None))) and deletes(executions(config()))
    async with running(cluster, ttl_after_end=None):
        await cluster.client.create(scaling())
        await cluster.settled()
        await cluster.advance(minutes=30)
        assert await names(cluster) == ["fix"]


async def test_a_manager_that_was_away_deletes_what_is_overdue(cluster: FakeCluster) -> None:
    async with running(cluster):
        await cluster.client.create(scaling())
        await cluster.settled()
    await cluster.advance(minutes=20)
    assert await names(cluster) == ["fix"]
    async with cluster.running(executions(config())):
        await cluster.settled()
        assert await names(cluster) == []


async def test_one_that_waits_for_an_approval_has_not_ended(cluster: FakeCluster) -> None:
    asks = PythonEvaluator(lambda _: PolicyDecision(allowed=True, requires_approval=True))
    gate, limits = ApprovalRequests(webhooks=False), Limits(approval=timedelta(minutes=5))
    options = {"evaluator": asks, "approvals": gate, "limits": limits, "ttl_after_end": timedelta(minutes=1)}
    async with running(cluster, approvals(), **options):
        await cluster.client.create(scaling())
        await cluster.advance(minutes=4)
        assert await names(cluster) == ["fix"]
        await cluster.advance(minutes=3)
        assert await names(cluster) == [], "it failed with ApprovalExpired, and a minute has passed"


class Away(MemoryAuditStore):
    """A store that does not answer until it is told to."""

    here = False

    async def append(self, entry: Any) -> AuditRecord:
        if not self.here:
            raise AuditUnavailable("away")
        return await super().append(entry)


async def test_one_that_the_audit_log_does_not_have_stays_until_it_has(cluster: FakeCluster) -> None:
    store = Away()
    async with running(cluster, audits(store), audited=True):
        await cluster.client.create(scaling())
        await cluster.advance(minutes=20)
        assert await names(cluster) == ["fix"]
        store.here = True
        await cluster.advance(minutes=2)
        assert await names(cluster) == []
    assert [record.entry.outcome for record in store.records][-1] == "succeeded"


async def test_one_that_the_audit_log_refuses_stays(cluster: FakeCluster) -> None:
    class Refusing(MemoryAuditStore):
        async def append(self, entry: Any) -> AuditRecord:
            raise AuditRefused("no")

    async with running(cluster, audits(Refusing()), audited=True):
        await cluster.client.create(scaling())
        await cluster.advance(minutes=20)
        assert await names(cluster) == ["fix"]


@asynccontextmanager
async def approving(cluster: FakeCluster, replicas: int) -> AsyncIterator[KubernetesExecution]:
    """`fix` has ended; to scale to `replicas` takes an approval, which is awaited for 10 minutes."""
    asks = PythonEvaluator(
        lambda question: PolicyDecision(allowed=True, requires_approval=question.parameters["replicas"] == replicas)
    )
    limits, gate = Limits(approval=timedelta(minutes=10)), ApprovalRequests(webhooks=False)
    async with running(cluster, approvals(), evaluator=asks, approvals=gate, limits=limits):
        await cluster.client.create(scaling())
        await cluster.settled()
        yield await cluster.client.get(KubernetesExecution, "fix", namespace="shop")


async def test_one_that_is_being_undone_stays_until_that_has_ended(cluster: FakeCluster) -> None:
    async with approving(cluster, 1) as fixed:
        await cluster.advance(minutes=5)
        await cluster.client.create(rollback_of(fixed))
        await cluster.advance(minutes=8)
        assert await names(cluster) == ["fix", "fix-rollback"], "the approval is still awaited"
        await cluster.advance(minutes=3)
        assert await names(cluster) == ["fix-rollback"]
        await cluster.advance(minutes=10)
        assert await names(cluster) == []


async def test_one_that_undoes_another_of_that_name_holds_up_nothing(cluster: FakeCluster) -> None:
    async with approving(cluster, 7) as fixed:
        other = scaling("other", 7)
        other.spec.rollback_of = rollback_of(fixed).spec.rollback_of
        assert other.spec.rollback_of is not None
        other.spec.rollback_of.uid = "another"
        await cluster.advance(minutes=9)
        await cluster.client.create(other)
        await cluster.advance(minutes=2)
        assert await names(cluster) == ["other"]


@pytest.mark.fake_only("a real garbage collector takes what has an owner that does not exist")
async def test_one_that_a_controller_owns_is_left_to_it(cluster: FakeCluster) -> None:
    async with running(cluster):
        owner = await cluster.client.create(ConfigMap.from_dict({"metadata": {"name": "owner", "namespace": "shop"}}))
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.uid}
        await cluster.client.create(scaling("controlled", ownerReferences=[{**reference, "controller": True}]))
        await cluster.client.create(scaling("owned", 4, ownerReferences=[reference]))
        await cluster.advance(minutes=20)
        assert await names(cluster) == ["controlled"]
        await cluster.client.delete(ConfigMap, "owner", namespace="shop")
        await cluster.settled()
        assert await names(cluster) == []


# Step by step, against a server that fails.


@pytest.fixture
async def ended(world: Any) -> Any:
    """A world in which an execution ended at a known time, its Job released."""
    world.configure(ttl_after_end=TTL)
    world.list = lambda *args, **options: []
    world.create()
    await world.run_to_job()
    world.finish()
    await world.settle()
    assert world.condition("JobsReleased")["status"] == "True"
    return world


async def test_what_is_left_of_its_time_is_waited_for(ended: Any) -> None:
    ended.advance(minutes=5)
    result = await ended.step()
    done = datetime.fromisoformat(ended.status["completionTime"]).astimezone(UTC)
    assert result is not None and result.requeue_after == done + TTL - ended.time


async def test_a_version_that_somebody_wrote_meanwhile_is_not_deleted(ended: Any) -> None:
    ended.advance(hours=2)
    versions: list[str] = []

    def conflict(request: Any) -> Any:
        if request.method == "DELETE":
            versions.append(request.body.decode())
            return 409, "the object has been modified"
        return None

    ended.faults.append(conflict)
    with pytest.raises(Conflict):
        await ended.step()
    assert ended.objects[ended.execution_path]["metadata"]["resourceVersion"] in versions[0]
    assert ended.objects[ended.execution_path]["metadata"]["uid"] in versions[0]


async def test_one_that_is_gone_already_is_no_error(ended: Any) -> None:
    ended.advance(hours=2)
    ended.faults.append(lambda request: (404, "gone") if request.method == "DELETE" else None)
    assert await ended.step() is None


async def test_a_job_that_is_not_let_go_of_keeps_its_execution(world: Any) -> None:
    world.configure(ttl_after_end=timedelta(seconds=1))
    world.ttl_support = False
    world.create()
    await world.run_to_job()
    world.finish()
    await world.settle()
    world.advance(seconds=60)
    await world.settle()
    assert world.condition("JobsReleased")["status"] == "False"
    assert "deletionTimestamp" not in world.objects[world.execution_path]["metadata"]


async def test_a_time_must_be_positive() -> None:
    with pytest.raises(ValueError, match="greater than"):
        config(ttl_after_end=timedelta())

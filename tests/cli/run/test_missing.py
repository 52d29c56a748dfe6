"""What an operator is told of a cluster that lacks something: which definition, which right, and what mends it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from kubernaut.cli.run.missing import Missing, Right, custom_kinds, in_words, rights_of
from kubernaut.cli.run.plan import Plan, prepare
from kubernaut.cli.run.program import manager_of
from kubernaut.cli.run.sources import read
from kubernaut.cli.run.startup import NotAnswering, StartUp, server_version
from kubernaut.client import Client, TransportError, TransportRequest, TransportResponse
from kubernaut.fake import FakeCluster
from kubernaut.reconcile import Manager, Permission
from kubernaut.reconcile.permissions import manager_permissions, policy_rules
from kubernaut.resources.builtin.core_v1 import Secret
from tests.cli.run.serving import what_executions_need

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: far, cluster: {server: "https://far.example"}}]
contexts: [{name: far, context: {cluster: far}}]
current-context: far
"""

BOTH = "kubernetesexecutions.kubernetesexecution.kubernaut.io/v1, approvalrequests.remediation.kubernaut.io/v1"

pytestmark = pytest.mark.cluster(rbac=True)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    given = {"kubeconfig": str(path), "leader_elect": True, "lease_namespace": "ops"}
    given |= {"controllers": ["executions", "approvals"]}
    return prepare(read({**given, "metrics_bind": "0", "health_bind": "0"}, {}))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.INFO, "kubernaut.run")

    def lines(text: str) -> list[dict[str, Any]]:
        ours = [record for record in caplog.records if record.name == "kubernaut.run"]
        return [vars(record)["kubernaut"] for record in ours if text in vars(record)["kubernaut_message"]]

    return lines


@asynccontextmanager
async def looking(client: Client, plan: Plan) -> AsyncIterator[Manager]:
    """A manager of the plan, and what it tells of what is missing."""
    manager = await manager_of(plan, client)
    async with manager.running(wait=False), anyio.create_task_group() as group:
        group.start_soon(Missing(client, manager, plan).watch)
        yield manager
        group.cancel_scope.cancel()


async def nobody(cluster: FakeCluster) -> Client:
    """The ServiceAccount ops/kubernaut, which may do nothing."""
    await cluster.load(
        [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ops"}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "kubernaut", "namespace": "ops"}},
        ]
    )
    return await cluster.client_as_service_account("ops", "kubernaut")


async def test_missing_rights_are_told_with_verbs_resource_account_and_what_grants_them_and_it_is_not_ready(
    cluster: FakeCluster, plan: Plan, lines: Any
) -> None:
    await cluster.load(what_executions_need())
    async with await nobody(cluster) as client, looking(client, plan) as manager:
        await cluster.advance(seconds=30)
        [told] = lines("permissions are missing")
        missing = told["missing"].split("; ")
        assert "list, watch, patch, get kubernetesexecutions.kubernetesexecution.kubernaut.io" in missing
        assert "update kubernetesexecutions.kubernetesexecution.kubernaut.io/status" in missing
        assert "create, get, update leases.coordination.k8s.io in ops" in missing
        assert told["identity"] == "system:serviceaccount:ops:kubernaut"
        assert told["fix"] == "kubernaut manifests | kubectl apply -f -"
        assert any("is forbidden" in text for text in manager.unsynced())


async def test_when_the_rights_are_granted_that_is_told_and_the_manager_works(
    cluster: FakeCluster, plan: Plan, lines: Any
) -> None:
    await cluster.load(what_executions_need())
    async with await nobody(cluster) as client, looking(client, plan) as manager:
        await cluster.advance(seconds=1)
        [missing] = lines("permissions are missing")
        await cluster.load(grants(manager))
        await cluster.advance(minutes=2)
        [granted] = lines("permissions that were missing are granted")
        assert granted["granted"] == missing["missing"]
        assert manager.unsynced() == []
        await cluster.advance(minutes=6)
        assert len(lines("missing")) == 2


async def test_a_missing_definition_is_told_again_only_when_it_lasts(
    cluster: FakeCluster, plan: Plan, lines: Any
) -> None:
    async with looking(cluster.client, plan) as manager:
        await cluster.advance(minutes=4)
        assert len(lines("definitions are missing")) == 1
        await cluster.advance(minutes=4)
        [first, second] = lines("definitions are missing")
        assert first == second
        assert first["definitions"] == BOTH
        assert "kubernaut manifests" in first["fix"]
        await cluster.load(what_executions_need())
        await cluster.advance(minutes=2)
        [found] = lines("definitions that were missing are there")
        assert found["definitions"] == BOTH
        assert manager.unsynced() == []


async def test_where_nothing_is_missing_nothing_is_told_and_it_looks_once(
    cluster: FakeCluster, plan: Plan, lines: Any
) -> None:
    await cluster.load(what_executions_need())
    async with looking(cluster.client, plan):
        await cluster.advance(seconds=1)
        asked = len([r for r in cluster.requests if "selfsubjectaccessreviews" in r.path])
        await cluster.advance(minutes=10)
        assert len([r for r in cluster.requests if "selfsubjectaccessreviews" in r.path]) == asked > 10
        assert lines("missing") == []


async def test_the_summary_names_what_runs_where(cluster: FakeCluster, plan: Plan, lines: Any) -> None:
    await cluster.load(what_executions_need())
    manager = await manager_of(plan, cluster.client)
    async with manager.running(wait=False):
        await StartUp(cluster.client, manager, plan, to_terminal=False).run()
    [summary] = lines("started")
    assert summary["controllers"] == "executions, approvals"
    assert summary["leader_election"] == "lease kubernaut"
    assert summary["server"] == "https://far.example"
    assert summary["server_version"].startswith("v1.")
    assert (summary["metrics"], summary["webhooks"]) == ("not served", "not served")


async def test_on_a_terminal_the_summary_is_a_table(
    cluster: FakeCluster, plan: Plan, lines: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await cluster.load(what_executions_need())
    manager = await manager_of(plan, cluster.client)
    async with manager.running(wait=False):
        await StartUp(cluster.client, manager, plan, to_terminal=True).run()
    shown = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[0] for line in shown[:4]] == ["version", "server", "server version", "controllers"]
    assert lines("started") == []


class Away:
    """A transport whose server answers nothing for a while."""

    def __init__(self, inner: Any, until: float) -> None:
        self._inner = inner
        self._until = until

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        if anyio.current_time() < self._until:
            raise TransportError("connection refused")
        async with self._inner.open(request) as response:
            yield response

    async def refresh(self) -> bool:
        return False

    async def aclose(self) -> None:
        await self._inner.aclose()


async def test_a_server_that_does_not_answer_is_told_at_once_then_each_minute_and_when_it_answers(
    cluster: FakeCluster, plan: Plan, lines: Any
) -> None:
    await cluster.load(what_executions_need())
    begun = anyio.current_time()
    client = cluster.client.through(lambda inner: Away(inner, begun + 150))
    with pytest.raises(NotAnswering, match="connection refused"):
        await server_version(client)
    manager = await manager_of(plan, client)
    async with manager.running(wait=False):
        await StartUp(client, manager, plan, to_terminal=False).run()
        await cluster.advance(minutes=2)
        assert manager.unsynced() == []
    told = lines("the API server gives no answer")
    assert [line["failing_for"] // 60 for line in told] == [0, 1, 2]
    assert told[0] == {"server": "https://far.example", "error": "connection refused", "failing_for": 0}
    assert lines("started")[0]["server_version"] == "unknown: it gives no answer yet"
    [back] = lines("the API server answers")
    assert back["server_version"].startswith("v1.")


def test_each_verb_of_a_permission_is_asked_for_each_name() -> None:
    given = [Permission(["get", "update"], "leases.coordination.k8s.io", namespace="ops", names=["a", "b"])]
    asked = rights_of([*given, *given, Permission(["get"], "pods", subresource="log")])
    assert [(right.verb, right.name) for right in asked] == [
        ("get", "a"), ("get", "b"), ("update", "a"), ("update", "b"), ("get", ""),
    ]  # fmt: skip
    assert asked[0].attributes == {
        "verb": "get", "group": "coordination.k8s.io", "resource": "leases", "namespace": "ops", "name": "a",
    }  # fmt: skip
    assert asked[-1] == Right("get", "", "pods", "log", "", "")
    assert in_words(asked) == "get, update leases.coordination.k8s.io in ops; get pods/log"
    assert (asked[0].path, asked[-1].path) == ("leases.coordination.k8s.io", "pods/log")


@pytest.mark.parametrize("given", [{}, {"allow_unstamped": True}])
async def test_a_process_whose_requests_must_all_fail_says_so_once_at_its_start(
    cluster: FakeCluster, tmp_path: Path, lines: Any, given: dict[str, Any]
) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    where = {"kubeconfig": str(tmp_path / "kubeconfig"), "metrics_bind": "0", "health_bind": "0"}
    plan = prepare(read({**where, "controllers": ["executions"], **given}, {}))
    await cluster.load(what_executions_need())
    manager = await manager_of(plan, cluster.client)
    async with manager.running(wait=False):
        await StartUp(cluster.client, manager, plan, to_terminal=False).run()
        told = lines("no request and no execution can succeed")
    assert len(told) == (0 if given else 1)


async def test_webhooks_are_served_with_certificates_that_the_process_makes_and_needs_rights_for(
    cluster: FakeCluster, tmp_path: Path, lines: Any
) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    given = {
        "kubeconfig": str(tmp_path / "kubeconfig"),
        "webhooks": True,
        "webhook_bind": "127.0.0.1:0",
        "name": "shop",
    }
    plan = prepare(read({**given, "metrics_bind": "0", "health_bind": "0"}, {}))
    await cluster.load(what_executions_need())
    async with looking(cluster.client, plan) as manager:
        await cluster.advance(seconds=10)
        assert manager.url("webhooks").startswith("https://")
        secret = await cluster.client.get(Secret, "shop-webhooks", namespace="default")
        assert secret.data
    async with await nobody(cluster) as client, looking(client, plan):
        await cluster.advance(seconds=10)
        [told] = lines("permissions are missing")
        assert "create, get, update secrets in default" in told["missing"]
        assert "mutatingwebhookconfigurations.admissionregistration.k8s.io" in told["missing"]


async def test_kinds_of_kubernetes_own_groups_are_not_looked_for(cluster: FakeCluster, plan: Plan) -> None:
    manager = await manager_of(plan, cluster.client)
    assert [kind.kind for kind in custom_kinds(manager.controllers)] == ["KubernetesExecution", "ApprovalRequest"]


def grants(manager: Manager) -> list[dict[str, Any]]:
    """Roles and bindings for all that the manager needs."""
    permissions = manager_permissions(manager.controllers, leader_election=manager.leader_election, namespace="ops")
    rules = policy_rules(permissions)
    places = [(None, rules.cluster), *rules.namespaces.items()]
    return [made for namespace, each in places for made in _granting(namespace, [r.to_dict() for r in each])]


def _granting(namespace: str | None, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    scope = "Role" if namespace else "ClusterRole"
    metadata = {"name": "kubernaut"} | ({"namespace": namespace} if namespace else {})
    api = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{api}/v1", "kind": scope, "metadata": metadata, "rules": rules}
    account = {"kind": "ServiceAccount", "name": "kubernaut", "namespace": "ops"}
    reference = {"apiGroup": api, "kind": scope, "name": "kubernaut"}
    binding = {"apiVersion": f"{api}/v1", "kind": f"{scope}Binding", "metadata": metadata}
    return [role, {**binding, "subjects": [account], "roleRef": reference}]

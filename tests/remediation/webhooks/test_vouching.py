"""When a stamp counts: the webhooks that write it must be registered as they have to be, and must have been in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.client import MergePatch
from kubernaut.fake import FakeCluster
from kubernaut.policy import allow_all
from kubernaut.reconcile import Manager
from kubernaut.reconcile.webhooks import ServiceReference, webhook_configurations, webhooks_app
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds, executions, spec_digest
from kubernaut.remediation.execution.webhooks import RegisteredWebhooks, execution_webhooks
from kubernaut.remediation.execution.webhooks.vouching import FIX
from kubernaut.resources.builtin.admissionregistration_v1 import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
)
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import Namespace
from kubernaut.timing import current_clock

pytestmark = [pytest.mark.virtual_time, pytest.mark.fake_only("the API server calls the webhooks in memory")]

OURS = "system:serviceaccount:kubernaut-system:kubernaut"
SERVICE = ServiceReference("kubernaut-webhooks", "kubernaut-system")
ADDRESS = "https://kubernaut-webhooks.kubernaut-system.svc:443"
CATALOG = Catalog([Catalog.builtin().get("scale-deployment")])
CONFIG = ExecutionConfig(catalog=CATALOG, evaluator=allow_all(), own_usernames=frozenset({OURS}))
KINDS = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration)
LABELS = {"app": "web"}
WEB = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
    },
}
FORGED = {"username": "root", "groups": ["system:masters"]}


def registered() -> RegisteredWebhooks:
    return RegisteredWebhooks(execution_webhooks(CONFIG))


def manifests() -> list[dict[str, Any]]:
    return webhook_configurations("kubernaut", execution_webhooks(CONFIG), service=SERVICE)


def execution(name: str = "fix") -> KubernetesExecution:
    target = {"kind": "Deployment", "namespace": "shop", "name": "web"}
    spec = {"action": "scale-deployment", "target": target, "parameters": {"replicas": 5}, "requestedBy": FORGED}
    return KubernetesExecution.from_dict({"metadata": {"name": name, "namespace": "shop"}, "spec": spec})


async def prepare(cluster: FakeCluster) -> None:
    cluster.server.route_webhook(ADDRESS, webhooks_app(execution_webhooks(CONFIG)))
    await cluster.load([*crds(), *(each.to_dict() for each in rbac_manifests(CATALOG))])
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    await cluster.client.create(Deployment.from_dict(WEB))
    await cluster.settled()


async def remove(cluster: FakeCluster) -> None:
    for kind in KINDS:
        await cluster.client.delete(kind, "kubernaut")


async def test_as_rendered_they_vouch(cluster: FakeCluster) -> None:
    await cluster.load(manifests())
    assert await registered().vouches(cluster.client, None) is None
    assert await registered().vouches(cluster.client, current_clock().now()) is None


async def test_without_a_configuration_nothing_is_vouched_for(cluster: FakeCluster) -> None:
    for kind in KINDS:
        await cluster.load(manifests())
        await cluster.client.delete(kind, "kubernaut")
        told = await registered().vouches(cluster.client, None)
        assert told == f"the webhooks are not installed: there is no {kind.resource_type.kind} kubernaut"


async def test_what_was_before_the_configuration_is_not_vouched_for(cluster: FakeCluster) -> None:
    await cluster.load(manifests())
    before = current_clock().now() - timedelta(seconds=2)
    told = await registered().vouches(cluster.client, before)
    assert told is not None and told.startswith("the webhooks did not exist yet at ")


def entry(change: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda webhook: webhook.update(change)


def rule(change: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda webhook: webhook["rules"][0].update(change)


def elsewhere(webhook: dict[str, Any]) -> None:
    webhook["clientConfig"]["service"]["path"] = "/always"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (entry({"failurePolicy": "Ignore"}), "failurePolicy is Ignore"),
        (entry({"matchPolicy": "Exact"}), "matchPolicy is Exact"),
        (entry({"namespaceSelector": {"matchLabels": {"a": "b"}}}), "namespaceSelector leaves something out"),
        (
            entry({"objectSelector": {"matchExpressions": [{"key": "skip", "operator": "DoesNotExist"}]}}),
            "objectSelector leaves something out",
        ),
        (
            entry({"matchConditions": [{"name": "not-him", "expression": "request.userInfo.username != 'eve'"}]}),
            "matchConditions leave something out",
        ),
        (rule({"operations": ["DELETE"]}), "rules leave something out"),
        (rule({"resources": ["somethings"]}), "rules leave something out"),
        (rule({"apiGroups": ["example.dev"]}), "rules leave something out"),
        (rule({"scope": "Cluster"}), "rules leave something out"),
        (elsewhere, "clientConfig does not lead to /"),
        (entry({"name": "another.webhook.example"}), "has no entry "),
    ],
)
async def test_an_entry_that_lets_something_past_vouches_for_nothing(
    cluster: FakeCluster, spoil: Callable[[dict[str, Any]], None], said: str
) -> None:
    for configuration, webhook in ((0, 0), (1, 0), (1, 1)):
        found = manifests()
        spoil(found[configuration]["webhooks"][webhook])
        await cluster.load(found)
        told = await registered().vouches(cluster.client, None)
        assert told is not None and said in told
        assert told.startswith("the webhooks are not installed")


async def test_a_rule_that_matches_more_is_as_good(cluster: FakeCluster) -> None:
    found = manifests()
    wider = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"], "scope": "*"}
    for configuration in found:
        for webhook in configuration["webhooks"]:
            webhook["rules"][0].update(wider)
    await cluster.load(found)
    assert await registered().vouches(cluster.client, None) is None


async def test_a_star_alone_matches_no_subresource(cluster: FakeCluster) -> None:
    found = manifests()
    for webhook in found[1]["webhooks"]:
        webhook["rules"][0]["resources"] = ["*"]
    await cluster.load(found)
    told = await registered().vouches(cluster.client, None)
    assert told is not None and "validate-v1-status" in told


async def test_an_execution_stamped_by_itself_does_not_run(cluster: FakeCluster) -> None:
    await prepare(cluster)
    async with cluster.running(executions(CONFIG)):
        await cluster.client.create(execution())
        await cluster.settled()
        status = (await cluster.client.get(KubernetesExecution, "fix", namespace="shop")).status
        assert (status.phase, status.reason) == ("failed", "RequesterUnknown")
        assert status.message == (
            "spec.requestedBy says root, and nothing vouches for that: "
            f"the webhooks are not installed: there is no MutatingWebhookConfiguration kubernaut; {FIX}"
        )
        assert "--webhooks" in FIX and "--allow-unstamped" in FIX
        assert (await cluster.client.get(Deployment, "web", namespace="shop")).spec.replicas == 2


async def test_a_forged_phase_makes_no_job_while_nothing_keeps_others_from_the_status(cluster: FakeCluster) -> None:
    await prepare(cluster)
    made = await cluster.client.create(execution())
    made.status.phase = "executing"
    made.status.spec_digest = spec_digest(made.spec)
    await cluster.client.update_status(made)
    async with cluster.running(executions(CONFIG)):
        await cluster.advance(seconds=30)
        status = (await cluster.client.get(KubernetesExecution, "fix", namespace="shop")).status
        assert (status.phase, status.reason) == ("failed", "RequesterUnknown")
        assert not list(await cluster.client.list(Job, namespace="kubernaut-executor"))


async def test_nor_does_one_that_was_there_before_the_webhooks(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await cluster.client.create(execution())
    await cluster.advance(seconds=5)
    await cluster.load([*manifests()])
    async with cluster.running(executions(CONFIG.model_copy(update={"own_usernames": frozenset()}))):
        await remove_status_entry(cluster)
        await cluster.settled()
        status = (await cluster.client.get(KubernetesExecution, "fix", namespace="shop")).status
        assert (status.phase, status.reason) == ("failed", "RequesterUnknown")
        assert "the webhooks did not exist yet at " in str(status.message)


async def remove_status_entry(cluster: FakeCluster) -> None:
    """The controllers of this test write as the administrator."""
    found = await cluster.client.get(ValidatingWebhookConfiguration, "kubernaut")
    found.webhooks = found.webhooks[:1]
    await cluster.client.update(found)


async def test_only_the_controllers_own_account_writes_the_status(cluster: FakeCluster) -> None:
    """A forged `executing` would run with no check of policy, rights or lock."""
    await prepare(cluster)
    await cluster.load(manifests())
    await cluster.client_as("alice", ["system:masters"]).create(execution())
    forged = MergePatch({"status": {"phase": "executing", "approval": {"decidedBy": "ceo", "digest": "sha256:0"}}})
    for user in ("alice", "kubernetes-admin", "system:serviceaccount:shop:kubernaut", f"{OURS}2"):
        with pytest.raises(Exception, match="is written by kubernaut's own accounts alone") as caught:
            await cluster.client_as(user, ["system:masters"]).patch(
                KubernetesExecution, "fix", forged, namespace="shop", subresource="status"
            )
        assert getattr(caught.value, "code", None) == 403
    found = await cluster.client.get(KubernetesExecution, "fix", namespace="shop")
    assert found.status.phase is None
    found.status.phase = "validating"
    done = await cluster.client_as(OURS, ["system:masters"]).update_status(found)
    assert done.status.phase == "validating"


async def test_with_them_an_execution_runs_whose_status_its_controllers_alone_write(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await cluster.load(manifests())
    controllers = cluster.client_as(OURS, ["system:masters"])
    manager = Manager(controllers)
    manager.add(executions(CONFIG))
    async with manager.running():
        await cluster.client_as("alice", ["system:masters"]).create(execution())
        await cluster.settled()
        await cluster.advance(seconds=30)
        found = await cluster.client.get(KubernetesExecution, "fix", namespace="shop")
        assert found.status.phase == "rollback_ready", found.status.to_dict()
        assert found.spec.requested_by is not None and found.spec.requested_by.username == "alice"


async def test_while_no_webhook_answers_a_status_is_not_written_and_later_it_is(cluster: FakeCluster) -> None:
    await prepare(cluster)
    await cluster.load(manifests())
    await cluster.client_as("alice", ["system:masters"]).create(execution())

    async def away(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b"away"})

    cluster.server.route_webhook(ADDRESS, away)
    manager = Manager(cluster.client_as(OURS, ["system:masters"]))
    manager.add(executions(CONFIG))
    async with manager.running():
        await cluster.advance(seconds=10)
        found = await cluster.client.get(KubernetesExecution, "fix", namespace="shop")
        assert found.status.phase is None
        cluster.server.route_webhook(ADDRESS, webhooks_app(execution_webhooks(CONFIG)))
        await cluster.advance(minutes=2)
        found = await cluster.client.get(KubernetesExecution, "fix", namespace="shop")
        assert found.status.phase == "rollback_ready", found.status.to_dict()

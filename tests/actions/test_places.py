"""A target that is a Namespace counts as lying in it: for the policy, and for the rights that are asked for."""

from __future__ import annotations

import pytest

from kubernaut.actions import rbac_manifests
from kubernaut.fake import FakeCluster
from kubernaut.policy import RegoEvaluator, allow_all
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, executions
from kubernaut.resources.builtin.core_v1 import Namespace
from kubernaut.resources.builtin.rbac_v1 import Role, RoleBinding
from tests.actions.cases import CATALOG, Case, manifest
from tests.actions.executing import ended

pytestmark = pytest.mark.cluster(crds=[KubernetesExecution], rbac=True)


async def apply_into(cluster: FakeCluster, namespace: str, user: str | None = None) -> KubernetesExecution:
    case = Case("apply-manifest", {"kind": "Namespace", "name": namespace}, {"manifest": manifest("fresh", a="b")})
    spec = {"action": case.action, "target": case.target, "parameters": case.parameters, "dryRun": "never"}
    if user is not None:
        spec["requestedBy"] = {"username": user}
    metadata = {"name": f"apply-{namespace}", "namespace": "default"}
    await cluster.client.create(KubernetesExecution.from_dict({"metadata": metadata, "spec": spec}))
    return await ended(cluster, f"apply-{namespace}")


async def prepare(cluster: FakeCluster, *namespaces: str, **labels: str) -> None:
    for name in namespaces:
        await cluster.client.create(Namespace.from_dict({"metadata": {"name": name, "labels": labels}}))
    for made in rbac_manifests(CATALOG):
        await cluster.client.create(made)


@pytest.mark.parametrize("namespace", ["production", "prod-eu"])
async def test_a_manifest_into_a_production_namespace_needs_an_approval(cluster: FakeCluster, namespace: str) -> None:
    await prepare(cluster, namespace)
    config = ExecutionConfig(catalog=CATALOG, evaluator=RegoEvaluator(), allow_unstamped=True)
    async with cluster.running(executions(config)):
        status = (await apply_into(cluster, namespace)).status
    assert status.reason == "ApprovalRequired", status.to_dict()


async def test_the_labels_of_the_namespace_itself_count(cluster: FakeCluster) -> None:
    await prepare(cluster, "shop", **{"kubernaut.io/environment": "production"})
    config = ExecutionConfig(catalog=CATALOG, evaluator=RegoEvaluator(), allow_unstamped=True)
    async with cluster.running(executions(config)):
        status = (await apply_into(cluster, "shop")).status
    assert status.reason == "ApprovalRequired", status.to_dict()


async def test_rights_in_that_namespace_are_enough_for_the_requester_and_needed(cluster: FakeCluster) -> None:
    await prepare(cluster, "shop", "other")
    rules = [rule.to_dict() for rule in CATALOG.get("apply-manifest").rbac()]
    metadata = {"name": "maker", "namespace": "shop"}
    await cluster.client.create(Role.from_dict({"metadata": metadata, "rules": rules}))
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maker"}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jo"}]
    binding = {"metadata": metadata, "roleRef": reference, "subjects": subjects}
    await cluster.client.create(RoleBinding.from_dict(binding))
    config = ExecutionConfig(catalog=CATALOG, evaluator=allow_all(), allow_unstamped=True)
    async with cluster.running(executions(config)):
        allowed, refused = await apply_into(cluster, "shop", "jo"), await apply_into(cluster, "other", "jo")
    assert allowed.status.phase == "rollback_ready", allowed.status.to_dict()
    assert refused.status.reason == "RequesterForbidden", refused.status.to_dict()

"""FakeCluster: clients with real tokens, ServiceAccounts of pods, quotas."""

from __future__ import annotations

import pytest

from kubernaut.client import Forbidden, NotFound, Unauthorized
from kubernaut.fake import FakeCluster
from kubernaut.fake.loading import LoadError
from kubernaut.resources.builtin.core_v1 import ConfigMap, Pod

ACCESS = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: robot, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: robot, namespace: default}]
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: c, image: i}]}
"""
QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: few, namespace: shop}
spec: {hard: {pods: "1"}}
"""


@pytest.mark.cluster(rbac=True)
async def test_a_client_of_a_service_account_has_its_rights_until_its_token_ends(cluster: FakeCluster) -> None:
    await cluster.load(ACCESS)
    robot = await cluster.client_as_service_account("default", "robot")
    assert [found.name for found in await robot.list(ConfigMap, namespace="default")] == ["kube-root-ca.crt"]
    with pytest.raises(Forbidden):
        await robot.list(ConfigMap, namespace="kube-system")
    assert cluster.requests[-1].user == "system:serviceaccount:default:robot"
    await cluster.advance(hours=1)
    with pytest.raises(Unauthorized):
        await robot.list(ConfigMap, namespace="default")
    with pytest.raises(NotFound):
        await cluster.client_as_service_account("default", "nobody")


async def test_pods_run_as_the_default_account_of_a_namespace_that_just_came(cluster: FakeCluster) -> None:
    await cluster.load(POD)
    pod = await cluster.client.get(Pod, "web", namespace="shop")
    assert pod.spec.service_account_name == "default"
    with pytest.raises(LoadError, match='serviceaccount "none" not found'):
        await cluster.load(
            POD.replace("name: web", "name: api").replace("spec: {", "spec: {serviceAccountName: none, ")
        )


async def test_a_quota_follows_its_namespace(cluster: FakeCluster) -> None:
    await cluster.load(POD + "---" + QUOTA)
    with pytest.raises(LoadError, match="exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1"):
        await cluster.load(POD.replace("name: web", "name: api"))
    await cluster.client.delete(Pod, "web", namespace="shop")
    await cluster.advance(minutes=1)
    await cluster.load(POD.replace("name: web", "name: api"))

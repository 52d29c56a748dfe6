"""What kubectl does with a node that it may not cordon: it says so, and goes on."""

from __future__ import annotations

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.kubectl import kubectl
from kubernaut.resources.builtin.core_v1 import Namespace, Node, Pod
from kubernaut.resources.builtin.rbac_v1 import ClusterRole, ClusterRoleBinding

pytestmark = [
    pytest.mark.virtual_time,
    pytest.mark.cluster(rbac=True, nodes=1),
    pytest.mark.fake_only("its own kubectl"),
]
RULES = [
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
]
REFUSED = 'error: unable to cordon node "node-1": nodes "node-1" is forbidden: User "actor" cannot patch resource'


@pytest.mark.parametrize("command", ["cordon", "drain --force"])
async def test_a_node_that_may_not_be_cordoned_is_told_and_is_no_error(cluster: FakeCluster, command: str) -> None:
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    spec = {"nodeName": "node-1", "containers": [{"name": "main", "image": "nginx"}]}
    await cluster.client.create(Pod.from_dict({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec}))
    await cluster.client.create(ClusterRole.from_dict({"metadata": {"name": "actor"}, "rules": RULES}))
    group = "rbac.authorization.k8s.io"
    reference = {"apiGroup": group, "kind": "ClusterRole", "name": "actor"}
    subjects = [{"apiGroup": group, "kind": "User", "name": "actor"}]
    binding = {"metadata": {"name": "actor"}, "roleRef": reference, "subjects": subjects}
    await cluster.client.create(ClusterRoleBinding.from_dict(binding))
    await cluster.settled()
    actor = cluster.client_as("actor", ["system:authenticated"])
    word, *options = command.split()
    done = await kubectl(actor, [word, "node-1", *options])
    assert done.exit_code == 0
    assert REFUSED in done.stderr
    assert not (await cluster.client.get(Node, "node-1")).spec.unschedulable
    pods = [pod.name for pod in await cluster.client.list(Pod, namespace="shop")]
    assert pods == (["web"] if word == "cordon" else [])

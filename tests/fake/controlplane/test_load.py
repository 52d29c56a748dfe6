"""FakeCluster.load and dump."""

from pathlib import Path

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.resources import AnyResource
from kubernaut.resources.builtin.core_v1 import ConfigMap

GADGETS = """
apiVersion: example.dev/v1
kind: Gadget
metadata: {name: g, namespace: shop, uid: old-uid}
spec: {anything: {goes: [1, 2]}}
status: {phase: Ready}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: child
  namespace: shop
  ownerReferences: [{apiVersion: example.dev/v1, kind: Gadget, name: g, uid: old-uid}]
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: stray
  namespace: shop
  ownerReferences: [{apiVersion: v1, kind: Pod, name: gone, uid: other}]
"""


async def test_kinds_without_a_definition_get_one_and_statuses_are_kept(cluster: FakeCluster) -> None:
    loaded = await cluster.load(GADGETS)
    await cluster.settled()
    assert loaded.invented == ["gadgets.example.dev"]
    assert loaded.dropped_owners == ["ConfigMap shop/stray"]
    gadget = await cluster.client.get(AnyResource.of("example.dev/v1", "Gadget"), "g", namespace="shop")
    assert gadget.spec == {"anything": {"goes": [1, 2]}} and gadget.status == {"phase": "Ready"}
    child = await cluster.client.get(ConfigMap, "child", namespace="shop")
    assert child.metadata.owner_references[0].uid == gadget.uid


async def test_a_dump_loads_into_another_cluster(cluster: FakeCluster, tmp_path: Path) -> None:
    import yaml

    await cluster.load(GADGETS)
    await cluster.settled()
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(cluster.dump()))
    async with FakeCluster(controlplane=False) as other:
        await other.load(tmp_path)
        names = {(d["kind"], d["metadata"]["name"]) for d in cluster.dump()}
        assert {(d["kind"], d["metadata"]["name"]) for d in other.dump()} == names


async def test_what_is_no_object_is_refused(cluster: FakeCluster) -> None:
    with pytest.raises(ValueError, match="no Kubernetes object"):
        await cluster.load("just: text")

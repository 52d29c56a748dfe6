"""The garbage collector: single references, owners elsewhere, waiting for dependents."""

from typing import Any

import pytest

from kubernaut.client import NotFound
from kubernaut.fake import FakeCluster
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace
from tests.fake.controlplane.objects import events

ABSENT = "00000000-0000-0000-0000-000000000000"


def config(name: str, namespace: str = "default", *owners: dict[str, Any]) -> ConfigMap:
    metadata = {"name": name, "namespace": namespace, "ownerReferences": list(owners)}
    return ConfigMap.from_dict({"metadata": metadata})


def reference(owner: ConfigMap, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": owner.name, "uid": owner.uid, **more}


async def live(cluster: FakeCluster, name: str) -> ConfigMap:
    return await cluster.client.get(ConfigMap, name, namespace="default")


async def test_a_reference_to_an_owner_that_is_gone_is_dropped_while_another_stays(cluster: FakeCluster) -> None:
    owner = await cluster.client.create(config("owner"))
    gone = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": ABSENT}
    await cluster.client.create(config("child", "default", gone, reference(owner)))
    await cluster.settled()
    assert [one.name for one in (await live(cluster, "child")).metadata.owner_references] == ["owner"]
    await cluster.client.delete(ConfigMap, "owner", namespace="default")
    await cluster.settled()
    with pytest.raises(NotFound):
        await live(cluster, "child")


async def test_an_owner_in_another_namespace_counts_as_absent_and_an_event_says_so(cluster: FakeCluster) -> None:
    await cluster.client.create(Namespace.from_dict({"metadata": {"name": "other"}}))
    owner = await cluster.client.create(config("owner", "other"))
    await cluster.settled()
    child = await cluster.client.create(config("child", "default", reference(owner)))
    await cluster.settled()
    with pytest.raises(NotFound):
        await live(cluster, "child")
    ((reason, message),) = await events(cluster, "ConfigMap", child.name)
    assert reason == "OwnerRefInvalidNamespace"
    where = f"namespace: default, name: owner, uid: {owner.uid}"
    assert message == f'ownerRef [v1/ConfigMap, {where}] does not exist in namespace "default"'


async def test_an_owner_of_the_same_name_and_another_uid_is_not_the_owner(cluster: FakeCluster) -> None:
    owner = await cluster.client.create(config("owner"))
    await cluster.client.create(config("child", "default", {**reference(owner), "uid": ABSENT}))
    await cluster.settled()
    with pytest.raises(NotFound):
        await live(cluster, "child")


@pytest.mark.parametrize("block", [True, False])
async def test_a_foreground_deletion_waits_for_the_dependents_that_block_it(cluster: FakeCluster, block: bool) -> None:
    owner = await cluster.client.create(config("owner"))
    child = config("child", "default", reference(owner, blockOwnerDeletion=block))
    child.metadata.finalizers = ["example.com/hold"]
    await cluster.client.create(child)
    await cluster.settled()
    await cluster.client.delete(ConfigMap, "owner", namespace="default", propagation="Foreground")
    await cluster.settled()
    assert (await live(cluster, "child")).metadata.deletion_timestamp is not None
    if block:
        assert (await live(cluster, "owner")).metadata.deletion_timestamp is not None
    else:
        with pytest.raises(NotFound):
            await live(cluster, "owner")


async def test_a_dependent_with_another_owner_outlives_a_foreground_deletion(cluster: FakeCluster) -> None:
    first, second = await cluster.client.create(config("first")), await cluster.client.create(config("second"))
    both = (reference(first, blockOwnerDeletion=True), reference(second))
    await cluster.client.create(config("child", "default", *both))
    await cluster.settled()
    await cluster.client.delete(ConfigMap, "first", namespace="default", propagation="Foreground")
    await cluster.settled()
    assert [one.name for one in (await live(cluster, "child")).metadata.owner_references] == ["second"]
    with pytest.raises(NotFound):
        await live(cluster, "first")

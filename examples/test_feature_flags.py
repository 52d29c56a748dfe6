"""The FlagSet operator's test: no cluster, no waiting."""

import pytest

from examples.feature_flags import FlagSet, FlagSetSpec, flag_sets
from kubernaut import MergePatch, NotFound, ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import Cluster

pytestmark = pytest.mark.cluster(crds=[FlagSet])


def named(name: str) -> ObjectMeta:
    return ObjectMeta(name=name, namespace="default")


async def file_of(cluster: Cluster) -> str:
    return (await cluster.client.get(ConfigMap, "shop-file", namespace="default")).data["flags"]


async def ready(cluster: Cluster) -> tuple[str, str]:
    condition = (await cluster.client.get(FlagSet, "shop", namespace="default")).status.condition("Ready")
    assert condition is not None
    return condition.status, condition.reason


async def test_flags_become_a_file_that_follows_them(cluster: Cluster) -> None:
    subscriptions: set[str] = set()
    async with cluster.running(flag_sets(subscriptions)):
        await cluster.client.create(FlagSet(metadata=named("shop"), spec=FlagSetSpec(flags="team", application="web")))
        await cluster.settled()
        assert await ready(cluster) == ("False", "NoFlags")

        await cluster.client.create(ConfigMap(metadata=named("team"), data={"dark-mode": "on", "beta": "off"}))
        await cluster.settled()
        assert await file_of(cluster) == "beta=off\ndark-mode=on\n"
        assert await ready(cluster) == ("True", "Written")

        await cluster.client.delete(ConfigMap, "shop-file", namespace="default")  # owned: made anew
        await cluster.client.patch(ConfigMap, "team", MergePatch({"data": {"beta": "on"}}), namespace="default")
        await cluster.settled()
        assert await file_of(cluster) == "beta=on\ndark-mode=on\n"

        await cluster.client.patch(ConfigMap, "team", MergePatch({"data": {"beta": "perhaps"}}), namespace="default")
        await cluster.settled()
        assert await ready(cluster) == ("False", "BadFlag")

        assert subscriptions == {"web"}
        await cluster.client.delete(FlagSet, "shop", namespace="default")
        await cluster.settled()
    assert subscriptions == set()
    with pytest.raises(NotFound):
        await file_of(cluster)

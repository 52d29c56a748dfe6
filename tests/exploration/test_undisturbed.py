"""Where nothing goes wrong both twins of every pair do the same, and it is right: such tests do not find the bugs."""

from __future__ import annotations

import pytest

from kubernaut import MergePatch, NotFound, ObjectMeta, Reconciler, RequestReconciler, Resource
from kubernaut.fake import FakeCluster
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.exploration.clouds import DnsProvider, ObjectStorage, Router
from tests.exploration.reconcilers import (
    create_before_record,
    finalizer_after_side_effect,
    hot_loop,
    leaked_child,
    lost_update,
    missed_deletion,
    name_collision_adopted,
    non_idempotent_retry,
    stale_cache,
    status_in_memory,
)
from tests.exploration.reconcilers.create_before_record import Migration, MigrationSpec
from tests.exploration.reconcilers.finalizer_after_side_effect import Bucket, BucketSpec
from tests.exploration.reconcilers.hot_loop import Mirror, MirrorSpec
from tests.exploration.reconcilers.leaked_child import Topic, TopicSpec
from tests.exploration.reconcilers.lost_update import Route, RouteSpec
from tests.exploration.reconcilers.missed_deletion import DnsName, DnsNameSpec
from tests.exploration.reconcilers.name_collision_adopted import IPAddress, IPClaim
from tests.exploration.reconcilers.non_idempotent_retry import Boost, BoostSpec
from tests.exploration.reconcilers.stale_cache import Disk, Workspace, WorkspaceSpec
from tests.exploration.reconcilers.status_in_memory import Canary, CanarySpec


def named(name: str) -> ObjectMeta:
    return ObjectMeta(name=name, namespace="default")


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=named(name), data=data)


async def condition(cluster: FakeCluster, kind: type[Resource], name: str, type: str) -> bool:
    return bool((await cluster.client.get(kind, name, namespace="default")).status.is_true(type))  # type: ignore[attr-defined]


@pytest.mark.cluster(crds=[Migration])
@pytest.mark.parametrize(
    "reconciler", [create_before_record.MigrationReconciler(), create_before_record.RepairedMigrationReconciler()]
)
async def test_a_migration_runs_one_job(cluster: FakeCluster, reconciler: Reconciler[Migration]) -> None:
    async with cluster.running(create_before_record.migrations(reconciler)):
        spec = MigrationSpec(image="shop:42", schema_version="42")
        await cluster.client.create(Migration(metadata=named("shop"), spec=spec))
        await cluster.settled()

        assert [job.status.succeeded for job in await cluster.client.list(Job)] == [1]
        assert await condition(cluster, Migration, "shop", "Started")


@pytest.mark.cluster(crds=[Canary], controlplane=False)
@pytest.mark.parametrize(
    "make", [status_in_memory.CanaryReconciler, status_in_memory.RepairedCanaryReconciler], ids=lambda c: c.__name__
)
async def test_a_canary_goes_up_step_by_step(
    cluster: FakeCluster, make: type[status_in_memory.RepairedCanaryReconciler]
) -> None:
    router = Router()
    async with cluster.running(status_in_memory.canaries(make(router))):
        spec = CanarySpec(service="shop", steps=[10, 50, 100])
        await cluster.client.create(Canary(metadata=named("shop"), spec=spec))
        await cluster.advance(seconds=45)
        assert router.shifts == {"shop": [10, 50]}

        await cluster.advance(minutes=5)
        assert router.shifts == {"shop": [10, 50, 100]}
        assert await condition(cluster, Canary, "shop", "Promoted")


@pytest.mark.cluster(crds=[Bucket], controlplane=False)
@pytest.mark.parametrize(
    "make",
    [finalizer_after_side_effect.BucketReconciler, finalizer_after_side_effect.RepairedBucketReconciler],
    ids=lambda c: c.__name__,
)
async def test_a_bucket_comes_and_goes(
    cluster: FakeCluster, make: type[finalizer_after_side_effect.RepairedBucketReconciler]
) -> None:
    storage = ObjectStorage()
    async with cluster.running(finalizer_after_side_effect.buckets(make(storage))):
        await cluster.client.create(Bucket(metadata=named("logs"), spec=BucketSpec(region="eu-1")))
        await cluster.settled()
        assert storage.buckets == {"default-logs": "eu-1"}

        await cluster.client.delete(Bucket, "logs", namespace="default")
        await cluster.settled()
        assert storage.buckets == {}
        with pytest.raises(NotFound):
            await cluster.client.get(Bucket, "logs", namespace="default")


@pytest.mark.cluster(crds=[IPClaim, IPAddress], controlplane=False)
@pytest.mark.parametrize(
    "reconciler",
    [name_collision_adopted.IPClaimReconciler(), name_collision_adopted.RepairedIPClaimReconciler()],
)
async def test_each_claim_has_an_address_of_its_own(cluster: FakeCluster, reconciler: Reconciler[IPClaim]) -> None:
    async with cluster.running(name_collision_adopted.claims(reconciler)):
        for name in ("one", "two"):
            await cluster.client.create(IPClaim(metadata=named(name)))
            await cluster.settled()

        claims = await cluster.client.list(IPClaim)
        assert sorted(claim.status.address for claim in claims) == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.cluster(crds=[Disk, Workspace], controlplane=False)
@pytest.mark.parametrize("reconciler", [stale_cache.DiskReconciler(), stale_cache.RepairedDiskReconciler()])
async def test_a_disk_goes_soon_after_its_last_user(cluster: FakeCluster, reconciler: Reconciler[Disk]) -> None:
    async with cluster.running(stale_cache.disks(reconciler)):
        await cluster.client.create(Disk(metadata=named("home")))
        await cluster.advance(seconds=3)
        await cluster.client.create(Workspace(metadata=named("ann"), spec=WorkspaceSpec(disk="home")))
        await cluster.advance(minutes=5)
        assert (await cluster.client.get(Disk, "home", namespace="default")).status.users == ["ann"]

        await cluster.client.delete(Workspace, "ann", namespace="default")
        await cluster.advance(minutes=5)
        with pytest.raises(NotFound):
            await cluster.client.get(Disk, "home", namespace="default")


@pytest.mark.cluster(crds=[DnsName], controlplane=False)
@pytest.mark.parametrize(
    "make", [missed_deletion.DnsNameReconciler, missed_deletion.RepairedDnsNameReconciler], ids=lambda c: c.__name__
)
async def test_a_name_resolves_while_it_is_there(
    cluster: FakeCluster, make: type[missed_deletion.RepairedDnsNameReconciler]
) -> None:
    dns = DnsProvider()
    reconciler: Reconciler[DnsName] | RequestReconciler = make(dns)
    async with cluster.running(missed_deletion.dns_names(reconciler)):
        await cluster.client.create(DnsName(metadata=named("www"), spec=DnsNameSpec(target="192.0.2.1")))
        await cluster.settled()
        assert dns.entries == {"www.example.org": "192.0.2.1"}

        await cluster.client.delete(DnsName, "www", namespace="default")
        await cluster.settled()
        assert dns.entries == {}


@pytest.mark.cluster(crds=[Boost], controlplane=False)
@pytest.mark.parametrize(
    "reconciler", [non_idempotent_retry.BoostReconciler(), non_idempotent_retry.RepairedBoostReconciler()]
)
async def test_a_boost_adds_its_replicas_once(cluster: FakeCluster, reconciler: Reconciler[Boost]) -> None:
    await cluster.client.create(non_idempotent_retry.deployment("shop", replicas=3))
    async with cluster.running(non_idempotent_retry.boosts(reconciler)):
        await cluster.client.create(Boost(metadata=named("sale"), spec=BoostSpec(deployment="shop", extra=2)))
        await cluster.settled()

        assert (await cluster.client.get(Deployment, "shop", namespace="default")).spec.replicas == 5
        assert await condition(cluster, Boost, "sale", "Applied")


@pytest.mark.cluster(crds=[Topic], controlplane=False)
@pytest.mark.parametrize("reconciler", [leaked_child.TopicReconciler(), leaked_child.RepairedTopicReconciler()])
async def test_a_topic_has_as_many_partitions_as_it_says(cluster: FakeCluster, reconciler: Reconciler[Topic]) -> None:
    async with cluster.running(leaked_child.topics(reconciler)):
        await cluster.client.create(Topic(metadata=named("orders"), spec=TopicSpec(partitions=3)))
        await cluster.settled()
        assert len(await cluster.client.list(ConfigMap)) == 3

        patch = MergePatch({"spec": {"partitions": 1}})
        await cluster.client.patch(Topic, "orders", patch, namespace="default")
        await cluster.settled()
        assert [child.name for child in await cluster.client.list(ConfigMap)] == ["orders-0"]


@pytest.mark.cluster(crds=[Mirror], controlplane=False)
@pytest.mark.parametrize("reconciler", [hot_loop.MirrorReconciler(), hot_loop.RepairedMirrorReconciler()])
async def test_a_mirror_follows_its_source(cluster: FakeCluster, reconciler: Reconciler[Mirror]) -> None:
    await cluster.client.create(config_map("settings", theme="dark"))
    async with cluster.running(hot_loop.mirrors(reconciler)):
        await cluster.client.create(Mirror(metadata=named("copy"), spec=MirrorSpec(source="settings")))
        await cluster.settled()
        patch = MergePatch({"data": {"theme": "light"}})
        await cluster.client.patch(ConfigMap, "settings", patch, namespace="default")
        await cluster.settled()

        assert (await cluster.client.get(ConfigMap, "copy", namespace="default")).data == {"theme": "light"}
        assert await condition(cluster, Mirror, "copy", "Ready")


@pytest.mark.cluster(crds=[Route], controlplane=False)
@pytest.mark.parametrize("reconciler", [lost_update.RouteReconciler(), lost_update.RepairedRouteReconciler()])
async def test_each_route_has_its_line(cluster: FakeCluster, reconciler: Reconciler[Route]) -> None:
    await cluster.client.create(config_map("proxy"))
    async with cluster.running(lost_update.routes(reconciler)):
        for path, service in (("/cart", "cart"), ("/search", "search")):
            spec = RouteSpec(path=path, service=service)
            await cluster.client.create(Route(metadata=named(service), spec=spec))
            await cluster.settled()
        table = await cluster.client.get(ConfigMap, "proxy", namespace="default")
        assert table.data == {"routes.conf": "/cart -> cart\n/search -> search"}

        await cluster.client.delete(Route, "cart", namespace="default")
        await cluster.settled()
        table = await cluster.client.get(ConfigMap, "proxy", namespace="default")
        assert table.data == {"routes.conf": "/search -> search"}

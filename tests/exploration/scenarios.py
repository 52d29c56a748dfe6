"""The ten pairs as scenarios: `kubernaut explore tests.exploration.scenarios:hot_loop` finds the bug of one.

Each pair differs in nothing but the reconciler; what must hold is the same for both.
"""

from __future__ import annotations

from dataclasses import replace

from kubernaut import MergePatch
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing.exploration import ALL_FAULTS, Fault, Scenario, View, World, always, eventually
from tests.exploration.clouds import DnsProvider, ObjectStorage, Router
from tests.exploration.people import create, delete, named
from tests.exploration.reconcilers.create_before_record import (
    Migration,
    MigrationReconciler,
    MigrationSpec,
    RepairedMigrationReconciler,
    migrations,
)
from tests.exploration.reconcilers.finalizer_after_side_effect import (
    Bucket,
    BucketReconciler,
    BucketSpec,
    RepairedBucketReconciler,
    buckets,
)
from tests.exploration.reconcilers.hot_loop import (
    Mirror,
    MirrorReconciler,
    MirrorSpec,
    RepairedMirrorReconciler,
    mirrors,
)
from tests.exploration.reconcilers.leaked_child import (
    RepairedTopicReconciler,
    Topic,
    TopicReconciler,
    TopicSpec,
    topics,
)
from tests.exploration.reconcilers.lost_update import RepairedRouteReconciler, Route, RouteReconciler, RouteSpec, routes
from tests.exploration.reconcilers.missed_deletion import (
    DnsName,
    DnsNameReconciler,
    DnsNameSpec,
    RepairedDnsNameReconciler,
    dns_names,
)
from tests.exploration.reconcilers.name_collision_adopted import (
    IPAddress,
    IPClaim,
    IPClaimReconciler,
    RepairedIPClaimReconciler,
    claims,
)
from tests.exploration.reconcilers.non_idempotent_retry import (
    Boost,
    BoostReconciler,
    BoostSpec,
    RepairedBoostReconciler,
    boosts,
    deployment,
)
from tests.exploration.reconcilers.stale_cache import (
    Disk,
    DiskReconciler,
    RepairedDiskReconciler,
    Workspace,
    WorkspaceSpec,
    disks,
)
from tests.exploration.reconcilers.status_in_memory import (
    Canary,
    CanaryReconciler,
    CanarySpec,
    RepairedCanaryReconciler,
    canaries,
)

# Create before record.


async def migrate(world: World) -> None:
    await create(world, Migration(metadata=named("shop"), spec=MigrationSpec(image="shop:42", schema_version="42")))


def one_job_for_each_migration(view: View) -> str | None:
    owners = [job.metadata.owner_references[0].name for job in view.all(Job)]
    twice = [owner for owner in dict.fromkeys(owners) if owners.count(owner) > 1]
    return f"the migration {twice[0]} runs twice" if twice else None


create_before_record = Scenario(
    name="create before record",
    controllers=lambda: [migrations(MigrationReconciler())],
    crds=[Migration],
    steps=migrate,
    invariants=[always(one_job_for_each_migration, kinds=[Job])],
)
create_before_record_repaired = replace(
    create_before_record, controllers=lambda: [migrations(RepairedMigrationReconciler())]
)


# Status in memory only.


async def promote(world: World) -> None:
    await create(world, Canary(metadata=named("shop"), spec=CanarySpec(service="shop", steps=[10, 50, 100])))


def traffic_never_goes_back(view: View) -> str | None:
    shifts = view.outside.router.shifts.get("shop", [])
    return None if shifts == sorted(shifts) else f"the traffic of the new version went {shifts}"


status_in_memory = Scenario(
    name="status in memory only",
    controllers=lambda world: [canaries(CanaryReconciler(world.outside.router))],
    crds=[Canary],
    steps=promote,
    outside=lambda: {"router": Router()},
    invariants=[always(traffic_never_goes_back)],
    # A Canary that was deleted and one that was made anew begin at the first step, and are right to.
    faults=ALL_FAULTS - {Fault.DELETE},
)
status_in_memory_repaired = replace(
    status_in_memory, controllers=lambda world: [canaries(RepairedCanaryReconciler(world.outside.router))]
)


# Finalizer after the side effect.


async def use_a_bucket(world: World) -> None:
    await create(world, Bucket(metadata=named("logs"), spec=BucketSpec(region="eu-1")))
    await delete(world, Bucket, "logs")


def nothing_is_paid_for_in_vain(view: View) -> str | None:
    paid, wanted = view.outside.storage.buckets, len(view.all(Bucket))
    return f"{', '.join(paid)} is paid for and nobody knows" if len(paid) > wanted else None


finalizer_after_side_effect = Scenario(
    name="finalizer after side effect",
    controllers=lambda world: [buckets(BucketReconciler(world.outside.storage))],
    crds=[Bucket],
    steps=use_a_bucket,
    outside=lambda: {"storage": ObjectStorage()},
    invariants=[eventually(nothing_is_paid_for_in_vain)],
)
finalizer_after_side_effect_repaired = replace(
    finalizer_after_side_effect, controllers=lambda world: [buckets(RepairedBucketReconciler(world.outside.storage))]
)


# Name collision adopted.


async def claim_two(world: World) -> None:
    for name in ("one", "two"):
        await create(world, IPClaim(metadata=named(name)))


def no_address_is_given_twice(view: View) -> str | None:
    given = [claim.status.address for claim in view.all(IPClaim) if claim.status.address]
    twice = [address for address in dict.fromkeys(given) if given.count(address) > 1]
    return f"{twice[0]} is given to two claims" if twice else None


def each_claim_has_an_address(view: View) -> bool:
    return all(claim.status.address for claim in view.all(IPClaim))


name_collision_adopted = Scenario(
    name="name collision adopted",
    controllers=lambda: [claims(IPClaimReconciler())],
    crds=[IPClaim, IPAddress],
    steps=claim_two,
    invariants=[always(no_address_is_given_twice, kinds=[IPClaim]), eventually(each_claim_has_an_address)],
    # Which claim gets which address is left open; addresses are deleted by nobody but the garbage collector.
    ignore=["IPClaim.status.address", "IPAddress"],
    faults=ALL_FAULTS - {Fault.DELETE},
)
name_collision_adopted_repaired = replace(
    name_collision_adopted, controllers=lambda: [claims(RepairedIPClaimReconciler())]
)


# Acting on a stale cache.


async def use_a_disk(world: World) -> None:
    await create(world, Disk(metadata=named("home")))
    await world.sleep(seconds=1)
    await create(world, Workspace(metadata=named("ann"), spec=WorkspaceSpec(disk="home")))


stale_cache = Scenario(
    name="acting on a stale cache",
    controllers=lambda: [disks(DiskReconciler())],
    crds=[Disk, Workspace],
    steps=use_a_disk,
    # The five seconds are by the clock: when it jumps ahead they are over.
    faults=ALL_FAULTS - {Fault.CLOCK},
)
stale_cache_repaired = replace(stale_cache, controllers=lambda: [disks(RepairedDiskReconciler())])


# Missed deletion.


async def have_a_name(world: World) -> None:
    await create(world, DnsName(metadata=named("www"), spec=DnsNameSpec(target="192.0.2.1")))
    await delete(world, DnsName, "www")


missed_deletion = Scenario(
    name="missed deletion",
    controllers=lambda world: [dns_names(DnsNameReconciler(world.outside.dns))],
    crds=[DnsName],
    steps=have_a_name,
    outside=lambda: {"dns": DnsProvider()},
)
missed_deletion_repaired = replace(
    missed_deletion, controllers=lambda world: [dns_names(RepairedDnsNameReconciler(world.outside.dns))]
)


# Non-idempotent retry.


async def boost(world: World) -> None:
    await create(world, Boost(metadata=named("sale"), spec=BoostSpec(deployment="shop", extra=2)))


def boosted_once_or_not_at_all(view: View) -> bool:
    """A Boost that somebody took back in time need not have happened."""
    shop = view.get(Deployment, "shop", "default")
    return not view.all(Boost) and shop is not None and shop.spec.replicas in (3, 5)


non_idempotent_retry = Scenario(
    name="non-idempotent retry",
    controllers=lambda: [boosts(BoostReconciler())],
    crds=[Boost],
    objects=[deployment("shop", replicas=3)],
    kept=[Deployment],
    steps=boost,
    allowed=boosted_once_or_not_at_all,
)
non_idempotent_retry_repaired = replace(non_idempotent_retry, controllers=lambda: [boosts(RepairedBoostReconciler())])


# Leaked child.


async def shrink(world: World) -> None:
    await create(world, Topic(metadata=named("orders"), spec=TopicSpec(partitions=3)))
    await world.client.patch(Topic, "orders", MergePatch({"spec": {"partitions": 1}}), namespace="default")
    await world.settled()


leaked_child = Scenario(
    name="leaked child",
    controllers=lambda: [topics(TopicReconciler())],
    crds=[Topic],
    steps=shrink,
)
leaked_child_repaired = replace(leaked_child, controllers=lambda: [topics(RepairedTopicReconciler())])


# Hot loop.


async def mirror(world: World) -> None:
    await create(world, ConfigMap(metadata=named("settings"), data={"theme": "dark"}))
    await create(world, Mirror(metadata=named("copy"), spec=MirrorSpec(source="settings")))


def a_copy_is_not_missed_without_its_source(view: View) -> bool:
    """Whether there is a copy depends on when the source was deleted."""
    ready = any(mirror.status.is_true("Ready") for mirror in view.all(Mirror))
    return view.get(ConfigMap, "settings", "default") is None and not ready


hot_loop = Scenario(
    name="hot loop",
    controllers=lambda: [mirrors(MirrorReconciler())],
    crds=[Mirror],
    steps=mirror,
    allowed=a_copy_is_not_missed_without_its_source,
)
hot_loop_repaired = replace(hot_loop, controllers=lambda: [mirrors(RepairedMirrorReconciler())])


# Lost update by overwriting.


async def add_two_routes(world: World) -> None:
    for service in ("cart", "search"):
        await create(world, Route(metadata=named(service), spec=RouteSpec(path=f"/{service}", service=service)))


lost_update = Scenario(
    name="lost update by overwriting",
    controllers=lambda: [routes(RouteReconciler())],
    crds=[Route],
    objects=[ConfigMap(metadata=named("proxy"))],
    kept=[ConfigMap],
    steps=add_two_routes,
)
lost_update_repaired = replace(lost_update, controllers=lambda: [routes(RepairedRouteReconciler())])


BUGS = [
    create_before_record,
    status_in_memory,
    finalizer_after_side_effect,
    name_collision_adopted,
    stale_cache,
    missed_deletion,
    non_idempotent_retry,
    leaked_child,
    hot_loop,
    lost_update,
]
TWINS = [
    create_before_record_repaired,
    status_in_memory_repaired,
    finalizer_after_side_effect_repaired,
    name_collision_adopted_repaired,
    stale_cache_repaired,
    missed_deletion_repaired,
    non_idempotent_retry_repaired,
    leaked_child_repaired,
    hot_loop_repaired,
    lost_update_repaired,
]

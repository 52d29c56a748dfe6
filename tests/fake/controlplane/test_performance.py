"""What the control plane costs: indexes instead of full reads, nothing at rest, the same run for the same seed."""

import asyncio
import time
from collections import Counter

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.fake.controlplane.indexes import POD_INDEXES
from kubernaut.reconcile import Cache
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.testing import run_virtual
from tests.fake.controlplane.objects import cron_job, daemon_set, deployment, job, service, stateful_set

PODS = 60


async def many(cluster: FakeCluster) -> None:
    for number in range(PODS // 10):
        await cluster.client.create(deployment(f"web-{number}", 10))
    await cluster.settled()


@pytest.mark.cluster(nodes=4)
async def test_many_pods_come_up_with_a_bounded_number_of_requests_and_then_cost_nothing(
    cluster: FakeCluster,
) -> None:
    began = time.process_time()
    await many(cluster)
    spent = time.process_time() - began
    counted = Counter((request.user, request.verb) for request in cluster.requests)
    writes = sum(number for (_, verb), number in counted.items() if verb not in ("get", "list", "watch"))
    # One creation, one binding, two statuses and five events for each pod, and some for their owners.
    assert writes <= 11 * PODS
    assert spent < 60, "a pod costs an order of magnitude more than it should"
    before = [request for request in cluster.requests if request.verb != "watch"]
    await cluster.advance(minutes=10)
    assert [request for request in cluster.requests if request.verb != "watch"] == before


@pytest.mark.cluster(nodes=4)
async def test_no_reconcile_reads_every_pod(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    largest: Counter[str] = Counter()
    select = Cache._select

    def watched(self: Cache, rt: object, *more: object, **options: object) -> object:
        found = select(self, rt, *more, **options)  # type: ignore[arg-type]
        if rt == Pod.resource_type:
            largest["pods"] = max(largest["pods"], len(found))
        return found

    monkeypatch.setattr(Cache, "_select", watched)
    await cluster.client.create(service("web-0"))
    await many(cluster)
    await cluster.client.delete(Pod, next(iter(await cluster.client.list(Pod))).name, namespace="default")
    await cluster.settled()
    # The largest read is that of the pods which wait for a node, when a node comes.
    assert largest["pods"] < PODS
    assert len(POD_INDEXES) == 1


async def busy_run(seed: int) -> list[tuple[str, str, str, int]]:
    async with FakeCluster(seed=seed, nodes=3) as cluster:
        for made in (deployment(), stateful_set(), daemon_set(), job(), cron_job(schedule="* * * * *"), service()):
            await cluster.client.create(made)
        await cluster.advance(minutes=3)
        return [(request.user, request.verb, request.path, request.code) for request in cluster.requests]


async def test_the_same_seed_gives_the_same_requests_and_another_seed_others() -> None:
    def runs() -> list[list[tuple[str, str, str, int]]]:
        return [run_virtual(lambda seed=seed: busy_run(seed)) for seed in (7, 7, 8)]  # type: ignore[misc]

    first, second, third = await asyncio.to_thread(runs)
    assert first == second
    assert first != third

"""A fake cluster leaves nothing behind, shares nothing with the one beside it, and moves into another by its dump."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import msgspec
import pytest

from kubernaut.client import ApiError, Client, Expired, NotFound
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake import FakeCluster
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap, Pod
from tests.fake.clients.running import config_map, definition, deployment, gadget

Use = Callable[[FakeCluster], Awaitable[None]]
GROUP = "isolated.example.com"


def _files() -> int:
    """How many files this process has open; none where the system does not tell."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


async def _held() -> Counter[str]:
    """What this process holds once nothing is left to do: tasks, files, threads, and live objects of our classes."""
    for _ in range(10):
        await asyncio.sleep(0)
    gc.collect()
    held = Counter(type(each).__qualname__ for each in gc.get_objects() if _is_ours(type(each)))
    held.update(asyncio_tasks=len(asyncio.all_tasks()), open_files=_files(), threads=threading.active_count())
    return held


def _is_ours(kind: type) -> bool:
    return str(getattr(kind, "__module__", "")).startswith("kubernaut.")


async def _used(use: Use, **options: Any) -> list[weakref.ref[Any]]:
    async with FakeCluster(**options) as cluster:
        await use(cluster)
        return [weakref.ref(each) for each in (cluster, cluster.server, cluster.client, cluster.faults)]


async def _leaves_nothing(times: int, use: Use, **options: Any) -> None:
    """What is made once for the process (schemas, the kinds) is there after the first use; the others add nothing."""
    await _used(use, **options)
    before = await _held()
    used = [reference for _ in range(times) for reference in await _used(use, **options)]
    more = await _held() - before
    assert more == Counter(), dict(more)
    assert [reference for reference in used if reference() is not None] == []


@pytest.mark.virtual_time
async def test_a_thousand_fakes_leave_nothing_behind() -> None:
    async def use(cluster: FakeCluster) -> None:
        await cluster.client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default"), data={"k": "v"}))
        assert cluster.requests

    await _leaves_nothing(1_000, use, controlplane=False)


@pytest.mark.virtual_time
async def test_fakes_with_a_control_plane_custom_kinds_and_watches_leave_nothing_behind() -> None:
    async def use(cluster: FakeCluster) -> None:
        await cluster.load([definition(GROUP), gadget(GROUP, "shop", "g"), deployment("shop", "web", replicas=1)])
        await cluster.settled()
        async with asyncio.timeout(60):
            async with cluster.client.watch(Pod, namespace="shop") as events:
                assert await anext(aiter(events))

    await _leaves_nothing(12, use)


async def test_fakes_that_were_served_leave_no_sockets_behind() -> None:
    async def use(cluster: FakeCluster) -> None:
        async with aiohttp.ClientSession() as session, AsyncExitStack() as watches:
            async with cluster.serve() as url:
                async with session.get(f"{url}/api/v1/namespaces?watch=1") as left:
                    assert await left.content.readline()
                open_still = await watches.enter_async_context(session.get(f"{url}/api/v1/namespaces?watch=1"))
                assert await open_still.content.readline()
            await open_still.content.read()

    await _leaves_nothing(10, use, controlplane=False)


@pytest.mark.virtual_time
async def test_a_fake_whose_body_fails_leaves_nothing_behind() -> None:
    async def use(cluster: FakeCluster) -> None:
        raise LookupError

    async def failed(cluster: FakeCluster) -> None:
        with pytest.raises(LookupError):
            await _used(use)

    await _leaves_nothing(5, failed, controlplane=False)


# Side by side.


@pytest.mark.virtual_time
async def test_two_fakes_share_no_objects_no_kinds_no_versions_and_no_requests() -> None:
    async with FakeCluster(controlplane=False) as one, FakeCluster(controlplane=False) as other:
        before, asked, objects = other.server.version, len(other.requests), other.dump()
        assert one.server.version == before
        await one.load([definition(GROUP), gadget(GROUP, "shop", "g"), config_map("shop", "a")])
        one.faults.cut_watches()
        one.server.compact()
        assert (other.server.version, len(other.requests), other.dump()) == (before, asked, objects)
        assert other.server.resource_for(f"{GROUP}/v1", "Gadget") is None
        with pytest.raises(NotFound):
            await other.client.get(ConfigMap, "a", namespace="shop")
        await other.client.create(ConfigMap(metadata=ObjectMeta(name="own", namespace="default")))
        assert one.server.version > other.server.version == before + 1
        with pytest.raises(Expired):
            async with one.client.watch(ConfigMap, resource_version=str(before)) as events:
                await anext(aiter(events))
        async with other.client.watch(ConfigMap, resource_version=str(before)) as events:
            assert "own" in str(await anext(aiter(events)))


@pytest.mark.virtual_time
async def test_a_copy_from_a_dump_is_private() -> None:
    async with FakeCluster(controlplane=False) as cluster:
        await cluster.load(config_map("default", "a"))
        for found in cluster.dump():
            found["metadata"].clear()
        assert (await cluster.client.get(ConfigMap, "a", namespace="default")).data == {"key": "1"}


@pytest.mark.virtual_time
async def test_a_token_of_one_fake_is_nobodys_at_another_of_the_same_seed() -> None:
    async with FakeCluster(rbac=True) as one, FakeCluster(rbac=True) as other:
        await one.settled()
        await other.settled()
        path = "/api/v1/namespaces/default/serviceaccounts/default"
        uids = [msgspec.json.decode((await each.client.request("GET", path)).body) for each in (one, other)]
        assert uids[0]["metadata"]["uid"] == uids[1]["metadata"]["uid"], "the seed makes them the same"
        token = msgspec.json.decode((await one.client.request("POST", f"{path}/token", body={"spec": {}})).body)
        headers = [("authorization", f"Bearer {token['status']['token']}")]
        codes = []
        for cluster in (one, other):
            client = Client(InProcessTransport(cluster.server, headers=headers))
            with pytest.raises(ApiError) as refused:
                await client.list(ConfigMap, namespace="default")
            codes.append(refused.value.code)
            await client.aclose()
        assert codes == [403, 401]


# From one into another.

SHOP = [
    definition(GROUP),
    {**gadget(GROUP, "shop", "g", a="b"), "status": {"phase": "Ready"}},
    config_map("shop", "settings"),
    deployment("shop", "web"),
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    },
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "shop"},
        "stringData": {"password": "p"},
    },
    {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    },
    {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": "shop"},
        "spec": {"hard": {"pods": "10"}},
    },
    {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once", "namespace": "shop"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]}}},
    },
]
OF_THE_CLUSTER = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
"""What the metadata of a restored object has anew: a server gives these, nobody else."""


def _comparable(dump: list[dict[str, Any]], *others: list[dict[str, Any]]) -> dict[str, Any]:
    """The objects by their names, without what is the cluster's own.

    Where one tells the uid of another, as owner references do, there is its name, whichever cluster's uid it is:
    `others` are the dumps of those.
    """
    named = {each["metadata"]["uid"]: _name(each) for known in (dump, *others) for each in known}
    found = {}
    for each in dump:
        metadata = {key: part for key, part in each["metadata"].items() if key not in OF_THE_CLUSTER}
        found[_name(each)] = _replaced({**each, "metadata": metadata}, named)
    return found


def _name(found: Mapping[str, Any]) -> str:
    metadata = found["metadata"]
    return "/".join([found["apiVersion"], found["kind"], metadata.get("namespace", ""), metadata["name"]])


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def _kinds(dump: list[dict[str, Any]]) -> Mapping[str, int]:
    return Counter(each["kind"] for each in dump)


@pytest.mark.virtual_time
async def test_a_dump_loaded_into_another_fake_gives_the_same_dump() -> None:
    async with FakeCluster(seed=1) as one, FakeCluster(controlplane=False, seed=2) as other:
        await one.load(SHOP)
        await one.settled()
        dump = one.dump()
        kinds = _kinds(dump)
        assert kinds["Pod"] == 3 and kinds["ReplicaSet"] == 1 and kinds["Node"] == 2 and kinds["EndpointSlice"] == 1
        loaded = await other.load(dump)
        assert (loaded.invented, loaded.dropped_owners) == ([], [])
        restored = other.dump()
        assert _comparable(restored, dump) == _comparable(dump)
        owners = {r["uid"] for each in restored for r in each["metadata"].get("ownerReferences", ())}
        assert owners and owners <= {each["metadata"]["uid"] for each in restored}
        assert one.dump() == dump, "the source is as it was"


@pytest.mark.virtual_time
async def test_a_dump_loaded_twice_changes_nothing_the_second_time() -> None:
    async with FakeCluster(seed=1) as one, FakeCluster(controlplane=False, seed=2) as other:
        await one.load([each for each in SHOP if each["kind"] != "Job"])
        await one.settled()
        await other.load(one.dump())
        first = other.dump()
        await other.load(one.dump())
        assert _comparable(other.dump(), one.dump()) == _comparable(first, one.dump())


@pytest.mark.virtual_time
async def test_a_control_plane_takes_over_what_was_restored() -> None:
    async with FakeCluster(seed=1) as one, FakeCluster(seed=2) as other:
        await one.load([each for each in SHOP if each["kind"] != "Job"])
        await one.settled()
        dump = one.dump()
        await other.load(dump)
        await other.settled()
        assert _kinds([d for d in other.dump() if d["kind"] != "Event"]) == _kinds(
            [d for d in dump if d["kind"] != "Event"]
        )
        names = [{d["metadata"]["name"] for d in each if d["kind"] == "Pod"} for each in (dump, other.dump())]
        assert names[0] == names[1], "no pod was replaced"

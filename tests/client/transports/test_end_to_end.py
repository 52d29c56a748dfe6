"""The client, an informer and a manager against the fake API server, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from kubernaut.client import AlreadyExists, Client, Conflict, Forbidden, MergePatch, NotFound, TransportError
from kubernaut.client.connect import connect
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile import Cache, Context, Controller, LeaderElection, Manager, Scope
from kubernaut.reconcile.serving import HttpServer
from kubernaut.resources import ObjectMeta, crd_for
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.client.transports.wire import config
from tests.reconcile.scripted import Scripted
from tests.reconcile.widgets import Widget

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@asynccontextmanager
async def served(api: ApiServer, port: int = 0) -> AsyncIterator[HttpServer]:
    async with HttpServer(api, f"127.0.0.1:{port}", grace=0.05) as server:
        yield server


@asynccontextmanager
async def connected(**more: Any) -> AsyncIterator[Client]:
    async with served(ApiServer()) as server, connect(config(server.url), **more) as client:
        yield client


def item(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_every_verb_works_over_http() -> None:
    async with connected() as client:
        made = await client.create(item("a", k="1"))
        with pytest.raises(AlreadyExists):
            await client.create(item("a"))
        assert (await client.get(ConfigMap, "a", namespace="default")).data == {"k": "1"}
        made.data = {"k": "2"}
        newer = await client.update(made)
        with pytest.raises(Conflict):
            await client.update(made)
        patched = await client.patch(ConfigMap, "a", MergePatch({"data": {"l": "3"}}), namespace="default")
        assert patched.data == {"k": "2", "l": "3"}
        applied = await client.apply(item("b", k="1"), dry_run=True)
        assert applied.data == {"k": "1"}
        with pytest.raises(NotFound):
            await client.get(ConfigMap, "b", namespace="default")
        assert newer.metadata.uid == (await client.apply(item("a", m="4"))).metadata.uid
        assert await client.delete(ConfigMap, "a", namespace="default") is None


async def test_lists_come_in_pages_and_objects_may_have_a_mebibyte() -> None:
    async with connected() as client:
        for number in range(7):
            await client.create(item(f"c{number}", text="x" * 1_000_000 if number == 3 else ""))
        rt = ConfigMap.resource_type
        pages = [len(page.items) async for page in client.list_pages(rt, namespace="default", limit=3)]
        assert sum(pages) >= 7 and pages[0] == 3
        found = {obj.name: obj for obj in await client.list(ConfigMap, namespace="default")}
        assert len((found["c3"].data or {})["text"]) == 1_000_000


async def test_a_watch_tells_what_happens() -> None:
    async with connected() as client:
        first = await client.create(item("a"))
        async with client.watch(
            ConfigMap, namespace="default", resource_version=first.metadata.resource_version
        ) as events:
            await client.create(item("b", text="x" * 1_000_000))
            await client.delete(ConfigMap, "a", namespace="default")
            seen = [(await anext(events)) for _ in range(2)]
        assert [(event.type, event.object.name) for event in seen] == [("ADDED", "b"), ("DELETED", "a")]


async def test_a_client_acts_as_somebody_else() -> None:
    api = ApiServer(rbac=True)
    async with served(api) as server, connect(config(server.url)) as client:
        await client.list(ConfigMap, namespace="default")
        with pytest.raises(Forbidden, match="jane"):
            await client.impersonating("jane", ["a", "b"]).list(ConfigMap, namespace="default")


async def test_an_informer_survives_a_restart_of_the_server() -> None:
    api = ApiServer()
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        server = await first.enter_async_context(served(api))
        client = await stack.enter_async_context(connect(config(server.url)))
        port = server.port
        await client.create(item("before"))
        informer = Cache(client).informer(Scope.of(ConfigMap.resource_type, "default"))
        running = asyncio.create_task(informer.run())
        await asyncio.wait_for(informer.synced.wait(), 10)
        await first.aclose()
        with pytest.raises(TransportError):
            await client.create(item("nobody hears"))
        async with served(api, port):
            await client.create(item("after"))
            await until(lambda: {"before", "after"} <= {key.name for key, _ in informer.store.items()})
            assert informer.relists == 0
            running.cancel()
            await asyncio.wait([running])


async def test_a_manager_with_leader_election_reconciles_over_http() -> None:
    async def do(widget: Widget, ctx: Context) -> None:
        await ctx.client.apply(item(f"of-{widget.name}", size=str(widget.spec.size)), owner=widget)
        widget.status.phase = "Ready"

    async with connected() as client:
        await client.request("POST", CRDS, body=crd_for(Widget))
        await client.create(Widget(metadata=ObjectMeta(name="w", namespace="default")))
        reconciler = Scripted(do)
        manager = Manager(client, leader_election=LeaderElection("widgets", namespace="default"))
        manager.add(Controller(Widget, reconciler, owns=[ConfigMap]))
        async with manager.running():
            await until(lambda: reconciler.calls)
            async with asyncio.timeout(10):
                while (await client.get(Widget, "w", namespace="default")).status.phase != "Ready":
                    await asyncio.sleep(0.01)
            lease = await client.get(Lease, "widgets", namespace="default")
            assert lease.spec.holder_identity
            made = await client.get(ConfigMap, "of-w", namespace="default")
            assert made.data == {"size": "1"}
            count = len(reconciler.calls)
            await client.delete(ConfigMap, "of-w", namespace="default")
            await until(lambda: len(reconciler.calls) > count)
        assert not (await client.get(Lease, "widgets", namespace="default")).spec.holder_identity

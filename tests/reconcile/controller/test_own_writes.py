"""Read-your-writes: a key is not reconciled from a cache that is older than what its own reconciles wrote."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kubernaut.client import Client, MergePatch, NotFound, TransportRequest, TransportResponse
from kubernaut.reconcile import Context, Controller, Manager, Owns, Request, Result, predicates
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.reconcile.scripted import Keys, manager_of
from tests.reconcile.server import Server, widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time

SECOND = Result(requeue_after=timedelta(seconds=1))
QUIET = [predicates.generation_changed]


def config(name: str = "c", namespace: str = "shop", **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
    }


def one_widget() -> Server:
    server = Server()
    server.put("widgets", widget("a"))
    return server


class Writing(Keys):
    """The first reconcile pauses all watches and writes; later ones note what the cache shows."""

    def __init__(self, server: Server, write: Any, see: Any = None) -> None:
        super().__init__(self._do)
        self.server, self.write, self.see = server, write, see
        self.seen: list[Any] = []

    async def _do(self, request: Request, ctx: Context) -> Result | None:
        if len(self.calls) == 1:
            self.server.paused = True
            await self.write(ctx)
            return SECOND
        if self.see is not None:
            self.seen.append(self.see(ctx))
        return None


def resume(server: Server) -> None:
    server.paused = False
    server.poke()


async def patch_widget(ctx: Context) -> None:
    await ctx.client.patch(Widget, "a", MergePatch({"metadata": {"labels": {"x": "y"}}}), namespace="shop")


def labels_of(ctx: Context) -> Any:
    return dict(ctx.cache.head(Widget, "a", "shop").labels or {})


async def test_a_reconcile_waits_for_its_own_write_and_runs_the_moment_it_comes_back() -> None:
    server = one_widget()
    keys = Writing(server, patch_widget, labels_of)
    async with manager_of(server, keys, predicates=QUIET).running():
        await asyncio.sleep(3)
        assert len(keys.calls) == 1
        asked = len(server.requests)
        resume(server)
        await asyncio.sleep(0.01)
        assert keys.seen == [{"x": "y"}]
        assert len(server.requests) == asked  # nothing was polled
    assert keys.waits == [3]


async def test_the_bound_reached_the_key_is_looked_at_again_and_still_does_not_go_on_with_the_old_view(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="kubernaut")
    server = one_widget()
    keys = Writing(server, patch_widget, labels_of)
    async with manager_of(server, keys, predicates=QUIET).running():
        await asyncio.sleep(3600)
        assert len(keys.calls) == 1
        looks = caplog.text.count("still waiting for the key's own write")
        assert 300 < looks <= 360  # once in ten seconds
        resume(server)
        await asyncio.sleep(0.01)
    assert keys.seen == [{"x": "y"}]


async def test_an_event_of_another_object_that_is_newer_shows_that_the_write_is_there() -> None:
    server = one_widget()
    keys = Writing(server, patch_widget, labels_of)
    async with manager_of(server, keys, predicates=QUIET).running():
        await asyncio.sleep(0.5)
        server.put("widgets", widget("other"))
        resume(server)
        await asyncio.sleep(2)
    assert keys.seen[0] == {"x": "y"}


async def test_one_keys_writes_hold_up_no_other_key() -> None:
    async def do(request: Request, ctx: Context) -> Result | None:
        if request.name == "a" and keys.calls.count("shop/a") == 1:
            server.paused = True
            await patch_widget(ctx)
            return SECOND
        return SECOND if request.name == "b" else None

    server, keys = one_widget(), Keys(do)
    server.put("widgets", widget("b"))
    async with manager_of(server, keys, predicates=QUIET).running():
        await asyncio.sleep(10.5)
    assert keys.calls.count("shop/a") == 1
    assert keys.calls.count("shop/b") == 11


async def test_versions_are_compared_within_one_resource_only() -> None:
    async def create(ctx: Context) -> None:
        await ctx.client.create(ConfigMap(metadata=ObjectMeta(name="c", namespace="shop")))

    def there(ctx: Context) -> bool:
        try:
            return bool(ctx.cache.get(ConfigMap, "c", "shop"))
        except NotFound:
            return False

    server = one_widget()
    keys = Writing(server, create, there)
    async with manager_of(server, keys, predicates=QUIET, owns=[ConfigMap]).running():
        await asyncio.sleep(1.5)
        # The Widgets' informer gets to newer versions; that says nothing about ConfigMaps.
        configs = [entry for entry in server.log if entry[2] == "configmaps"]
        server.log = [entry for entry in server.log if entry[2] != "configmaps"]
        server.put("widgets", widget("other"))
        resume(server)
        await asyncio.sleep(1)
        assert keys.calls == ["shop/a", "shop/other"]
        server.log += configs
        server.poke()
        await asyncio.sleep(1)
    assert keys.seen[-1] is True
    assert keys.calls == ["shop/a", "shop/other", "shop/a"]


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ({"owns": [ConfigMap], "namespace": "shop"}, config(namespace="office")),
        ({"owns": [Owns(ConfigMap, labels="app=mine")]}, config(app="yours")),
        ({"owns": [Owns(ConfigMap, fields="metadata.name=other")]}, config()),
        ({}, config()),
    ],
)
async def test_objects_outside_the_informers_scope_are_not_awaited(
    options: dict[str, Any], written: dict[str, Any]
) -> None:
    async def create(ctx: Context) -> None:
        await ctx.client.create(ConfigMap.from_dict(written))

    server = one_widget()
    keys = Writing(server, create)
    async with manager_of(server, keys, predicates=QUIET, **options).running():
        await asyncio.sleep(5)
    assert keys.waits == [1]


async def test_what_the_informer_does_select_is_awaited() -> None:
    async def create(ctx: Context) -> None:
        await ctx.client.create(ConfigMap.from_dict(config(app="mine")))

    server = one_widget()
    keys = Writing(server, create)
    async with manager_of(server, keys, predicates=QUIET, owns=[Owns(ConfigMap, labels="app=mine")]).running():
        await asyncio.sleep(5)
        assert len(keys.calls) == 1
        resume(server)
        await asyncio.sleep(1)
    assert keys.waits == [5]


async def test_a_dry_run_is_no_write() -> None:
    async def dry(ctx: Context) -> None:
        patch = MergePatch({"metadata": {"labels": {"x": "y"}}})
        await ctx.client.patch(Widget, "a", patch, namespace="shop", dry_run=True)

    server = one_widget()
    keys = Writing(server, dry)
    async with manager_of(server, keys, predicates=QUIET).running():
        await asyncio.sleep(5)
    assert keys.waits == [1]


def uids_of(ctx: Context) -> list[str]:
    return [head.uid for head in ctx.cache.heads(ConfigMap)]


async def delete_config(ctx: Context) -> None:
    uid = ctx.cache.head(ConfigMap, "c", "shop").uid
    await ctx.client.delete(ConfigMap, "c", namespace="shop", uid=uid)


async def test_a_deletion_is_awaited() -> None:
    server = one_widget()
    server.put("configmaps", config())
    keys = Writing(server, delete_config, uids_of)
    async with manager_of(server, keys, predicates=QUIET, owns=[ConfigMap]).running():
        await asyncio.sleep(5)
        assert len(keys.calls) == 1
        resume(server)
        await asyncio.sleep(1)
    assert keys.seen == [[]]


async def test_a_deletion_is_awaited_by_uid_so_that_an_object_made_anew_is_not_taken_for_the_old_one() -> None:
    server = one_widget()
    server.put("configmaps", config())
    keys = Writing(server, delete_config, uids_of)
    async with manager_of(server, keys, predicates=QUIET, owns=[ConfigMap]).running():
        await asyncio.sleep(2)
        anew = server.put("configmaps", config())["metadata"]["uid"]
        await asyncio.sleep(3)
        assert len(keys.calls) == 1
        resume(server)
        await asyncio.sleep(1)
    assert keys.seen == [[anew]]


async def test_a_deletion_that_finalizers_hold_up_is_awaited_as_a_change() -> None:
    server = one_widget()
    held = config()
    held["metadata"]["finalizers"] = ["example.dev/hold"]
    server.put("configmaps", held)

    def deleting(ctx: Context) -> bool:
        return ctx.cache.head(ConfigMap, "c", "shop").deletion_timestamp is not None

    keys = Writing(server, delete_config, deleting)
    async with manager_of(server, keys, predicates=QUIET, owns=[ConfigMap]).running():
        await asyncio.sleep(5)
        assert len(keys.calls) == 1
        resume(server)
        await asyncio.sleep(1)
    assert keys.seen == [True]


async def test_a_write_to_a_kind_that_is_not_served_any_more_is_not_awaited_for_ever() -> None:
    server = one_widget()
    keys = Writing(server, patch_widget)
    manager = manager_of(server, keys, predicates=QUIET)
    async with manager.running():
        await asyncio.sleep(2)
        server.served = False
        resume(server)
        server.log.clear()
        server.cut += 1
        server.poke()
        await asyncio.sleep(60)
        assert manager.unsynced() == ["widgets.example.dev (not served)"]
    assert len(keys.calls) == 2


class Opaque:
    """A server whose resourceVersions are no numbers."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        query = tuple((key, value.removeprefix("v")) for key, value in request.query)
        body = None if request.body is None else re.sub(rb'"v(\d+)"', rb'"\1"', request.body)
        async with self.server.open(replace(request, query=query, body=body)) as response:
            yield TransportResponse(response.status, response.headers, self._opaque(response.chunks))

    async def _opaque(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            yield re.sub(rb'("resourceVersion": ?)"(\d+)"', rb'\1"v\2"', chunk)

    async def refresh(self) -> bool:
        return False

    async def aclose(self) -> None: ...


async def test_versions_that_are_no_numbers_are_not_compared_the_objects_own_event_is_awaited() -> None:
    server = one_widget()
    server.put("widgets", widget("other"))
    keys = Writing(server, patch_widget, labels_of)
    manager = Manager(Client(Opaque(server)))
    manager.add(Controller(Widget, keys, predicates=QUIET))
    async with manager.running():
        await asyncio.sleep(2)
        entry = server.log.pop()  # the event of the write itself is late
        server.put("widgets", {**widget("other"), "spec": {"size": 5}})
        resume(server)
        await asyncio.sleep(2)
        assert keys.calls.count("shop/a") == 1
        server.log.append(entry)
        server.poke()
        await asyncio.sleep(0.1)
        assert keys.calls.count("shop/a") == 2
    assert keys.seen[-1] == {"x": "y"}

"""A kind that the server does not serve: waited for, and recovered from."""

import asyncio
import logging

import pytest

from kubernaut.client import NotFound
from kubernaut.reconcile import Informer, Scope
from kubernaut.resources.crd import crd_for
from kubernaut.testing import Cluster
from tests.reconcile.informer.informing import Told, in_store, informing, names, now, server_of, written
from tests.reconcile.server import widget
from tests.reconcile.widgets import Widget

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("streaming", [True, False])
async def test_it_waits_for_a_kind_that_is_not_served_and_recovers(streaming: bool) -> None:
    server = server_of(streaming=streaming)
    server.served = False
    async with informing(server, synced=False) as (informer, told):
        await asyncio.sleep(300)
        assert informer.absent
        assert not informer.synced.is_set()
        server.served = True
        server.put("widgets", widget("a"))
        began = now()
        await informer.synced.wait()
        assert now() - began <= 30
        assert not informer.absent
        assert told.lines == ["ADDED a"]


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_kind_that_is_deleted_takes_its_objects_along_and_may_come_back(streaming: bool) -> None:
    server = server_of(*"ab", streaming=streaming)
    async with informing(server) as (informer, told):
        server.served = False
        server.objects.clear()
        server.hang_up()
        await asyncio.sleep(100)
        assert informer.absent
        assert informer.synced.is_set(), "workers that run need not stop"
        assert told.lines[2:] == ["DELETED a!", "DELETED b!"]
        assert len(informer.store) == 0
        server.served = True
        server.put("widgets", widget("a"))
        await asyncio.sleep(31)
        assert not informer.absent
        assert told.lines[4:] == ["ADDED a"]
        assert not told.changes[-1].initial
        server.put("widgets", widget("c"))
        await asyncio.sleep(1)
        assert names(informer) == ["a", "c"]


async def test_a_kind_that_comes_back_between_two_watches_is_told_by_events() -> None:
    server = server_of("a")
    async with informing(server) as (informer, told):
        server.remove("widgets", "shop", "a")
        server.hang_up()
        again = server.put("widgets", widget("a"))
        await asyncio.sleep(10)
        assert told.lines == ["ADDED a", "DELETED a", "ADDED a"]
        assert in_store(informer) == {"a": again["metadata"]["resourceVersion"]}
        assert not informer.absent


async def test_an_absent_kind_is_reported_once_in_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    server = server_of()
    server.served = False
    with caplog.at_level(logging.INFO):
        async with informing(server, synced=False):
            await asyncio.sleep(200)
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "widgets.example.dev" in warnings[0].getMessage()


async def test_no_write_of_an_absent_kind_is_awaited() -> None:
    server = server_of("a")
    async with informing(server) as (informer, _):
        note = written(server.put("widgets", widget("a", size=2)))
        assert informer.concerns(note)
        server.served = False
        server.hang_up()
        await asyncio.sleep(60)
        assert not informer.concerns(note)


async def gone(cluster: Cluster, path: str) -> None:
    """A real server takes seconds of its own to see that a CRD has no objects left, and one more to end its watches."""
    while True:
        try:
            await cluster.client.request("GET", path)
        except NotFound:
            break
        await asyncio.sleep(0.2)
    await asyncio.sleep(2)


async def test_a_crd_that_is_absent_at_the_start_then_created_deleted_and_created_again(cluster: Cluster) -> None:
    informer = Informer(cluster.client, Scope.of(Widget.resource_type))
    told = Told()
    informer.add_handler(told)
    task = asyncio.create_task(informer.run())
    await cluster.advance(seconds=100)
    assert informer.absent
    definition = crd_for(Widget)
    for turn in range(2):
        await cluster.client.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body=definition)
        await cluster.advance(seconds=40)
        assert not informer.absent
        assert informer.synced.is_set()
        await cluster.client.create(Widget.from_dict({"metadata": {"name": f"w{turn}", "namespace": "default"}}))
        await cluster.advance(seconds=1)
        assert names(informer) == [f"w{turn}"]
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
        await cluster.client.request("DELETE", path)
        await gone(cluster, path)
        await cluster.advance(seconds=60)
        assert informer.absent
        assert names(informer) == []
    assert [line.rstrip("!") for line in told.lines] == ["ADDED w0", "DELETED w0", "ADDED w1", "DELETED w1"]
    task.cancel()
    await asyncio.wait([task])

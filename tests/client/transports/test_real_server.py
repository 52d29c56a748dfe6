"""The transport and a real API server: the oldest one that is supported, over TLS that is checked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kubernaut.client import Client, Conflict, NotFound, Unauthorized
from kubernaut.client.connect import connect
from kubernaut.reconcile import Context, Controller, LeaderElection, Manager
from kubernaut.resources import ObjectMeta, crd_for
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.client.transports.plugin import Plugin
from tests.client.transports.wire import config, written
from tests.envtest import api_server, needs_envtest
from tests.reconcile.scripted import Scripted
from tests.reconcile.widgets import Widget

pytestmark = needs_envtest

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def item(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


@asynccontextmanager
async def real(folder: Path, **user: Any) -> AsyncIterator[tuple[Client, Path]]:
    async with api_server(folder) as http:
        cluster = {"certificate-authority": "ca.crt"}
        file = written(folder / "config", config(str(http.base_url), cluster=cluster, **(user or {"token": "token"})))
        async with connect(file) as client:
            yield client, file


async def test_a_real_server_is_spoken_to(tmp_path: Path, plugin: Plugin) -> None:
    async with real(tmp_path) as (client, file):
        await verbs(client)
        await watches(client)
        await lists(client)
        await refreshes(client, file, plugin)
        await manages(client)


async def verbs(client: Client) -> None:
    made = await client.create(item("a", k="1"))
    made.data = {"k": "2"}
    await client.update(made)
    with pytest.raises(Conflict):
        await client.update(made)
    applied = await client.apply(item("a", l="3"))
    assert applied.data == {"k": "2", "l": "3"}
    with pytest.raises(Conflict, match="conflict"):
        await client.managing_as("another").apply(item("a", l="4"), force=False)
    await client.delete(ConfigMap, "a", namespace="default", uid=made.metadata.uid)
    with pytest.raises(NotFound):
        await client.get(ConfigMap, "a", namespace="default")


async def watches(client: Client) -> None:
    start = (await client.list(ConfigMap, namespace="default")).resource_version
    async with client.watch(ConfigMap, namespace="default", resource_version=start) as events:
        await client.create(item("large", text="x" * 900_000))
        event = await anext(events)
        assert (event.type, event.object.name) == ("ADDED", "large")


async def lists(client: Client) -> None:
    """More than 128 KiB, which this server compresses."""
    for number in range(5):
        await client.create(item(f"c{number}", text=f"{number}" * 100_000))
    rt = ConfigMap.resource_type
    pages = [page async for page in client.list_pages(rt, namespace="default", limit=2)]
    assert sum(len(page.items) for page in pages) >= 6
    assert pages[0].remaining is not None


async def refreshes(client: Client, file: Path, plugin: Plugin) -> None:
    """A plugin whose first token is refused and whose second is good."""
    plugin.answers(token="wrong")
    cluster = {"certificate-authority": "ca.crt"}
    url = f"https://{client.host}"
    async with connect(written(file, config(url, cluster=cluster, exec=plugin.entry()))) as other:
        with pytest.raises(Unauthorized):
            await other.list(ConfigMap, namespace="default")
        plugin.answers(token="token")
        other._transport._keeper._fruitless_until = 0.0  # type: ignore[attr-defined]
        await other.create(item("refreshed"))


async def manages(client: Client) -> None:
    async def do(widget: Widget, ctx: Context) -> None:
        await ctx.client.apply(item(f"of-{widget.name}", size=str(widget.spec.size)), owner=widget)
        widget.status.phase = "Ready"

    await client.request("POST", CRDS, body=crd_for(Widget))
    manager = Manager(client, leader_election=LeaderElection("widgets", namespace="default"))
    manager.add(Controller(Widget, Scripted(do), owns=[ConfigMap]))
    async with manager.running(), asyncio.timeout(30):
        while True:
            try:
                await client.create(Widget(metadata=ObjectMeta(name="w", namespace="default")))
                break
            except NotFound:  # the CRD is served a moment after it was made
                await asyncio.sleep(0.1)
        while (await client.get(Widget, "w", namespace="default")).status.phase != "Ready":
            await asyncio.sleep(0.05)
        assert (await client.get(ConfigMap, "of-w", namespace="default")).data == {"size": "1"}
        assert (await client.get(Lease, "widgets", namespace="default")).spec.holder_identity
    assert not (await client.get(Lease, "widgets", namespace="default")).spec.holder_identity

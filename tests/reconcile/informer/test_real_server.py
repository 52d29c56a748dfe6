"""Informers on a real API server: the oldest one that is supported, which streams no lists."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from kubernaut.client import Client, TransportError, TransportRequest, TransportResponse
from kubernaut.reconcile import Cache, Informer, Scope
from kubernaut.reconcile.informer import Watching
from kubernaut.reconcile.intake import CacheOptions, KindOptions
from kubernaut.resources import crd_for
from kubernaut.resources.builtin.core_v1 import ConfigMap
from tests.envtest import api_server, needs_envtest
from tests.reconcile.informer.informing import Told
from tests.reconcile.widgets import Widget

pytestmark = needs_envtest

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Wire:
    """A transport over an httpx client; notes what is asked and answered."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.asked: list[tuple[dict[str, str], int]] = []

    async def refresh(self) -> bool:
        return False

    async def aclose(self) -> None:
        await self.http.aclose()

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        headers = {
            name: value if isinstance(value, str) else ",".join(value) for name, value in request.headers.items()
        }
        timeout = httpx.Timeout(None if request.stream else request.timeout)
        built = self.http.build_request(
            request.method,
            request.path,
            params=list(request.query),
            headers=headers,
            content=request.body,
            timeout=timeout,
        )
        try:
            response = await self.http.send(built, stream=True)
            self.asked.append((dict(request.query), response.status_code))
            yield TransportResponse(response.status_code, dict(response.headers), response.aiter_bytes())
        except httpx.TransportError as error:
            raise TransportError(str(error)) from error
        finally:
            if "response" in locals():
                await response.aclose()


async def until(condition: object, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.05)


def config(name: str, **labels: str) -> ConfigMap:
    meta = {"name": name, "namespace": "default", "labels": labels}
    return ConfigMap.from_dict({"metadata": meta, "data": {"text": "hidden" * 10}})


def names(informer: Informer) -> set[str]:
    return {key.name for key, _ in informer.store.items()}


async def test_informers_list_and_watch_a_server_that_streams_no_lists(tmp_path: Path) -> None:
    async with api_server(tmp_path) as http:
        wire = Wire(http)
        client = Client(wire)
        for number in range(7):
            await client.create(config(f"c{number}", parity=str(number % 2)))
        options = CacheOptions(default=KindOptions(page_limit=3, drop_managed_fields=True, compress=True))
        cache = Cache(client, options=options)
        rt = ConfigMap.resource_type
        full = cache.informer(Scope.of(rt, "default"))
        odd = cache.informer(Scope.of(rt, "default", labels="parity=1"))
        heads = cache.informer(Scope.of(rt, "default", metadata_only=True))
        absent = cache.informer(Scope.of(Widget.resource_type))
        told = Told()
        odd.add_handler(told)
        wire.asked.clear()
        tasks = [asyncio.create_task(informer.run()) for informer in cache.informers]
        for informer in (full, odd, heads):
            await asyncio.wait_for(informer.synced.wait(), 20)
            assert isinstance(informer.state, Watching)
            assert informer.errors == 0
        refusals = [status for query, status in wire.asked if "sendInitialEvents" in query and status == 422]
        assert refusals, "a server of 1.20 refuses the parameters"
        assert names(full) >= {f"c{number}" for number in range(7)}
        assert names(odd) == {"c1", "c3", "c5"}
        assert all(b"hidden" not in stored.raw for _, stored in heads.store.items())
        assert all(b"managedFields" not in stored.raw for _, stored in full.store.items())

        moved = await client.get(ConfigMap, "c1", namespace="default")
        moved.metadata.labels = {"parity": "0"}
        await client.update(moved)
        await client.delete(ConfigMap, "c3", namespace="default")
        await client.create(config("c3", parity="1"))
        await until(lambda: told.lines[3:] == ["DELETED c1", "DELETED c3", "ADDED c3"])
        await until(lambda: odd.resource_version == full.resource_version or len(full.store) >= 7)

        await until(lambda: absent.absent)
        definition = crd_for(Widget)
        for turn in range(2):
            await client.request("POST", CRDS, body=definition)
            await until(lambda: not absent.absent, 60)
            await client.create(Widget.from_dict({"metadata": {"name": f"w{turn}", "namespace": "default"}}))
            await until(lambda turn=turn: names(absent) == {f"w{turn}"})
            await client.request("DELETE", f"{CRDS}/{definition['metadata']['name']}")
            await until(lambda: absent.absent and not names(absent), 60)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

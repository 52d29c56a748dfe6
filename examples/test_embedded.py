"""The embedded manager's tests: the web application is called in this process, the cluster is the fake one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import fastapi
import httpx
import pytest

from examples.embedded import Greeting, beside, make_app, make_manager
from kubernaut import Client, LeadershipLost, MergePatch
from kubernaut.resources.builtin.coordination_v1 import Lease
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.testing import Cluster

pytestmark = pytest.mark.cluster(crds=[Greeting])


@asynccontextmanager
async def connected(cluster: Cluster) -> AsyncIterator[Client]:
    """The cluster's client, which is not ours to close."""
    yield cluster.client


def app_of(cluster: Cluster, failures: list[Exception]) -> fastapi.FastAPI:
    return make_app(lambda: connected(cluster), failures.append)


@asynccontextmanager
async def browsing(app: fastapi.FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, within its lifespan."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as browser,
    ):
        yield browser


async def test_requests_and_reconciles_share_a_process(cluster: Cluster) -> None:
    failures: list[Exception] = []
    async with browsing(app_of(cluster, failures)) as browser:
        assert (await browser.get("/readyz")).status_code == 503, "it has not begun yet"
        await cluster.settled()
        assert (await browser.get("/readyz")).status_code == 200

        assert (await browser.put("/greetings/hi", params={"who": "world"})).status_code == 200
        await cluster.settled()
        assert (await browser.get("/greetings")).json() == {"hi": "Hello, world!"}

        await cluster.client.delete(ConfigMap, "hi", namespace="default")
        await cluster.settled()
        assert (await browser.get("/greetings")).json() == {"hi": "Hello, world!"}, "a controller works here"
    assert failures == []


async def test_the_lease_is_given_up_with_the_service(cluster: Cluster) -> None:
    async with browsing(app_of(cluster, [])):
        await cluster.settled()
        assert (await cluster.client.get(Lease, "greetings", namespace="default")).spec.holder_identity
    assert not (await cluster.client.get(Lease, "greetings", namespace="default")).spec.holder_identity


async def test_the_service_is_told_when_the_manager_lost_its_lease(cluster: Cluster) -> None:
    failures: list[Exception] = []
    async with browsing(app_of(cluster, failures)):
        await cluster.settled()
        thief = MergePatch({"spec": {"holderIdentity": "another"}})
        await cluster.client.patch(Lease, "greetings", thief, namespace="default")
        await cluster.advance(seconds=15)
        assert [type(error) for error in failures] == [LeadershipLost]


async def test_any_asyncio_program_will_do(cluster: Cluster) -> None:
    failures: list[Exception] = []
    manager = make_manager(cluster.client)
    for _ in range(3):
        async with beside(manager, failures.append):
            await asyncio.sleep(5)
            await manager.synced()
    assert failures == []

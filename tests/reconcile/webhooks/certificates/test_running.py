"""The keeper at work in a manager: on every replica, woken by changes, heard of in readiness, and over real TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import anyio
import httpx
import pytest

from kubernaut.client import ApiError, Client, JsonPatch
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake import FakeCluster
from kubernaut.fake.apiserver import ApiServer
from kubernaut.reconcile import LeaderElection, Manager
from kubernaut.reconcile.permissions import DeclaredTransport
from kubernaut.reconcile.serving import IssuedTls, tls
from kubernaut.reconcile.webhooks import (
    AdmissionRequest,
    MutatingWebhook,
    ServiceReference,
    webhook_configurations,
)
from kubernaut.reconcile.webhooks.certificates import CertificateKeeper, ManagedCertificates
from kubernaut.resources import Model, ObjectMeta, Resource, crd_for
from kubernaut.resources.builtin.admissionregistration_v1 import MutatingWebhookConfiguration
from kubernaut.resources.builtin.core_v1 import Namespace, Secret

HOST = "hooks.shop.svc"
SETTINGS = ManagedCertificates(secret="hooks", namespace="shop", dns_names=[HOST], configurations=["plates"])


class PlateSpec(Model):
    color: str | None = None


class Plate(Resource, group="example.dev", version="v1"):
    spec: PlateSpec = PlateSpec()


def paint(request: AdmissionRequest[Plate]) -> None:
    request.target.spec.color = "white"


HOOK = MutatingWebhook(Plate, paint)


def plate(name: str) -> Plate:
    return Plate(metadata=ObjectMeta(name=name, namespace="shop"))


def manifests() -> list[dict[str, Any]]:
    made = webhook_configurations("plates", [HOOK], service=ServiceReference("hooks", "shop"))
    return [crd_for(Plate), *made, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}]


async def bundle(client: Client) -> str | None:
    found = await client.get(MutatingWebhookConfiguration, "plates")
    return found.webhooks[0].client_config.ca_bundle


async def take_away(client: Client) -> None:
    remove = JsonPatch([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}])
    await client.patch(MutatingWebhookConfiguration, "plates", remove)


@asynccontextmanager
async def keeping(client: Client, settings: ManagedCertificates = SETTINGS) -> AsyncIterator[CertificateKeeper]:
    keeper = CertificateKeeper(settings, client, IssuedTls("a"), random=Random(0))
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        yield keeper
        group.cancel_scope.cancel()


@pytest.mark.virtual_time
@pytest.mark.cluster(controlplane=False)
async def test_a_bundle_that_is_taken_away_is_back_at_once(cluster: FakeCluster) -> None:
    await cluster.load(manifests())
    async with keeping(cluster.client) as keeper:
        await cluster.advance(seconds=1)
        assert keeper.problem() is None
        for _ in range(3):
            before = await bundle(cluster.client)
            await take_away(cluster.client)
            assert await bundle(cluster.client) is None
            await cluster.advance(seconds=0.1)
            assert await bundle(cluster.client) == before
        await cluster.client.delete(MutatingWebhookConfiguration, "plates")
        await cluster.advance(hours=3)  # the watch has ended and begun again meanwhile
        await cluster.load(manifests())
        await cluster.advance(seconds=0.1)
        assert await bundle(cluster.client) == before


@pytest.mark.virtual_time
@pytest.mark.cluster(controlplane=False)
async def test_without_watches_the_regular_look_puts_it_back(cluster: FakeCluster) -> None:
    await cluster.load(manifests())
    rights = [
        replace(p, verbs=[verb for verb in p.verbs if verb not in ("list", "watch")]) for p in SETTINGS.permissions()
    ]
    client = cluster.client.through(lambda transport: DeclaredTransport(transport, rights))
    async with keeping(client):
        await cluster.advance(seconds=1)
        await take_away(cluster.client)
        await cluster.advance(minutes=1)
        assert await bundle(cluster.client)


@pytest.mark.virtual_time
@pytest.mark.cluster(controlplane=False)
async def test_two_replicas_keep_one_certificate_with_the_rights_that_are_declared_and_no_others(
    cluster: FakeCluster,
) -> None:
    await cluster.load(manifests())
    short = replace(
        SETTINGS, lifetime=timedelta(hours=6), ca_lifetime=timedelta(hours=24), check_every=timedelta(minutes=15)
    )
    transports: list[DeclaredTransport] = []

    def declared(transport: Any) -> DeclaredTransport:
        transports.append(DeclaredTransport(transport, short.permissions()))
        return transports[-1]

    clients = [cluster.client.through(declared) for _ in range(2)]
    async with keeping(clients[0], short) as one, keeping(clients[1], short) as other:
        shown = set()
        for _ in range(60):
            await cluster.advance(hours=1)
            assert (one.problem(), other.problem()) == (None, None)
            assert one.served is not None
            shown.add(one.served.issuer.certificate)
        assert len(shown) >= 3
        await cluster.advance(minutes=20)
        assert one.served is not None
        assert other.served is not None
        assert one.served.server == other.served.server
    for transport in transports:
        transport.check()
        assert {permission.plural for permission in transport.unused} <= {"secrets", "validatingwebhookconfigurations"}


@pytest.mark.virtual_time
@pytest.mark.cluster(controlplane=False)
async def test_what_cannot_be_done_is_tried_again_and_told(cluster: FakeCluster) -> None:
    await cluster.load(manifests())
    rights = [p for p in SETTINGS.permissions() if p.plural != "secrets"]
    client = cluster.client.through(lambda transport: DeclaredTransport(transport, rights))
    async with keeping(client) as keeper:
        await cluster.advance(minutes=5)
        assert "no certificate yet" in (keeper.problem() or "")
        assert "secrets" in (keeper.problem() or "")


async def until_ready(manager: Manager) -> None:
    with anyio.fail_after(90):
        while (await manager.readyz.run())["webhooks"] is not None:
            await asyncio.sleep(0.02)


async def start(stack: AsyncExitStack, client: Client, **options: Any) -> Manager:
    manager = Manager(client, name="hooks", **options)
    manager.add_webhooks(HOOK, bind="127.0.0.1:0", tls=SETTINGS)
    return await stack.enter_async_context(manager.running())


async def test_managers_serve_with_a_certificate_that_the_api_server_trusts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: the fake API server checks the caBundle it was given, over real TLS, leader or standby."""
    monkeypatch.setattr(tls, "CHECK_INTERVAL", 0.0)
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(FakeCluster(controlplane=False))
        await cluster.load(manifests())
        with pytest.raises(ApiError, match="failed calling webhook"):
            await cluster.client.create(plate("early"))
        election = LeaderElection("hooks", namespace="shop")
        managers = [
            await start(stack, cluster.client, leader_election=replace(election, identity=name)) for name in "ab"
        ]
        for number, manager in enumerate(managers):
            await until_ready(manager)
            cluster.server.route_webhook(f"https://{HOST}:443", manager.url("webhooks"))
            made = await cluster.client.create(plate(f"p{number}"))
            assert made.spec.color == "white"
        first = await bundle(cluster.client)
        await cluster.client.delete(Secret, "hooks", namespace="shop")
        keeper_moved = asyncio.get_running_loop().time() + 90
        await take_away(cluster.client)  # wakes the keepers, who find no Secret
        while await bundle(cluster.client) in (None, first):
            assert asyncio.get_running_loop().time() < keeper_moved
            await asyncio.sleep(0.02)
        assert (await cluster.client.create(plate("after"))).spec.color == "white", "what is shown is still trusted"


async def test_webhooks_are_up_when_there_is_a_certificate_and_liveness_does_not_wait() -> None:
    server = ApiServer(seed=1)
    client = Client(InProcessTransport(server))
    manager = Manager(client, name="hooks", health_bind="127.0.0.1:0")
    manager.add_webhooks(HOOK, bind="127.0.0.1:0", tls=SETTINGS)
    async with manager.running(), httpx.AsyncClient(timeout=60) as http:
        health = manager.url("health_bind")
        assert (await http.get(f"{health}/healthz")).status_code == 200
        for _ in range(2000):
            answer = await http.get(f"{health}/readyz/webhooks")
            if "namespaces" in answer.text:
                break
            await asyncio.sleep(0.02)
        assert answer.status_code == 500
        assert 'no certificate yet: NotFound (404): namespaces "shop" not found' in answer.text
        with pytest.raises(RuntimeError):
            manager.url("webhooks")
        await client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
        await until_ready(manager)
        assert manager.url("webhooks").startswith("https://")
        assert (await http.get(f"{health}/readyz")).status_code == 200
    assert manager.readyz.names == ["informers"], "which says that it does not run"
    async with manager.running():
        await until_ready(manager)


async def test_an_address_that_is_taken_ends_the_manager_though_it_is_found_late() -> None:
    server = ApiServer(seed=1)
    client = Client(InProcessTransport(server))
    await client.create(Namespace.from_dict({"metadata": {"name": "shop"}}))
    async with AsyncExitStack() as stack:
        first = await start(stack, client)
        await until_ready(first)
        port = first.url("webhooks").rpartition(":")[2]
        second = Manager(client, name="second")
        second.add_webhooks(HOOK, bind=f"127.0.0.1:{port}", tls=SETTINGS)
        with pytest.raises(OSError, match="webhooks: cannot listen on"), anyio.fail_after(90):
            await second.run()

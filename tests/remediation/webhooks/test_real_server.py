"""On a real API server: managed certificates, the stamp, and a spec that stays, while certificates change."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import anyio
import pytest

from kubernaut.actions import Catalog
from kubernaut.client import ApiError, Client, Conflict, Forbidden, Invalid, JsonPatch, MergePatch, Transport
from kubernaut.policy import allow_all
from kubernaut.reconcile import Manager
from kubernaut.reconcile.permissions import DeclaredTransport
from kubernaut.reconcile.serving import tls
from kubernaut.reconcile.webhooks import webhook_configurations
from kubernaut.reconcile.webhooks.certificates import ManagedCertificates
from kubernaut.reconcile.webhooks.certificates.bundles import Target, publish, read
from kubernaut.reconcile.webhooks.certificates.state import State
from kubernaut.remediation.execution import ExecutionConfig, KubernetesExecution, crds
from kubernaut.remediation.execution.webhooks import execution_webhooks
from kubernaut.resources.builtin.admissionregistration_v1 import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
)
from kubernaut.resources.builtin.apiextensions_v1 import CustomResourceDefinition
from kubernaut.resources.builtin.core_v1 import Namespace, Secret
from kubernaut.testing.envtest import EnvTest
from tests.envtest import needs_envtest

pytestmark = needs_envtest

CONFIG = ExecutionConfig(catalog=Catalog.builtin(), evaluator=allow_all())
CERTIFICATES = ManagedCertificates(
    secret="kubernaut-webhooks",
    namespace="kubernaut-system",
    dns_names=["127.0.0.1"],
    configurations=["kubernaut"],
    lifetime=timedelta(seconds=20),
    ca_lifetime=timedelta(seconds=60),
    overlap=timedelta(seconds=3),
    check_every=timedelta(seconds=1),
)
FORGED = {"username": "admin", "groups": ["system:masters"]}
KINDS = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration)


def execution(name: str, **spec: Any) -> KubernetesExecution:
    target = {"kind": "Deployment", "namespace": "shop", "name": "web"}
    given = {"action": "scale-deployment", "target": target, "parameters": {"replicas": 5}, **spec}
    return KubernetesExecution.from_dict({"metadata": {"name": name, "namespace": "default"}, "spec": given})


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    with anyio.fail_after(seconds):
        while not await holds():
            await asyncio.sleep(0.1)


async def state(client: Client) -> State:
    secret = await client.get(Secret, CERTIFICATES.secret, namespace=CERTIFICATES.namespace)
    return State.from_data(secret.data)


async def bundles(client: Client) -> set[bytes]:
    found: list[str | None] = []
    for kind in KINDS:
        configuration: Any = await client.get(kind, "kubernaut")
        found += [webhook.client_config.ca_bundle for webhook in configuration.webhooks]
    return {base64.b64decode(each or "") for each in found}


async def install(client: Client, url: str) -> None:
    for manifest in webhook_configurations("kubernaut", execution_webhooks(CONFIG), url=url):
        kind: Any = KINDS[manifest["kind"].startswith("Validating")]
        await client.create(kind.from_dict(manifest))


async def stamped(client: Client, name: str) -> str | None:
    """Who the server says asked; None while it cannot ask our webhooks, or does not yet."""
    try:
        made = await client.create(execution(name, requestedBy=FORGED), dry_run=True)
    except ApiError:
        return None
    return made.spec.requested_by.username if made.spec.requested_by else None


async def test_a_real_server_stamps_and_keeps_through_changes_of_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first stamp on no request is refused: not when certificates are renewed, nor when the authority is."""
    monkeypatch.setattr(tls, "CHECK_INTERVAL", 0.0)
    async with EnvTest(controller_manager=False) as env, env.client() as client:
        for crd in crds():
            await client.create(CustomResourceDefinition.from_dict(crd))
        await client.create(Namespace.from_dict({"metadata": {"name": "kubernaut-system"}}))
        transports: list[DeclaredTransport] = []

        def declared(transport: Transport) -> Transport:
            transports.append(DeclaredTransport(transport, CERTIFICATES.permissions()))
            return transports[-1]

        manager = Manager(client.through(declared), name="kubernaut")
        manager.add_webhooks(*execution_webhooks(CONFIG), bind="127.0.0.1:0", tls=CERTIFICATES)
        async with manager.running(), env.client("alice", ["system:masters", "sre"]) as alice:
            await until(lambda: _ready(manager))
            await install(client, manager.url("webhooks"))
            await until(lambda: _is(stamped(alice, "probe"), "alice"))
            await _stamps(client, alice)
            await _keeps(client, alice)
            await _goes_on(client, alice)
            await _is_put_back(client)
        for transport in transports:
            transport.check()


async def _goes_on(client: Client, alice: Client) -> None:
    """Until the authority that was there at first issues no more."""
    first = await state(client)
    servers = {first.server.certificate: None}
    with anyio.fail_after(120):
        while (found := await state(client)).issuer == first.issuer:
            servers[found.server.certificate] = None
            assert await stamped(alice, "probe") == "alice"
            await asyncio.sleep(0.2)
    for _ in range(10):
        assert await stamped(alice, "probe") == "alice"
        await asyncio.sleep(0.5)
    assert len(servers) >= 3, "it was renewed meanwhile"
    assert first.issuer.certificate in found.trusted
    assert await bundles(client) == {(await state(client)).bundle}


async def _stamps(client: Client, alice: Client) -> None:
    made = await alice.create(execution("fix", requestedBy=FORGED))
    assert made.spec.requested_by is not None
    assert made.spec.requested_by.to_dict() == {
        "username": "alice",
        "groups": ["system:masters", "sre", "system:authenticated"],
    }
    with pytest.raises(Forbidden, match="at most 256 items"):
        await client.impersonating("bob", ["system:masters", *(f"g{n}" for n in range(300))]).create(execution("b"))


async def _keeps(client: Client, alice: Client) -> None:
    for change, field in (({"parameters": {"replicas": 9}}, "spec.parameters.replicas"), ({"requestedBy": None}, "")):
        with pytest.raises(Invalid, match=f"{field}.*the spec is immutable"):
            await alice.patch(KubernetesExecution, "fix", MergePatch({"spec": change}), namespace="default")
    add = JsonPatch([{"op": "add", "path": "/metadata/finalizers", "value": ["example.dev/keep"]}])
    found = await client.patch(KubernetesExecution, "fix", add, namespace="default")
    found.status.phase = "validating"
    await client.update_status(found)
    await client.delete(KubernetesExecution, "fix", namespace="default")
    remove = JsonPatch([{"op": "remove", "path": "/metadata/finalizers"}])
    await client.patch(KubernetesExecution, "fix", remove, namespace="default")


async def _is_put_back(client: Client) -> None:
    """A bundle that is taken away wakes the keeper; nobody can publish over what changed since it was read."""
    target = Target(MutatingWebhookConfiguration, "kubernaut")
    read_before = await read(client, target, CERTIFICATES.dns_names)
    assert read_before is not None
    remove = JsonPatch([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}])
    await client.patch(MutatingWebhookConfiguration, "kubernaut", remove)

    async def back() -> bool:
        return b"" not in await bundles(client)

    await until(back)
    with pytest.raises(Conflict):
        await publish(client, read_before, b"an older one")


async def _ready(manager: Manager) -> bool:
    return (await manager.readyz.run())["webhooks"] is None


async def _is(found: Awaitable[Any], wanted: Any) -> bool:
    return bool(await found == wanted)

"""Certificates and tokens are replaced while a manager runs: it goes on with the new ones, and no restart is needed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubernaut.client import Client, Unauthorized
from kubernaut.client.connect import connect
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ServiceAccount
from kubernaut.resources.builtin.rbac_v1 import ClusterRoleBinding
from kubernaut.testing import EnvTest
from tests.envtest import needs_envtest
from tests.recovery.world import Probing, done, leader, make, prepare, refused, running, until, untouched

pytestmark = needs_envtest
NAMES = [f"w{number}" for number in range(5)]
MASTERS = "system:masters"


@pytest.fixture(scope="module")
def env() -> Iterator[EnvTest]:
    with EnvTest(controller_manager=False) as started:
        asyncio.run(_prepare(started))
        yield started


async def _prepare(env: EnvTest) -> None:
    async with env.client() as admin:
        await prepare(admin, "certificates", "tokens")


def kubeconfig(env: EnvTest, folder: Path, user: dict[str, Any]) -> Path:
    """A kubeconfig whose credentials are files in the folder."""
    (folder / "ca.crt").write_bytes(env.certificate_authority)
    data = env.kubeconfig()
    data["clusters"][0]["cluster"] = {"server": env.url, "certificate-authority": "ca.crt"}
    data["users"][0]["user"] = user
    path = folder / "config"
    path.write_text(json.dumps(data))
    return path


def write_certificate(env: EnvTest, folder: Path) -> None:
    certificate, key = env.certificate("manager", [MASTERS])
    (folder / "tls.crt").write_bytes(certificate)
    (folder / "tls.key").write_bytes(key)


async def test_certificates_are_replaced_under_a_running_manager(env: EnvTest, tmp_path: Path) -> None:
    """The server's by the same authority, then by another that is on disk; then the client's own, and its authority."""
    write_certificate(env, tmp_path)
    file = kubeconfig(env, tmp_path, {"client-certificate": "tls.crt", "client-key": "tls.key"})
    async with connect(file) as client, running(client, "certificates") as (manager, keeper):
        async with env.client() as admin:
            await make(admin, "certificates", NAMES)
            before, led = await done(admin, "certificates"), await leader(admin, "certificates")
        async with Probing(manager).going_on() as probing:
            await env.rotate_serving_certificate()
            async with env.client() as admin:
                await make(admin, "certificates", ["same-authority"])
                await done(admin, "certificates")

            await env.rotate_serving_certificate(authority=True)
            (tmp_path / "ca.crt").write_bytes(env.certificate_authority)
            async with env.client() as admin:
                await make(admin, "certificates", ["other-authority"])
                await done(admin, "certificates")

            await env.rotate_client_authority()
            await until(lambda: refused(client, Unauthorized))
            write_certificate(env, tmp_path)
            async with env.client() as admin:
                await make(admin, "certificates", ["own-certificate"])
                after = await done(admin, "certificates")
                assert await leader(admin, "certificates") == led
        assert untouched(before, after)
        assert len(after.children) == 8
        assert set(keeper.created.values()) == {1}
        assert set(probing.answers) == {200}, "each was mended before it cost the readiness"


async def account(admin: Client) -> None:
    await admin.create(ServiceAccount(metadata=ObjectMeta(name="manager", namespace="tokens")))


async def test_a_token_is_revoked_and_a_fresh_one_given(env: EnvTest, tmp_path: Path) -> None:
    async with env.client() as admin:
        await account(admin)
        binding = {
            "metadata": {"name": "manager"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "manager", "namespace": "tokens"}],
        }
        await admin.create(ClusterRoleBinding.from_dict(binding))
        token = tmp_path / "token"
        token.write_text(await env.token("tokens", "manager"))
        file = kubeconfig(env, tmp_path, {"tokenFile": "token"})
        async with connect(file) as client, running(client, "tokens") as (manager, keeper):
            await make(admin, "tokens", NAMES)
            before, led = await done(admin, "tokens"), await leader(admin, "tokens")
            async with Probing(manager).going_on() as probing:
                await admin.delete(ServiceAccount, "manager", namespace="tokens")
                await account(admin)
                # A server believes a token for ten more seconds.
                await until(lambda: refused(client, Unauthorized))
                await make(admin, "tokens", ["meanwhile"])
                await asyncio.sleep(2)
                assert "meanwhile" not in keeper.created
                token.write_text(await env.token("tokens", "manager"))
                after = await done(admin, "tokens")
            assert untouched(before, after)
            assert set(keeper.created.values()) == {1}
            assert await leader(admin, "tokens") == led
            assert set(probing.answers) == {200}

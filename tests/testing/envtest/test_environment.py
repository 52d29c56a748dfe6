"""EnvTest on the real programs: a control plane with users, tokens and controllers, stopped, started and rotated."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from kubernaut.client import Client, Expired, Forbidden, NotFound, TransportError, Unauthorized
from kubernaut.client.connect import connect
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.apps_v1 import Deployment
from kubernaut.resources.builtin.batch_v1 import Job
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace, Pod, ServiceAccount
from kubernaut.resources.builtin.rbac_v1 import RoleBinding
from kubernaut.testing import EnvTest, EnvTestError
from tests.envtest import needs_envtest

pytestmark = needs_envtest
SPEC = {"containers": [{"name": "c", "image": "i"}]}
PODS = {"metadata": {"labels": {"app": "a"}}, "spec": SPEC}


@pytest.fixture(scope="module")
def env() -> Iterator[EnvTest]:
    """Used by tests on several event loops."""
    with EnvTest(tokens={"old": ("jane", ["developers"])}) as running:
        yield running


async def until(condition: Callable[[], Awaitable[object]], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.1)


def config(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


async def test_a_user_may_do_what_rbac_says_of_name_and_groups(env: EnvTest) -> None:
    async with env.client() as admin, env.client("jane", ["developers"]) as jane:
        with pytest.raises(Forbidden, match='User "jane"'):
            await jane.list(ConfigMap, namespace="default")
        binding = {
            "metadata": {"name": "developers", "namespace": "default"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "developers"}],
        }
        await admin.create(RoleBinding.from_dict(binding))
        await jane.list(ConfigMap, namespace="default")
        with pytest.raises(Forbidden):
            await jane.create(config("no"))


async def test_a_service_account_is_who_its_token_says(env: EnvTest) -> None:
    async with env.client() as admin:
        await admin.create(ServiceAccount(metadata=ObjectMeta(name="robot", namespace="default")))
        async with connect(await env.kubeconfig_for_service_account("default", "robot")) as robot:
            with pytest.raises(Forbidden, match="system:serviceaccount:default:robot"):
                await robot.list(ConfigMap, namespace="default")


async def test_the_controllers_make_pods_collect_what_lost_its_owner_and_empty_namespaces(env: EnvTest) -> None:
    async with env.client() as admin:
        await admin.create(Namespace(metadata=ObjectMeta(name="work")))

        async def has_account() -> bool:
            return bool(await admin.list(ServiceAccount, namespace="work"))

        await until(has_account)
        selector = {"matchLabels": {"app": "a"}}
        meta = {"name": "a", "namespace": "work"}
        await admin.create(Deployment.from_dict({"metadata": meta, "spec": {"selector": selector, "template": PODS}}))
        job = {"template": {**PODS, "spec": {**SPEC, "restartPolicy": "Never"}}}
        await admin.create(Job.from_dict({"metadata": meta, "spec": job}))

        async def pods_are(count: int) -> bool:
            return len(await admin.list(Pod, namespace="work")) == count

        await until(lambda: pods_are(2))
        await admin.delete(Deployment, "a", namespace="work")
        await until(lambda: pods_are(1))
        await admin.delete(Namespace, "work")

        async def gone() -> bool:
            try:
                await admin.get(Namespace, "work")
            except NotFound:
                return True
            return False

        await until(gone)


async def test_the_server_comes_back_on_its_port_with_its_data(env: EnvTest) -> None:
    async with env.client() as admin:
        await admin.create(config("kept"))
        url = env.url
        await env.stop_api_server(kill=True)
        with pytest.raises(TransportError):
            await admin.get(ConfigMap, "kept", namespace="default")
        with pytest.raises(EnvTestError):
            await env.token("default", "default")
        await env.stop_api_server()
        await env.start_api_server()
        assert env.url == url
        await admin.get(ConfigMap, "kept", namespace="default")
        with pytest.raises(EnvTestError, match="runs already"):
            await env.start_api_server()


async def test_after_compaction_and_a_restart_an_old_version_has_expired(env: EnvTest) -> None:
    async with env.client() as admin:
        start = (await admin.list(ConfigMap, namespace="default")).resource_version
        await admin.create(config("later"))
        assert await env.compact() > int(start)
        await env.restart_api_server(kill=True)
        with pytest.raises(Expired):
            async with admin.watch(ConfigMap, namespace="default", resource_version=start) as events:
                await anext(events)


async def lists(config: object) -> None:
    async with connect(config) as client:  # type: ignore[arg-type]
        await client.list(Namespace)


async def test_certificates_are_rotated(env: EnvTest) -> None:
    before = env.kubeconfig()
    await env.rotate_serving_certificate(authority=True)
    with pytest.raises(TransportError, match="not trusted"):
        await lists(before)
    between = env.kubeconfig()
    await lists(between)
    await env.rotate_client_authority(keep_old=True)
    await lists(between)
    await env.rotate_client_authority()
    with pytest.raises(Unauthorized):
        await lists(between)
    await lists(env.kubeconfig())


async def test_tokens_are_replaced(env: EnvTest) -> None:
    def with_token(token: str) -> dict[str, object]:
        return {**env.kubeconfig(), "users": [{"name": "envtest", "user": {"token": token}}]}

    with pytest.raises(Forbidden, match="jane"):
        await lists(with_token("old"))
    await env.replace_tokens({"new": ("jane", ["system:masters"])})
    with pytest.raises(Unauthorized):
        await lists(with_token("old"))
    await lists(with_token("new"))


@pytest.mark.virtual_time
async def test_it_serves_a_virtual_time_loop(env: EnvTest) -> None:
    async with asyncio.timeout(1):
        assert await env.token("default", "default")
    async with env.client() as client:
        assert isinstance(client, Client)
        await client.get(Namespace, "default")


def left_behind(folder: Path) -> tuple[list[str], list[str]]:
    """Folders of environments, and processes that work in them."""
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [path.name for path in folder.iterdir()], [line for line in processes.splitlines() if str(folder) in line]


async def test_a_start_that_is_cancelled_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1), EnvTest():
            raise AssertionError("it does not start that fast")
    assert left_behind(tmp_path) == ([], [])


def test_nothing_outlives_a_process_that_was_killed(tmp_path: Path) -> None:
    program = """
        import time
        from kubernaut.testing import EnvTest
        with EnvTest(controller_manager=False):
            print("ready", flush=True)
            time.sleep(600)
    """
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(signal.SIGKILL)
    for _ in range(200):
        if left_behind(tmp_path) == ([], []):
            return
        subprocess.run(["sleep", "0.1"], check=True)
    raise AssertionError(left_behind(tmp_path))

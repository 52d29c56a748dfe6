"""`connect`: which configuration it takes, what it costs to import, and what it leaves behind: nothing."""

import asyncio
import gc
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import kubernaut
from kubernaut.client import Client, TransportError
from kubernaut.client.connect import connect
from kubernaut.client.transports.kubernetes_asyncio import ConfigError, HttpTransport, TransportOptions, incluster
from tests.client.transports.wire import (
    PEM,
    Exchange,
    config,
    get,
    ok,
    server_tls,
    serving,
    transport_to,
    whole,
    written,
)

A, B = "https://a:6443", "https://b:6443"


def transport_of(client: Client) -> HttpTransport:
    transport = client._transport
    assert isinstance(transport, HttpTransport)
    return transport


async def host(*arguments: object, **options: object) -> str:
    async with connect(*arguments, **options) as client:  # type: ignore[arg-type]
        return client.host


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files and variables of a pod."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("of the pod\n")
    (folder / "namespace").write_text("shop\n")
    shutil.copy(PEM / "first.crt", folder / "ca.crt")
    monkeypatch.setattr(incluster, "SERVICE_ACCOUNT", folder)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return folder


# Which configuration.


async def test_the_argument_comes_before_kubeconfig_before_the_usual_file_before_the_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pod: Path
) -> None:
    assert await host() == "10.0.0.1:443"
    (tmp_path / ".kube").mkdir()
    written(tmp_path / ".kube" / "config", config("https://home"))
    assert await host() == "home:443"
    monkeypatch.setenv("KUBECONFIG", str(written(tmp_path / "named", config(A))))
    assert await host() == "a:6443"
    given = written(tmp_path / "given", config(B))
    assert await host(given) == await host("~/given") == await host(config(B)) == "b:6443"
    assert await host(in_cluster=True) == "10.0.0.1:443"


async def test_several_files_in_kubeconfig_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = config(A), config(B)
    second["contexts"][0]["name"] = "there"
    del second["clusters"]
    paths = [tmp_path / "missing", written(tmp_path / "1", first), written(tmp_path / "2", second)]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, paths)))
    assert await host(context="there") == "a:6443"


async def test_kubeconfig_that_names_no_file_is_an_error_and_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, pod: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/missing/a:/missing/b")
    with pytest.raises(ConfigError, match=r"^/missing/a, /missing/b: there is no such file"):
        await host()


async def test_without_any_configuration_the_error_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=rf"KUBECONFIG is not set, there is no {tmp_path}/.kube/config, and this is no"
    ):
        await host()


async def test_a_pods_credentials_are_not_taken_when_told_so_or_when_a_context_is_asked_for(pod: Path) -> None:
    with pytest.raises(ConfigError, match="KUBECONFIG is not set"):
        await host(in_cluster=False)
    with pytest.raises(ConfigError, match="KUBECONFIG is not set"):
        await host(context="prod")
    with pytest.raises(ConfigError, match="no place beside it"):
        await host(in_cluster=True, context="prod")


async def test_a_pod_talks_to_its_server_as_its_service_account(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(ok, server_tls()) as wire:
        _, _, port = wire.url.rpartition(":")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        async with connect() as client:
            await client.request("GET", "/version")
            (pod / "token").write_text("rotated")
            transport = transport_of(client)
            assert transport.namespace == "shop"
            transport._keeper._check_at = 0.0
            await client.request("GET", "/version")
    assert [asked.header("authorization") for asked in wire.asked] == ["Bearer of the pod", "Bearer rotated"]


async def test_a_pods_server_may_have_an_ipv6_address(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    assert await host() == "[fd00::1]:443"


async def test_what_a_pod_lacks_is_named(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pod / "token").unlink()
    with pytest.raises(ConfigError, match=r"in-cluster configuration: there is no .*token\. Is automount"):
        await host(in_cluster=True)
    monkeypatch.delenv("KUBERNETES_SERVICE_PORT")
    with pytest.raises(ConfigError, match=r"KUBERNETES_SERVICE_PORT: is not set. Outside of a pod"):
        await host(in_cluster=True)


# What it passes on.


async def test_names_timeout_and_options_reach_the_requests() -> None:
    async with serving(ok) as wire:
        mine = TransportOptions(compression=False)
        async with connect(config(wire.url), field_manager="me", user_agent="agent/1", options=mine) as client:
            assert client.field_manager == "me"
            await client.request("GET", "/x")
        async with connect(config(wire.url), namespace="mine", timeout=0.5) as client:
            assert transport_of(client).namespace == "mine"
            await client.request("GET", "/x")
    assert wire.asked[0].header("user-agent") == "agent/1"
    assert wire.asked[0].header("accept-encoding") == "identity"
    assert f"kubernaut/{kubernaut.__version__}" in (wire.asked[1].header("user-agent") or "")


async def test_the_client_is_closed_with_the_block() -> None:
    async with serving(ok) as wire:
        async with connect(config(wire.url)) as client:
            pass
        with pytest.raises(TransportError, match="closed"):
            await client.request("GET", "/x")


# What it leaves behind.


def open_files() -> int:
    return len(os.listdir("/dev/fd"))


@pytest.mark.parametrize("tls", [False, True])
async def test_a_hundred_clients_leave_no_socket_and_no_task(tls: bool) -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.asked.target == "/watch":
            await exchange.head(chunked=True)
            await exchange.hang()
        await ok(exchange)

    cluster = {"certificate-authority": str(PEM / "first.crt")} if tls else {}
    async with serving(script, server_tls() if tls else None) as wire:
        content = config(wire.url, cluster=cluster)
        async with transport_to(content) as transport:
            await whole(transport)
        await wire.until(lambda: wire.open == 0)
        files, tasks = open_files(), len(asyncio.all_tasks())
        for _ in range(100):
            async with transport_to(content) as transport, transport.open(get("/watch", stream=True)):
                await whole(transport)
        await wire.until(lambda: wire.open == 0)
        assert (open_files(), len(asyncio.all_tasks())) == (files, tasks)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()


def test_it_works_on_one_loop_after_the_other() -> None:
    async def once() -> int:
        async with serving(ok) as wire, connect(config(wire.url)) as client:
            return (await client.request("GET", "/x")).status

    assert [asyncio.run(once()) for _ in range(3)] == [200] * 3


# What it costs.


COUNT = """
import sys
def count(stage):
    found = {name: sum(module.startswith(name) for module in sys.modules) for name in (
        "kubernetes_asyncio.client", "kubernetes_asyncio", "aiohttp"
    )}
    print(stage, *found.values())
"""


def modules_of(code: str, *flags: str) -> dict[str, list[int]]:
    """At each stage: how many generated models, modules of the library and modules of aiohttp are imported."""
    done = subprocess.run([sys.executable, *flags, "-c", COUNT + code], capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    return {stage: [int(number) for number in numbers] for stage, *numbers in lines}


def test_nothing_is_imported_before_it_is_needed_and_the_librarys_768_models_never() -> None:
    loaded = modules_of(
        """
import kubernaut
from kubernaut import Client, Manager
from kubernaut.client.connect import connect
count("kubernaut")
from kubernaut.client.transports.kubernetes_asyncio import library
count("transport")
assert library.module("openid").OpenIDRequestor is library.module("openid").OpenIDRequestor
count("openid")
""",
        "-Werror",
    )
    assert loaded["kubernaut"] == [0, 0, 0]
    assert loaded["transport"][:2] == loaded["openid"][:2] == [0, 0]


def test_the_library_can_be_imported_whole_afterwards() -> None:
    loaded = modules_of(
        """
from kubernaut.client.transports.kubernetes_asyncio import library
library.module("openid").OpenIDRequestor
import kubernetes_asyncio
import kubernetes_asyncio.config.openid as openid
openid.OpenIDRequestor, kubernetes_asyncio.config.ConfigException, kubernetes_asyncio.client.V1Pod
count("whole")
library.module.cache_clear()
assert library.module("openid") is openid
""",
        "-Wignore",
    )
    assert loaded["whole"][0] > 700

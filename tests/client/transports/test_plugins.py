"""Exec plugins: how they are run, what of their answers is taken, and renewal before credentials run out."""

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from kubernaut.client import TransportError, TransportTimeout
from kubernaut.client.transports.kubernetes_asyncio import ConfigError, execplugin, keeper
from kubernaut.timing import current_clock
from tests.client.transports.plugin import Plugin
from tests.client.transports.wire import PEM, Exchange, config, credential, get, ok, sent, serving, transport_to, whole


async def test_a_plugin_gets_its_arguments_environment_and_the_version_it_must_speak(plugin: Plugin) -> None:
    async with transport_to(config("https://api", exec=plugin.entry(provideClusterInfo=True))):
        pass
    assert msgspec.json.decode((plugin.folder / "seen").read_bytes()) == [["one"], "mint", ""]
    assert msgspec.json.decode((plugin.folder / "info").read_bytes()) == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"interactive": False, "cluster": {"server": "https://api"}},
    }


async def test_a_plugins_token_is_renewed_before_it_runs_out(plugin: Plugin) -> None:
    now = current_clock().now()
    expires = now + timedelta(hours=1)
    plugin.answers(token="token RUN", expirationTimestamp=expires.isoformat())
    async with serving(ok) as wire, transport_to(config(wire.url, exec=plugin.entry())) as transport:
        assert transport._keeper._renew_at == expires - keeper.AHEAD
        await asyncio.gather(*(sent(transport) for _ in range(5)))
        transport._keeper._renew_at = now
        await asyncio.gather(*(sent(transport) for _ in range(5)))
        await sent(transport)
        assert plugin.runs == 2
    first, renewing, last = wire.asked[:5], wire.asked[5:10], wire.asked[10]
    assert {asked.header("authorization") for asked in first} == {"Bearer token 1"}
    assert "Bearer token 2" in {asked.header("authorization") for asked in renewing}
    assert last.header("authorization") == "Bearer token 2"


async def test_requests_go_on_with_what_is_still_good_while_one_of_them_renews_it(plugin: Plugin) -> None:
    now = current_clock().now()
    plugin.answers(token="token RUN", expirationTimestamp=(now + timedelta(hours=1)).isoformat())
    async with serving(ok) as wire, transport_to(config(wire.url, exec=plugin.entry())) as transport:
        plugin.switch("hangs")
        transport._keeper._renew_at = now
        renewing = asyncio.create_task(whole(transport, get(timeout=0.5)))
        await wire.until(lambda: plugin.runs == 2)
        assert await sent(transport) == 200
        assert not renewing.done()
        with pytest.raises(TransportTimeout):
            await renewing
        assert not alive(plugin.folder)
        assert await sent(transport) == 200  # and does not wait for another run at once
        assert plugin.runs == 2
    assert {asked.header("authorization") for asked in wire.asked} == {"Bearer token 1"}


async def test_a_short_lived_token_is_used_for_most_of_its_life(plugin: Plugin) -> None:
    expires = current_clock().now() + timedelta(seconds=100)
    plugin.answers(token="t", expirationTimestamp=expires.isoformat())
    async with transport_to(config("https://api", exec=plugin.entry())) as transport:
        assert transport._keeper._renew_at is not None
        assert timedelta(seconds=15) < expires - transport._keeper._renew_at <= timedelta(seconds=20)


async def test_a_plugin_that_fails_once_leaves_its_last_token_in_use_while_that_is_good(plugin: Plugin) -> None:
    now = current_clock().now()
    plugin.answers(token="token RUN", expirationTimestamp=(now + timedelta(hours=1)).isoformat())
    async with serving(ok) as wire, transport_to(config(wire.url, exec=plugin.entry())) as transport:
        plugin.switch("fails")
        transport._keeper._renew_at = now
        for _ in range(3):
            assert await sent(transport) == 200
        assert plugin.runs == 2  # the next attempt comes ten seconds later
        transport._keeper._retry_at = 0.0
        plugin.switch("fails", on=False)
        await sent(transport)
    assert wire.asked[-1].header("authorization") == "Bearer token 3"


async def test_credentials_that_ran_out_and_cannot_be_renewed_are_a_transport_error(plugin: Plugin) -> None:
    plugin.answers(token="token RUN", expirationTimestamp="2020-01-01T00:00:00Z")
    async with serving(ok) as wire, transport_to(config(wire.url, exec=plugin.entry())) as transport:
        plugin.switch("fails")
        for _ in range(2):
            with pytest.raises(TransportError, match=r"(?s)have run out: .*no network today"):
                await sent(transport)
        assert plugin.runs == 2
        transport._keeper._retry_at = 0.0
        plugin.switch("fails", on=False)
        assert await sent(transport) == 200


async def test_certificates_of_a_plugin_are_used(plugin: Plugin) -> None:
    certificate, key = (PEM / "client.crt").read_text(), (PEM / "client.key").read_text()
    plugin.answers(clientCertificateData=certificate, clientKeyData=key)
    async with transport_to(config("https://api", exec=plugin.entry())) as transport:
        access = transport._keeper.access
    assert (access.authorization, access.certificate, access.key) == (None, certificate.encode(), key.encode())


async def test_a_certificate_of_a_plugin_that_is_none_names_the_plugin(plugin: Plugin) -> None:
    plugin.answers(clientCertificateData="no", clientKeyData="thing")
    with pytest.raises(ConfigError, match=r"users\[me\]\.user\.exec: holds no certificate with its unencrypted key"):
        async with transport_to(config("https://api", exec=plugin.entry())):
            pass


@pytest.mark.parametrize(
    "user",
    [
        {"token": "t"},
        {"username": "u", "password": "p"},
        {"client_certificate": str(PEM / "client.crt"), "client_key": str(PEM / "client.key")},
    ],
)
async def test_other_credentials_of_the_same_user_make_a_plugin_superfluous(
    plugin: Plugin, user: dict[str, Any]
) -> None:
    async with transport_to(config("https://api", exec=plugin.entry(), **user)):
        pass
    assert not (plugin.folder / "runs").exists()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("no json", "printed no JSON"),
        ("[]", "printed no ExecCredential"),
        (credential(), "neither a token nor a certificate"),
        (credential(clientCertificateData="x"), "neither a token nor a certificate"),
        (credential(token="t", expirationTimestamp="soon"), "'soon' is no time"),
        (
            credential(token="t").replace("k8s.io/v1", "k8s.io/v1beta1"),
            "speaks .*v1beta1, the kubeconfig asks for .*v1",
        ),
    ],
)
async def test_a_plugin_that_prints_something_else_is_refused(plugin: Plugin, answer: str, said: str) -> None:
    (plugin.folder / "answer").write_text(answer)
    with pytest.raises(ConfigError, match=rf"users\[me\]\.user\.exec\.\w+: .*{said}"):
        async with transport_to(config("https://api", exec=plugin.entry())):
            pass


async def test_a_plugin_that_fails_is_quoted(plugin: Plugin) -> None:
    plugin.switch("fails")
    with pytest.raises(ConfigError, match=r"exec\.command: .* ended with 1: x+\sno network today"):
        async with transport_to(config("https://api", exec=plugin.entry())):
            pass


async def test_a_plugin_that_is_not_there_is_refused_with_its_hint() -> None:
    entry = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin", "installHint": "brew it"}
    with pytest.raises(ConfigError, match=r"cannot run no-such-plugin: No such file.*brew it"):
        async with transport_to(config("https://api", exec=entry)):
            pass


async def test_a_plugin_that_must_ask_needs_a_terminal(plugin: Plugin) -> None:
    with pytest.raises(ConfigError, match=r"interactiveMode: .*no terminal"):
        async with transport_to(config("https://api", exec=plugin.entry(interactiveMode="Always"))):
            pass


async def test_a_plugin_may_ask_when_there_is_a_terminal(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    for mode, asks in (("Always", True), ("IfAvailable", True), ("Never", False)):
        async with transport_to(config("https://api", exec=plugin.entry(interactiveMode=mode))):
            pass
        assert msgspec.json.decode((plugin.folder / "info").read_bytes())["spec"]["interactive"] is asks


def alive(folder: Path) -> bool:
    try:
        os.kill(int((folder / "pid").read_text()), 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_plugin_that_hangs_is_ended_after_a_while(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execplugin, "LIMIT", 0.3)
    plugin.switch("hangs")
    with pytest.raises(ConfigError, match=r"did not end within 0\.3 s"):
        async with transport_to(config("https://api", exec=plugin.entry())):
            pass
    assert not alive(plugin.folder)


async def test_a_cancelled_request_ends_the_plugin_and_the_next_one_starts_it_again(plugin: Plugin) -> None:
    async with serving(ok) as wire, transport_to(config(wire.url, exec=plugin.entry())) as transport:
        plugin.switch("hangs")
        first = asyncio.create_task(transport.refresh())
        second = asyncio.create_task(transport.refresh())
        await wire.until(lambda: plugin.runs == 2)
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.wait([first])
        await wire.until(lambda: plugin.runs == 3)
        plugin.switch("hangs", on=False)
        assert await second is True


@pytest.mark.virtual_time
async def test_virtual_time_stands_still_while_a_plugin_runs_and_a_server_answers(plugin: Plugin) -> None:
    async def slow(exchange: Exchange) -> None:
        time.sleep(0.02)  # noqa: ASYNC251
        await ok(exchange)

    loop = asyncio.get_running_loop()
    began = loop.time()
    async with serving(slow) as wire, transport_to(config(wire.url, exec=plugin.entry())) as transport:
        async with asyncio.timeout(0.001):
            assert (await whole(transport, get(timeout=0.001)))[0].status == 200
    assert loop.time() - began < 0.001

"""Tokens, passwords and files that rotate; and what happens after the server refused them."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from kubernaut.client import Client, Unauthorized
from kubernaut.client.transports.kubernetes_asyncio import ConfigError, keeper
from tests.client.transports.plugin import Plugin
from tests.client.transports.wire import (
    accepting,
    config,
    get,
    ok,
    replaced,
    sent,
    serving,
    transport_to,
    whole,
    written,
)

# Tokens and passwords.


async def test_a_token_is_sent_with_each_request() -> None:
    async with serving(ok) as wire, transport_to(config(wire.url, token="t")) as transport:
        await sent(transport)
        await whole(transport, get(stream=True))
    assert [asked.header("authorization") for asked in wire.asked] == ["Bearer t"] * 2


async def test_a_name_and_password_are_sent_as_basic() -> None:
    async with serving(ok) as wire, transport_to(config(wire.url, username="me", password="pä:ss")) as transport:
        await sent(transport)
    assert wire.asked[0].header("authorization") == "Basic bWU6cMOkOnNz"


async def test_without_a_user_nothing_is_sent() -> None:
    async with serving(ok) as wire, transport_to(wire.url) as transport:
        await sent(transport)
    assert wire.asked[0].header("authorization") is None


async def test_a_requests_own_authorization_wins() -> None:
    async with serving(ok) as wire, transport_to(config(wire.url, token="t")) as transport:
        await whole(transport, get(headers={"authorization": "Bearer mine"}))
    assert wire.asked[0].all("authorization") == ["Bearer mine"]


async def test_impersonation_of_the_kubeconfig_yields_to_that_of_a_client() -> None:
    acting: dict[str, Any] = {"as": "jane", "as-groups": ["a", "b"]}
    async with serving(ok) as wire, transport_to(config(wire.url, token="t", **acting)) as transport:
        client = Client(transport)
        await client.request("GET", "/x")
        await client.impersonating("joe").request("GET", "/x")
    first, second = wire.asked
    assert (first.all("impersonate-user"), first.all("impersonate-group")) == (["jane"], ["a", "b"])
    assert (second.all("impersonate-user"), second.all("impersonate-group")) == (["joe"], [])


async def test_a_token_file_is_read_without_its_newline_and_wins_over_a_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("from-file\n")
    async with serving(ok) as wire:
        content = config(wire.url, token="from-config")
        content["users"][0]["user"]["tokenFile"] = "token"
        async with transport_to(written(tmp_path / "config", content)) as transport:
            await sent(transport)
        token.unlink()
        async with transport_to(tmp_path / "config") as transport:
            await sent(transport)
    assert [asked.header("authorization") for asked in wire.asked] == ["Bearer from-file", "Bearer from-config"]


async def test_a_rotated_token_file_is_read_again_after_a_minute(tmp_path: Path) -> None:
    assert keeper.FILE_PERIOD == 60
    token = tmp_path / "token"
    token.write_text("one")
    async with serving(ok) as wire, transport_to(config(wire.url, tokenFile=str(token))) as transport:
        replaced(token, "two")
        await sent(transport)
        transport._keeper._check_at = 0.0
        await sent(transport)
    assert [asked.header("authorization") for asked in wire.asked] == ["Bearer one", "Bearer two"]


async def test_a_file_that_is_gone_for_a_while_leaves_the_last_token_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    async with serving(ok) as wire, transport_to(config(wire.url, tokenFile=str(token))) as transport:
        token.unlink()
        with caplog.at_level(logging.WARNING, "kubernaut.client"):
            for _ in range(3):
                transport._keeper._check_at = 0.0
                await sent(transport)
        assert await transport.refresh() is False
        token.write_text("two")
        assert await transport.refresh() is True
        await sent(transport)
    assert [asked.header("authorization") for asked in wire.asked] == [*["Bearer one"] * 3, "Bearer two"]
    assert len([record for record in caplog.records if "could not be read again" in record.message]) == 1


@pytest.mark.parametrize("content", [None, "", " \n", "tökén"])
async def test_a_token_file_without_a_token_is_refused_at_the_start(tmp_path: Path, content: str | None) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    with pytest.raises(ConfigError, match=r"users\[me\]\.user\.tokenFile: .*token"):
        async with transport_to(config("https://api", tokenFile=str(token))):
            pass


# After a 401.


async def test_a_refused_token_is_read_again_and_the_request_repeated(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    async with serving(accepting("new")) as wire, transport_to(config(wire.url, tokenFile=str(token))) as transport:
        client = Client(transport)
        with pytest.raises(Unauthorized):
            await client.request("GET", "/x")
        assert len(wire.asked) == 1
        replaced(token, "new")
        assert (await client.request("POST", "/x", body=b"{}")).status == 200
    assert [asked.header("authorization") for asked in wire.asked[1:]] == ["Bearer old", "Bearer new"]


async def test_fixed_credentials_have_nothing_newer() -> None:
    async with serving(accepting()) as wire, transport_to(config(wire.url, token="t")) as transport:
        assert await transport.refresh() is False
        with pytest.raises(Unauthorized):
            await Client(transport).request("GET", "/x")
    assert len(wire.asked) == 1


async def test_a_hundred_refused_requests_run_the_plugin_once(plugin: Plugin) -> None:
    script = accepting("token 2")
    async with serving(script) as wire, transport_to(config(wire.url, exec=plugin.entry())) as transport:
        client = Client(transport)
        answers = await asyncio.gather(*(client.request("GET", "/x") for _ in range(100)))
    assert [answer.status for answer in answers] == [200] * 100
    assert plugin.runs == 2


async def test_who_learns_late_of_a_refusal_takes_what_others_got(plugin: Plugin) -> None:
    async with serving(accepting("token 2")) as wire, transport_to(config(wire.url, exec=plugin.entry())) as transport:
        await sent(transport)
        assert await transport.refresh() is True
        assert await transport.refresh() is True  # the same refusal: no run
    assert plugin.runs == 2


async def test_a_plugin_without_news_is_not_run_for_each_refused_request(plugin: Plugin) -> None:
    plugin.answers(token="same")
    async with serving(accepting()) as wire, transport_to(config(wire.url, exec=plugin.entry())) as transport:
        for _ in range(5):
            with pytest.raises(Unauthorized):
                await Client(transport).request("GET", "/x")
        assert plugin.runs == 2
        transport._keeper._fruitless_until = 0.0
        with pytest.raises(Unauthorized):
            await Client(transport).request("GET", "/x")
    assert plugin.runs == 3

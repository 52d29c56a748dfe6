"""OpenID Connect: the id token of a kubeconfig, and the way to the next one."""

import base64
import logging
import urllib.parse
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from kubernaut.client.transports.kubernetes_asyncio import ConfigError
from kubernaut.timing import current_clock
from tests.client.transports.wire import PEM, Exchange, Wire, accepting, config, ok, sent, server_tls, serving, written
from tests.client.transports.wire import transport_to as connected


def token(name: str, minutes: float = 60) -> str:
    expires = (current_clock().now() + timedelta(minutes=minutes)).timestamp()
    claims = msgspec.json.encode({"sub": name, "exp": int(expires)})
    return f"head.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.signature"


class Provider:
    """An identity provider that gives the tokens in `gives`."""

    def __init__(self) -> None:
        self.gives: dict[str, str] = {"id_token": token("new"), "refresh_token": "second"}
        self.status = 200
        self.wire: Wire | None = None

    async def __call__(self, exchange: Exchange) -> None:
        assert self.wire is not None
        if exchange.asked.target.endswith("/.well-known/openid-configuration"):
            await exchange.answer(200, msgspec.json.encode({"token_endpoint": f"{self.wire.url}/token"}))
        else:
            await exchange.answer(self.status, msgspec.json.encode(self.gives))


def user(issuer: str, **more: Any) -> dict[str, Any]:
    settings = {
        "idp-issuer-url": issuer,
        "client-id": "me:too",
        "client-secret": "s3",
        "refresh-token": "first",
        "idp-certificate-authority": str(PEM / "first.crt"),
    }
    kept = {key: value for key, value in {**settings, **more}.items() if value is not None}
    return {"auth_provider": {"name": "oidc", "config": kept}}


async def test_a_token_that_is_good_is_sent_and_nobody_is_asked() -> None:
    good = token("me")
    entry = user("https://nobody.invalid", **{"id-token": good})
    async with serving(ok) as wire, connected(config(wire.url, **entry)) as transport:
        await sent(transport)
        assert transport._keeper._renew_at is not None
    assert wire.asked[0].header("authorization") == f"Bearer {good}"


@pytest.mark.parametrize("old", [None, "run out"])
async def test_a_token_that_ran_out_is_renewed_over_checked_tls_and_written_down(
    old: str | None, tmp_path: Path
) -> None:
    provider = Provider()
    async with serving(provider, server_tls()) as idp, serving(ok) as wire:
        provider.wire = idp
        content = config(wire.url, **user(idp.url, **{"id-token": token("old", -1) if old else None}))
        file = written(tmp_path / "config", content)
        (tmp_path / "link").symlink_to(file)
        async with connected(tmp_path / "link") as transport:
            await sent(transport)
    assert wire.asked[0].header("authorization") == f"Bearer {provider.gives['id_token']}"
    asked = idp.asked[-1]
    assert dict(urllib.parse.parse_qsl(asked.body.decode())) == {
        "grant_type": "refresh_token",
        "refresh_token": "first",
    }
    assert asked.header("authorization") == "Basic " + base64.b64encode(b"me%3Atoo:s3").decode()
    kept = yaml.safe_load(file.read_text())["users"][0]["user"]["auth-provider"]["config"]
    assert (kept["id-token"], kept["refresh-token"]) == (provider.gives["id_token"], "second")
    assert (tmp_path / "link").is_symlink() and file.stat().st_mode & 0o077 == 0


async def test_a_refused_token_is_renewed() -> None:
    provider = Provider()
    async with serving(provider, server_tls()) as idp, serving(accepting(provider.gives["id_token"])) as wire:
        provider.wire = idp
        async with connected(config(wire.url, **user(idp.url, **{"id-token": token("old")}))) as transport:
            assert await sent(transport) == 401
            assert await transport.refresh() is True
            assert await sent(transport) == 200


async def test_a_token_that_another_program_renewed_is_taken_from_the_file(tmp_path: Path) -> None:
    new = token("by kubectl")
    async with serving(accepting(new)) as wire:
        content = config(wire.url, **user("https://nobody.invalid", **{"id-token": token("old")}))
        file = written(tmp_path / "config", content)
        async with connected(file) as transport:
            assert await sent(transport) == 401
            content["users"][0]["user"]["auth-provider"]["config"]["id-token"] = new
            written(file, content)
            assert await transport.refresh() is True
            assert await sent(transport) == 200


async def test_without_a_refresh_token_there_is_nothing_newer() -> None:
    entry = user("https://nobody.invalid", **{"id-token": token("me"), "refresh-token": None})
    async with serving(accepting()) as wire, connected(config(wire.url, **entry)) as transport:
        await sent(transport)
        assert await transport.refresh() is False
    with pytest.raises(ConfigError, match=r"refresh-token: is missing and the id-token has run out. Log in again"):
        async with connected(config("https://api", **user("https://i", **{"refresh-token": None}))):
            pass


async def test_a_provider_that_cannot_be_trusted_is_told_nothing() -> None:
    provider = Provider()
    async with serving(provider, server_tls("second")) as idp:
        provider.wire = idp
        with pytest.raises(ConfigError, match=r"config\.idp-issuer-url: the identity provider gave no token: .*Cert"):
            async with connected(config("https://api", **user(idp.url))):
                pass
    assert idp.asked == []


@pytest.mark.parametrize(
    ("status", "gives", "said"),
    [(400, {}, "refresh-token: the identity provider refused"), (200, {"x": "y"}, "the answer holds no id_token")],
)
async def test_a_provider_that_gives_no_token_is_quoted(status: int, gives: dict[str, str], said: str) -> None:
    provider = Provider()
    provider.status, provider.gives = status, gives
    async with serving(provider, server_tls()) as idp:
        provider.wire = idp
        with pytest.raises(ConfigError, match=said.replace("the answer", "the identity provider's answer")):
            async with connected(config("https://api", **user(idp.url))):
                pass


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"id-token": "no token at all"}, "id-token: is no JSON web token"),
        ({"idp-issuer-url": None}, "idp-issuer-url: is missing"),
        ({"client-id": None}, "client-id: is missing"),
    ],
)
async def test_settings_that_cannot_work_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=rf"users\[me\]\.user\.auth-provider\.config\.{said}"):
        async with connected(config("https://api", **user("https://idp.invalid", **more))):
            pass


async def test_a_file_that_cannot_be_written_is_only_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    provider = Provider()
    async with serving(provider, server_tls()) as idp, serving(ok) as wire:
        provider.wire = idp
        file = written(tmp_path / "config", config(wire.url, **user(idp.url, **{"id-token": token("old")})))
        async with connected(file) as transport:
            file.unlink()
            with caplog.at_level(logging.WARNING, "kubernaut.client"):
                assert await transport.refresh() is True
    assert "could not be written" in caplog.text

"""Tokens of OpenID Connect, by a kubeconfig's ``auth-provider`` entry."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import msgspec
import yaml

from kubernaut.client.transports.kubernetes_asyncio import library
from kubernaut.client.transports.kubernetes_asyncio.access import Issued
from kubernaut.client.transports.kubernetes_asyncio.errors import ConfigError
from kubernaut.client.transports.kubernetes_asyncio.proxies import environment_proxy
from kubernaut.client.transports.kubernetes_asyncio.target import AuthProvider, Server
from kubernaut.client.transports.kubernetes_asyncio.tls import trusting
from kubernaut.timing import current_clock

__all__ = ["OpenIdIssuer"]

LIMIT = 30.0
"""Seconds for the identity provider's two answers."""

TOKENS = ("id-token", "refresh-token")
UNREADABLE = (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, StopIteration)

_log = logging.getLogger("kubernaut.client")


class OpenIdIssuer:
    """The id token of the kubeconfig; once it has run out or was refused, a new one for the refresh token.

    The provider may give a new refresh token and void the old one, so both are written to the file they are from.
    """

    def __init__(self, provider: AuthProvider, source: str) -> None:
        self._provider = provider
        self._source = source
        self._settings = dict(provider.settings)
        self._given = False

    async def issue(self) -> Issued:
        """See Issuer.issue."""
        token = self._settings.get("id-token")
        expires = self._expiry(token) if token else None
        fresh = token is not None and (expires is None or expires > current_clock().now())
        if not fresh or self._given:
            if await asyncio.to_thread(self._somebody_renewed) or "refresh-token" in self._settings:
                token = await self._renew() if token == self._settings.get("id-token") else self._settings["id-token"]
                expires = self._expiry(token)
            elif not fresh:
                raise self._error("refresh-token", "is missing and the id-token has run out", "Log in again")
        self._given = True
        return Issued(token, expires=expires)

    def _somebody_renewed(self) -> bool:
        """Whether the file holds another id token by now, one that has not run out; then take what it holds."""
        try:
            stored = _settings_in(self._content(), self._provider.user)
            token = str(stored["id-token"])
            until = self._expiry(token)
        except (*UNREADABLE, ConfigError):
            return False
        if token == self._settings.get("id-token") or (until is not None and until <= current_clock().now()):
            return False
        self._settings.update({key: str(stored[key]) for key in TOKENS if key in stored})
        return True

    async def _renew(self) -> str:
        settings = self._settings
        for key in ("idp-issuer-url", "client-id"):
            if not settings.get(key):
                raise self._error(key, "is missing")
        refusal: type[Exception] = library.module("openid").ConfigException
        try:
            async with asyncio.timeout(LIMIT):
                answer = await self._ask(await asyncio.to_thread(self._trust))
        except TimeoutError as error:
            raise self._error("idp-issuer-url", f"no answer within {LIMIT:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError, KeyError) as error:
            raise self._error("idp-issuer-url", f"the identity provider gave no token: {error!r}") from error
        except refusal as error:
            raise self._error("refresh-token", f"the identity provider refused: {error}", "Log in again") from error
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise self._error("idp-issuer-url", "the identity provider's answer holds no id_token")
        settings["id-token"] = token
        if isinstance(refresh := answer.get("refresh_token"), str):
            settings["refresh-token"] = refresh
        await asyncio.to_thread(self._save)
        return token

    async def _ask(self, context: ssl.SSLContext) -> Any:
        settings = self._settings
        issuer = settings["idp-issuer-url"]
        server = Server.parse(issuer, self._source, field=f"{self._provider.field}.config.idp-issuer-url", tls=True)
        proxy = environment_proxy(server)
        base: Any = library.module("openid").OpenIDRequestor

        class Requestor(base):  # type: ignore[misc]
            """The library's flow over a session that checks the provider's certificate; its own does not."""

            def _client_session(self) -> aiohttp.ClientSession:
                # RFC 6749 2.3.1: both are form-encoded first.
                pair = f"{quote_plus(self._client_id)}:{quote_plus(self._client_secret)}"
                return aiohttp.ClientSession(
                    headers={
                        **self._default_headers,
                        "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
                    },
                    connector=aiohttp.TCPConnector(ssl=context, resolver=aiohttp.ThreadedResolver()),
                    raise_for_status=True,
                    proxy=proxy,
                )

        requestor = Requestor(settings["client-id"], settings.get("client-secret", ""), issuer)
        return await requestor.refresh_token(settings["refresh-token"])

    def _trust(self) -> ssl.SSLContext:
        settings = self._settings
        if encoded := settings.get("idp-certificate-authority-data"):
            return trusting(base64.b64decode(encoded))
        file = settings.get("idp-certificate-authority")
        return trusting(Path(file).read_bytes() if file else None)

    def _expiry(self, token: str) -> datetime | None:
        try:
            body = token.split(".")[1]
            claims = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (IndexError, binascii.Error, msgspec.DecodeError):
            raise self._error("id-token", "is no JSON web token", "Log in again") from None
        until = claims.get("exp") if isinstance(claims, dict) else None
        return datetime.fromtimestamp(until, UTC) if isinstance(until, int | float) else None

    def _save(self) -> None:
        """Write the tokens to the kubeconfig, as kubectl does; without success, warn and go on."""
        if self._provider.file is None:
            return
        path = Path(os.path.realpath(self._provider.file))
        try:
            content = self._content()
            kept = {key: self._settings[key] for key in TOKENS if key in self._settings}
            _settings_in(content, self._provider.user).update(kept)
            beside = path.with_name(f".{path.name}.{os.getpid()}")
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                yaml.safe_dump(content, file, sort_keys=False)
            os.replace(beside, path)
        except UNREADABLE as error:
            _log.warning("the renewed tokens could not be written to %s: %r", path, error)

    def _content(self) -> Any:
        if self._provider.file is None:
            raise FileNotFoundError("the kubeconfig is no file")
        return yaml.safe_load(self._provider.file.read_text(encoding="utf-8"))

    def _error(self, key: str, problem: str, fix: str = "") -> ConfigError:
        return ConfigError(self._source, problem, field=f"{self._provider.field}.config.{key}", fix=fix)


def _settings_in(content: Any, user: str) -> dict[str, Any]:
    """The provider's settings of ``user`` within a kubeconfig. Raises what UNREADABLE lists."""
    entry = next(item for item in content["users"] if item["name"] == user)
    settings: dict[str, Any] = entry["user"]["auth-provider"]["config"]
    return settings

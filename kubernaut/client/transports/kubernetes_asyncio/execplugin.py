"""Runs the command of a kubeconfig's ``exec`` entry and reads the ExecCredential that it prints (KEP-541)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import anyio
import msgspec

from kubernaut.client.transports.kubernetes_asyncio.access import Issued
from kubernaut.client.transports.kubernetes_asyncio.errors import ConfigError
from kubernaut.client.transports.kubernetes_asyncio.target import ExecPlugin

__all__ = ["PluginIssuer"]

LIMIT = 60.0
"""Seconds that a command may take which asks nobody anything."""
SHOWN = 1000


class PluginIssuer:
    """Credentials from a command. It runs as a process of its own, which ends with the call, cancelled or not."""

    def __init__(self, plugin: ExecPlugin, source: str) -> None:
        self._plugin = plugin
        self._source = source

    async def issue(self) -> Issued:
        """Run the command. Raises ConfigError when it fails, takes over a minute, or prints no credentials."""
        plugin = self._plugin
        interactive = plugin.interactive != "Never" and sys.stdin is not None and sys.stdin.isatty()
        if plugin.interactive == "Always" and not interactive:
            raise self._error("interactiveMode", "the plugin wants to ask somebody, and there is no terminal")
        environment = {**os.environ, **plugin.environment, "KUBERNETES_EXEC_INFO": self._info(interactive)}
        output = b""
        with anyio.move_on_after(None if interactive else LIMIT) as limit:
            output = await self._run(environment, interactive)
        if limit.cancelled_caught:
            raise self._error("command", f"{plugin.command[0]} did not end within {LIMIT:g} s")
        return self._read(output)

    async def _run(self, environment: Mapping[str, str], interactive: bool) -> bytes:
        plugin = self._plugin
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *plugin.command,
                stdin=None if interactive else asyncio.subprocess.DEVNULL,
                stdout=pipe,
                stderr=None if interactive else pipe,
                env=environment,
                start_new_session=not interactive,  # what it starts can be ended with it
            )
        except OSError as error:
            problem = f"cannot run {plugin.command[0]}: {error.strerror or error}"
            raise self._error("command", problem, plugin.install_hint.strip()) from error
        try:
            output, complaint = await process.communicate()
        finally:
            if process.returncode is None:
                await _end(process, group=not interactive)
        if process.returncode != 0:
            said = (complaint or b"").decode("utf-8", "replace").strip()[-SHOWN:]
            problem = f"{plugin.command[0]} ended with {process.returncode}"
            raise self._error("command", f"{problem}: {said}" if said else problem)
        return output

    def _info(self, interactive: bool) -> str:
        spec: dict[str, object] = {"interactive": interactive}
        if self._plugin.cluster_info is not None:
            spec["cluster"] = self._plugin.cluster_info
        info = {"apiVersion": self._plugin.api_version, "kind": "ExecCredential", "spec": spec}
        return msgspec.json.encode(info).decode()

    def _read(self, output: bytes) -> Issued:
        try:
            printed = msgspec.json.decode(output)
        except msgspec.DecodeError:
            raise self._error("command", f"{self._plugin.command[0]} printed no JSON") from None
        status: Any = printed.get("status") if isinstance(printed, dict) else None
        if not isinstance(status, dict) or printed.get("kind") != "ExecCredential":
            raise self._error("command", f"{self._plugin.command[0]} printed no ExecCredential with a status")
        if printed.get("apiVersion") != self._plugin.api_version:
            problem = (
                f"the plugin speaks {printed.get('apiVersion')}, the kubeconfig asks for {self._plugin.api_version}"
            )
            raise self._error("apiVersion", problem)
        token = status.get("token") or None
        certificate, key = status.get("clientCertificateData") or None, status.get("clientKeyData") or None
        if (certificate is None) != (key is None) or (token is None and certificate is None):
            raise self._error("command", "the plugin gave neither a token nor a certificate with its key")
        return Issued(
            token,
            certificate.encode() if certificate is not None else None,
            key.encode() if key is not None else None,
            self._expiry(status.get("expirationTimestamp")),
        )

    def _expiry(self, text: Any) -> datetime | None:
        if not text:
            return None
        try:
            return _time(str(text))
        except ValueError:
            raise self._error("command", f"expirationTimestamp {text!r} is no time") from None

    def _error(self, key: str, problem: str, fix: str = "") -> ConfigError:
        return ConfigError(self._source, problem, field=f"{self._plugin.field}.{key}", fix=fix)


def _time(text: str) -> datetime:
    """An RFC 3339 time; one without a zone is UTC. Raises ValueError."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


async def _end(process: asyncio.subprocess.Process, *, group: bool) -> None:
    """Kill it, with what it started if it has a group of its own, and reap it."""
    with contextlib.suppress(ProcessLookupError):
        if group and hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with anyio.CancelScope(shield=True):
        await process.communicate()

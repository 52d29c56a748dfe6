"""What an operator is told while a process starts: what runs, whether the server answers, what is missing there."""

from __future__ import annotations

import anyio
import msgspec
from rich.console import Console
from rich.table import Table

from kubernaut import __version__
from kubernaut.cli.run.missing import Missing
from kubernaut.cli.run.plan import Plan
from kubernaut.cli.run.unstamped import unstamped
from kubernaut.client import ApiError, Client, ClientError, InternalError, ServiceUnavailable, Unauthorized
from kubernaut.reconcile import Manager
from kubernaut.reconcile.log import logger

FIRST_SECONDS = 3.0
"""How long the summary waits for the server's version."""
ATTEMPT_SECONDS = 10.0
RETRY_SECONDS = (1.0, 15.0)
"""Between attempts to reach the server: the first wait, and the longest."""
REPEAT_SECONDS = 60.0
"""An error that lasts is told again after so long."""

NOT_SERVED = "not served"

_log = logger("kubernaut.run")


class NotAnswering(Exception):
    """The API server gives no usable answer; the text says why."""


class StartUp:
    """A service of the manager: tells, once, what runs; then waits for the server and looks what is missing there."""

    def __init__(self, client: Client, manager: Manager, plan: Plan, *, to_terminal: bool) -> None:
        self._client = client
        self._manager = manager
        self._plan = plan
        self._to_terminal = to_terminal

    async def run(self) -> None:
        """Returns when nothing is missing; until then the process is not ready, which its informers see to."""
        version, error = "", ""
        try:
            with anyio.move_on_after(FIRST_SECONDS):
                version = await server_version(self._client)
        except NotAnswering as problem:
            error = str(problem)
        self._tell(version)
        if not version:
            await self._reached(error or f"no answer within {FIRST_SECONDS:g} s")
        if (warning := await unstamped(self._plan, self._client)) is not None:
            _log.warning(warning)
        try:
            await Missing(self._client, self._manager, self._plan).watch()
        except Exception:  # it only tells: what runs must not end with it
            _log.exception("what is missing in the cluster could not be found out")

    async def _reached(self, error: str) -> None:
        """Wait until the server answers."""
        began = told = anyio.current_time()
        self._not_reached(error, 0)
        wait, longest = RETRY_SECONDS
        while True:
            await anyio.sleep(wait)
            wait = min(2 * wait, longest)
            try:
                version = await server_version(self._client)
            except NotAnswering as problem:
                now = anyio.current_time()
                if now - told >= REPEAT_SECONDS:
                    told = now
                    self._not_reached(str(problem), round(now - began))
                continue
            _log.info("the API server answers", server=self._plan.server, server_version=version)
            return

    def _not_reached(self, error: str, seconds: int) -> None:
        told = "the API server gives no answer: not ready, and trying again"
        _log.warning(told, server=self._plan.server, error=error, failing_for=seconds)

    def _tell(self, server_version: str) -> None:
        summary = self._summary(server_version)
        if self._to_terminal:
            _print(summary)
        else:
            _log.info("started", **{key.replace(" ", "_"): value for key, value in summary.items()})
        ignored = self._plan.without_effect()
        if ignored:
            _log.warning("settings have no effect, as their controller does not run", settings=", ".join(ignored))

    def _summary(self, server_version: str) -> dict[str, str]:
        manager, namespaces = self._manager, self._plan.settings.namespace
        election = manager.leader_election
        if election is None:
            leading = "off"
        elif election.shards > 1:
            leading = f"{election.shards} shares, leases {election.name}-0 ... {election.name}-{election.shards - 1}"
        else:
            leading = f"lease {election.name}"
        return {
            "version": __version__,
            "server": self._plan.server,
            "server version": server_version or "unknown: it gives no answer yet",
            "controllers": ", ".join(self._names()),
            "namespaces": ", ".join(namespaces) or "all",
            "leader election": leading,
            "metrics": self._url("metrics_bind", "/metrics"),
            "webhooks": self._webhooks(),
            "health": self._url("health_bind", "/readyz"),
        }

    def _names(self) -> list[str]:
        """As `--controllers` takes them."""
        return [part.name for part in self._plan.parts] or [one.name for one in self._manager.controllers]

    def _webhooks(self) -> str:
        url, settings = self._url("webhooks", ""), self._plan.settings
        waiting = url == NOT_SERVED and settings.webhooks
        return f"{settings.webhook_bind}, once there is a certificate" if waiting else url

    def _url(self, endpoint: str, path: str) -> str:
        try:
            return self._manager.url(endpoint) + path
        except RuntimeError:
            return NOT_SERVED


async def server_version(client: Client) -> str:
    """The server's version, `unknown` where this client may not ask for it. Raises NotAnswering."""
    try:
        with anyio.fail_after(ATTEMPT_SECONDS):
            answer = msgspec.json.decode((await client.request("GET", "/version")).body)
    except TimeoutError:
        raise NotAnswering(f"no answer within {ATTEMPT_SECONDS:g} s") from None
    except msgspec.DecodeError:
        raise NotAnswering("what answers is no API server: its /version is not JSON") from None
    except ApiError as error:
        if isinstance(error, Unauthorized | InternalError | ServiceUnavailable):
            raise NotAnswering(str(error)) from None
        return "unknown"
    except ClientError as error:
        raise NotAnswering(str(error)) from None
    return str(answer.get("gitVersion", "unknown")) if isinstance(answer, dict) else "unknown"


def _print(summary: dict[str, str]) -> None:
    table = Table.grid(padding=(0, 2))
    for key, value in summary.items():
        table.add_row(f"[bold]{key}[/bold]", value)
    Console(stderr=True, highlight=False).print(table)

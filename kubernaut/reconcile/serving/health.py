"""Liveness and readiness: named checks, and the application that answers them as controller-runtime's healthz does."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import parse_qs

import anyio

from kubernaut.reconcile.log import logger
from kubernaut.reconcile.serving.asgi import App, Receive, Scope, Send, not_found, only_reads, respond

__all__ = ["Check", "Checks", "probes_app"]

Answer = bool | str | None
Check = Callable[[], Answer | Awaitable[Answer]]
"""Healthy: None, True or "". Not healthy: a text that says why, False, or any exception raised."""

CHECK_SECONDS = 5.0

_log = logger("kubernaut.serving")


class Checks:
    """Named checks that must all hold, and facts that are only shown.

    `timeout`: a check that takes more seconds than this has failed.
    """

    def __init__(self, *, timeout: float = CHECK_SECONDS) -> None:
        self._timeout = timeout
        self._checks: dict[str, Check] = {}
        self._facts: dict[str, Callable[[], str]] = {}

    @property
    def names(self) -> list[str]:
        """The checks there are."""
        return list(self._checks)

    def add(self, name: str, check: Check) -> None:
        """Add a check. Raises ValueError for a name that is taken, or that cannot be part of a path."""
        self._free(name)
        self._checks[name] = check

    def show(self, name: str, state: Callable[[], str]) -> None:
        """Show a fact that does not decide (a standby is ready, leader or not). Raises ValueError as `add` does."""
        self._free(name)
        self._facts[name] = state

    def remove(self, name: str) -> None:
        """Take a check or a fact out; harmless when there is none of that name."""
        self._checks.pop(name, None)
        self._facts.pop(name, None)

    async def run(self, exclude: Iterable[str] = ()) -> dict[str, str | None]:
        """Run all checks but those to `exclude`, together: name -> None when it holds, else why not."""
        left_out = tuple(exclude)
        found: dict[str, str | None] = dict.fromkeys(name for name in self._checks if name not in left_out)
        waiting: list[tuple[str, Awaitable[Answer]]] = []
        for name in found:
            try:
                answer = self._checks[name]()
            except Exception as error:
                found[name] = _why(error)
                continue
            if inspect.isawaitable(answer):
                waiting.append((name, answer))
            else:
                found[name] = _reason(answer)
        if waiting:
            async with anyio.create_task_group() as group:
                for name, awaitable in waiting:
                    group.start_soon(self._finish, name, awaitable, found)
        return found

    async def run_one(self, name: str) -> str | None:
        """Run one check: None when it holds, else why not. Raises KeyError when there is none of that name."""
        checks = Checks(timeout=self._timeout)
        checks.add(name, self._checks[name])
        return (await checks.run())[name]

    def facts(self) -> dict[str, str]:
        """The facts as they are now; one that cannot be told says why."""
        told = {}
        for name, state in self._facts.items():
            try:
                told[name] = state()
            except Exception as error:
                told[name] = _why(error)
        return told

    async def _finish(self, name: str, awaitable: Awaitable[Answer], found: dict[str, str | None]) -> None:
        try:
            with anyio.fail_after(self._timeout):
                found[name] = _reason(await awaitable)
        except TimeoutError as error:
            found[name] = str(error) or f"no answer within {self._timeout:g} s"
        except Exception as error:
            found[name] = _why(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            found[name] = "the check was cancelled"

    def _free(self, name: str) -> None:
        if not name or "/" in name or any(letter.isspace() for letter in name):
            raise ValueError(f"a check's name is part of a path, without slashes and spaces: {name!r} is not")
        if name in self._checks or name in self._facts:
            raise ValueError(f"there is a check named {name!r} already")


def _reason(answer: object) -> str | None:
    if answer is None or answer is True or answer == "":
        return None
    return answer if isinstance(answer, str) else f"the check answered {answer!r}"


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__


class _Endpoint:
    """One set of checks under one path."""

    def __init__(self, path: str, checks: Checks) -> None:
        self.path = path
        self._checks = checks
        self._failing: dict[str, str] = {}

    async def serve(self, scope: Scope, send: Send) -> None:
        name = scope["path"][len(self.path) :].strip("/")
        if not name:
            await self._all(scope, send)
        elif name in self._checks.names:
            reason = await self._checks.run_one(name)
            if reason is None:
                await respond(send, 200, "ok")
            else:
                await respond(send, 500, f"internal server error: {reason}\n")
        elif name == "ping" and not self._checks.names:
            await respond(send, 200, "ok")
        else:
            await not_found(send)

    async def _all(self, scope: Scope, send: Send) -> None:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        exclude = list(dict.fromkeys(query.get("exclude", ())))
        found = await self._checks.run(exclude)
        failing = {name: reason for name, reason in found.items() if reason is not None}
        self._note(failing)
        if not failing and "verbose" not in query:
            await respond(send, 200, "ok")
            return
        # Whoever may ask need not be allowed to know: the reason is in our log, and under the check's own path.
        lines = {name: "failed: reason withheld" if reason else "ok" for name, reason in found.items()}
        lines |= {name: "excluded: ok" for name in exclude if name in self._checks.names}
        if not lines:
            lines["ping"] = "ok"
        text = [f"[{'-' if name in failing else '+'}]{name} {state}" for name, state in sorted(lines.items())]
        text += [f"[i]{name}: {state}" for name, state in sorted(self._checks.facts().items())]
        unknown = [f'"{name}"' for name in exclude if name not in self._checks.names]
        if unknown:
            text.append(f"warn: some health checks cannot be excluded: no matches for {','.join(unknown)}")
        verdict = "failed" if failing else "passed"
        text.append(f"{self.path.strip('/')} check {verdict}\n")
        await respond(send, 500 if failing else 200, "\n".join(text))

    def _note(self, failing: dict[str, str]) -> None:
        """Log what begins and ceases to fail; a probe every few seconds must not fill the log."""
        if failing != self._failing:
            if failing:
                _log.warning("a probe fails", path=self.path, failing=failing)
            else:
                _log.info("the probe passes again", path=self.path)
        self._failing = failing


def probes_app(healthz: Checks, readyz: Checks) -> App:
    """Answers `/healthz`, `/readyz` and, for each check, `/healthz/<check>`: 200, or 500 when a check fails.

    As controller-runtime's: the text is "ok", or with `?verbose` and on failure a line for each check; `?exclude=name`
    leaves a check out. Without any check there is one, `ping`, that holds.
    """
    endpoints = (_Endpoint("/healthz", healthz), _Endpoint("/readyz", readyz))

    async def probes(scope: Scope, receive: Receive, send: Send) -> None:
        for endpoint in endpoints:
            if scope["path"] == endpoint.path or scope["path"].startswith(endpoint.path + "/"):
                if await only_reads(scope, send):
                    await endpoint.serve(scope, send)
                return
        await not_found(send)

    return probes

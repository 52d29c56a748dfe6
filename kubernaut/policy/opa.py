"""A policy server that speaks OPA's REST API."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from kubernaut.client.http import http_client
from kubernaut.policy.decision import PolicyDecision, PolicyInput
from kubernaut.policy.evaluator import PolicyUnavailable, parse_decision
from kubernaut.timing import hold

_SHOWN = 300
_PASSING = (408, 429, 500, 502, 503, 504)


class OpaEvaluator:
    """Asks `POST {url}/v1/data/{path}` of OPA's data API, `{"input": ...}` in and the decision document out.

    The answer's `decision_id` is kept with the decision, so that OPA's own decision log can be found again; the
    revision is that of OPA's bundles. `timeout` (seconds) bounds each attempt; what may pass (no connection, 5xx, 429)
    is tried `retries` more times, `pause` seconds apart, all within one call of `evaluate`. `token` is sent as a bearer
    token; `verify` may be a TLS context with a CA of your own.

    Use it as an async context manager, or call `aclose`.
    """

    name = "opa"

    def __init__(
        self,
        url: str,
        *,
        path: str = "kubernaut/decision",
        token: str | None = None,
        timeout: float = 2.0,
        retries: int = 2,
        pause: float = 0.2,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if timeout <= 0:
            raise ValueError(f"timeout: must be longer than zero, got {timeout}")
        if retries < 0:
            raise ValueError(f"retries: must not be negative, got {retries}")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._client = http_client(
            url.rstrip("/"), timeout=timeout, headers=headers, verify=verify, transport=transport
        )
        self._path = f"/v1/data/{quote(path.strip('/'))}"
        self._timeout, self._retries, self._pause = timeout, retries, pause
        self._revision = ""

    @property
    def revision(self) -> str:
        """That of the bundles at the last answer; empty before the first, or where OPA has none."""
        return self._revision

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def evaluate(self, input: PolicyInput) -> PolicyDecision:
        """Raises PolicyUnavailable when there was no well-formed answer, after the retries where those could help."""
        answer = await self._answer({"input": input.to_document()})
        if "result" not in answer:
            raise PolicyUnavailable(f"opa: {self._path} is undefined for this input: is the bundle loaded?")
        self._revision = _revision(answer)
        return parse_decision(
            answer["result"], evaluator=self.name, revision=self._revision, decision_id=_text(answer.get("decision_id"))
        )

    async def _answer(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        for attempt in range(self._retries + 1):
            try:
                return await self._ask(body)
            except _MayPass as error:
                if attempt == self._retries:
                    raise PolicyUnavailable(f"opa: {error}") from error.__cause__
                await asyncio.sleep(self._pause)
        raise AssertionError("unreachable")

    async def _ask(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            # Time in a test may be virtual, but the server's is not.
            with hold():
                async with asyncio.timeout(self._timeout):
                    response = await self._client.post(self._path, json=body, params={"provenance": "true"})
        except TimeoutError:
            raise _MayPass(f"no answer within {self._timeout:g} s") from None
        except httpx.HTTPError as error:
            raise _MayPass(f"cannot be reached: {error or type(error).__name__}") from error
        if response.status_code in _PASSING:
            raise _MayPass(_told(response))
        if response.status_code != 200:
            raise PolicyUnavailable(f"opa: {_told(response)}")
        try:
            answer = response.json()
        except ValueError:
            raise PolicyUnavailable("opa: the answer is not JSON") from None
        if not isinstance(answer, Mapping):
            raise PolicyUnavailable(f"opa: the answer must be an object, got {answer!r}")
        return answer


class _MayPass(Exception):
    """A failure that another attempt may not meet."""


def _told(response: httpx.Response) -> str:
    return f"answered {response.status_code}: {response.text[:_SHOWN]}"


def _revision(answer: Mapping[str, Any]) -> str:
    provenance = answer.get("provenance")
    if not isinstance(provenance, Mapping):
        return ""
    bundles = provenance.get("bundles")
    if isinstance(bundles, Mapping) and bundles:
        parts = [f"{name}@{_text(bundle.get('revision'))}" for name, bundle in sorted(bundles.items())]
        return ",".join(parts)
    return _text(provenance.get("revision"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

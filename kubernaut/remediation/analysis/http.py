"""An analyzer that is an HTTP service, such as one in front of HolmesGPT: its answer is read with suspicion."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from kubernaut.client.http import http_client
from kubernaut.remediation.analysis.analyzer import (
    AnalysisInput,
    AnalysisResult,
    AnalyzerError,
    AnalyzerUnavailable,
    Answer,
)
from kubernaut.remediation.processing.texts import line
from kubernaut.timing import hold

MAX_ANSWER = 1024 * 1024
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_WAIT = timedelta(minutes=10)
_SHOWN = 300
_PROBLEMS = 5


class HttpAnalyzer:
    """Asks `POST {url}`, the question as JSON in and an `Answer` as JSON out; see docs/analyzers.md for both.

    `timeout` (seconds) bounds one call from connecting to the last byte. `token_file` is read for each call, so that a
    token can be renewed; `token` is sent as it is. `ca_file`: the CA of the service, instead of the system's. An answer
    of more than `max_answer` bytes is refused before it is read to its end, as are compressed ones and redirects.

    The environment's proxy variables, `.netrc` and `SSL_CERT_FILE` are not looked at: facts about a cluster go to the
    configured address, or nowhere. Whatever may pass (no connection, no answer in time, 408, 425, 429 and 5xx) raises
    AnalyzerUnavailable, and the analysis asks again within its limit; it keeps the `Retry-After` of the answer.

    Use it as an async context manager, or call `aclose`.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "http",
        token: str | None = None,
        token_file: str | Path | None = None,
        ca_file: str | Path | None = None,
        timeout: float = 45.0,
        max_answer: int = MAX_ANSWER,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport` replaces the network, for tests. Raises ValueError, and OSError for a CA that is not there."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url: must be an http or https address, got {url!r}")
        if parts.username or parts.password:
            raise ValueError("url: must not hold credentials; use a token")
        if timeout <= 0:
            raise ValueError(f"timeout: must be longer than zero, got {timeout}")
        if max_answer <= 0:
            raise ValueError(f"max_answer: must be positive, got {max_answer}")
        if token and token_file:
            raise ValueError("token and token_file: give one of them")
        self.name = name
        self._url, self._timeout, self._max = url, timeout, max_answer
        self._token, self._token_file = token, Path(token_file) if token_file else None
        self._networked = transport is None
        if transport is None:
            verify = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
            # A transport of one's own is what keeps the proxies of the environment out.
            transport = httpx.AsyncHTTPTransport(verify=verify, trust_env=False)
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        self._client = http_client(timeout=timeout, headers=headers, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def analyze(self, question: AnalysisInput) -> AnalysisResult:
        """Raises AnalyzerUnavailable and AnalyzerError; nothing is tried again here."""
        try:
            # Time in a test may be virtual, but a server's is not.
            with hold() if self._networked else nullcontext():
                async with asyncio.timeout(self._timeout):
                    body = await self._ask(question)
        except TimeoutError:
            raise AnalyzerUnavailable(f"no answer within {self._timeout:g} s") from None
        except httpx.HTTPError as error:
            raise AnalyzerUnavailable(f"cannot be reached: {line(error, _SHOWN) or type(error).__name__}") from error
        return AnalysisResult(**self._answer(body).model_dump(), analyzer=self.name)

    async def _ask(self, question: AnalysisInput) -> bytes:
        headers = {"content-type": "application/json", **self._authorization()}
        async with self._client.stream("POST", self._url, content=question.to_json(), headers=headers) as response:
            if response.status_code != 200:
                raise await self._refusal(response)
            if response.headers.get("content-encoding", "identity") != "identity":
                raise AnalyzerError("the answer is compressed, which was not asked for")
            return await self._read(response, self._max)

    def _authorization(self) -> Mapping[str, str]:
        token = self._token
        if self._token_file is not None:
            try:
                token = self._token_file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise AnalyzerUnavailable(f"the token cannot be read: {line(error, _SHOWN)}") from error
        if token and not (token.isascii() and token.isprintable()):
            raise AnalyzerError("the token holds characters that a header cannot hold")
        return {"authorization": f"Bearer {token}"} if token else {}

    async def _read(self, response: httpx.Response, limit: int) -> bytes:
        """Raises AnalyzerError as soon as there are more than `limit` bytes."""
        parts, size = [], 0
        async for part in response.aiter_raw():
            size += len(part)
            if size > limit:
                raise AnalyzerError(f"the answer has more than {limit} bytes")
            parts.append(part)
        return b"".join(parts)

    async def _refusal(self, response: httpx.Response) -> AnalyzerError:
        code = response.status_code
        if 300 <= code < 400:
            return AnalyzerError(f"HTTP {code}: redirects are not followed")
        try:
            told = line((await self._read(response, self._max)).decode("utf-8", "replace")[:4096], _SHOWN)
        except AnalyzerError as error:
            told = str(error)
        message = f"HTTP {code}: {told}" if told else f"HTTP {code}"
        if code in _PASSING:
            return AnalyzerUnavailable(message, retry_after=_retry_after(response))
        return AnalyzerError(message)

    def _answer(self, body: bytes) -> Answer:
        try:
            return Answer.model_validate_json(body)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            told = [f"{_path(detail['loc'])}: {detail['msg']}" for detail in found[:_PROBLEMS]]
            more = f"; and {len(found) - _PROBLEMS} more" if len(found) > _PROBLEMS else ""
            raise AnalyzerError(f"the answer does not fit the schema: {line('; '.join(told))}{more}") from None


def _path(location: tuple[Any, ...]) -> str:
    return ".".join(line(part, 63) for part in location) or "the answer"


def _retry_after(response: httpx.Response) -> timedelta | None:
    """Seconds only; a date is left to our own back-off."""
    told = response.headers.get("retry-after", "")
    return min(timedelta(seconds=int(told)), _LONGEST_WAIT) if told.isdecimal() and len(told) < 9 else None

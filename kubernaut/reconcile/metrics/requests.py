"""Requests to the API server, counted and timed in a transport, under client-go's names (tools/metrics)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from prometheus_client.core import Metric

from kubernaut.client import Transport, TransportRequest, TransportResponse
from kubernaut.reconcile.metrics.series import Histogram, counter, histogram

__all__ = ["MeteredTransport", "RequestFigures"]

REQUEST_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
NO_ANSWER = "<error>"
"""The code of a request that got no response: client-go's word, which keeps error texts out of the labels."""


class RequestFigures:
    """What all metered transports of one registry count into."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str, str], int] = {}
        self.seconds: dict[tuple[str, str], Histogram] = {}

    def answered(self, code: str, method: str, host: str) -> None:
        """A request got a response of status `code`, or none."""
        key = (code, method, host)
        self.answers[key] = self.answers.get(key, 0) + 1

    def took(self, method: str, host: str, seconds: float) -> None:
        """A request was finished, its response read, after `seconds`."""
        series = self.seconds.get((method, host))
        if series is None:
            series = self.seconds[method, host] = Histogram(REQUEST_SECONDS)
        series.observe(seconds)

    def families(self) -> Iterator[Metric]:
        """The families `rest_client_*`; a series appears with its first request."""
        requests = counter(
            "rest_client_requests_total",
            "Number of HTTP requests, partitioned by status code, method, and host",
            ("code", "method", "host"),
        )
        durations = histogram(
            "rest_client_request_duration_seconds",
            "Request latency in seconds, by verb and host; streams are left out",
            ("verb", "host"),
        )
        for key, count in list(self.answers.items()):
            requests.add_metric(key, count)
        for labels, series in list(self.seconds.items()):
            durations.add_metric(labels, series.buckets(), series.sum)
        yield from (requests, durations)


class MeteredTransport:
    """A transport that counts each request of `inner` by its answer, and times those that are no streams.

    A watch would only tell how long watches live, so a stream is counted and not timed, as in client-go.
    """

    def __init__(self, inner: Transport, host: str, figures: RequestFigures) -> None:
        self._inner = inner
        self._host = host
        self._figures = figures

    def open(self, request: TransportRequest) -> AbstractAsyncContextManager[TransportResponse]:
        """As the inner transport's."""
        return _Metered(self._inner.open(request), request, self._host, self._figures)

    async def refresh(self) -> bool:
        """As the inner transport's."""
        return await self._inner.refresh()

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()


class _Metered:
    """One request, on its way or being read."""

    __slots__ = ("_figures", "_host", "_opening", "_request", "_since")

    def __init__(
        self,
        opening: AbstractAsyncContextManager[TransportResponse],
        request: TransportRequest,
        host: str,
        figures: RequestFigures,
    ) -> None:
        self._opening = opening
        self._request = request
        self._host = host
        self._figures = figures
        self._since = 0.0

    async def __aenter__(self) -> TransportResponse:
        self._since = asyncio.get_running_loop().time()
        try:
            response = await self._opening.__aenter__()
        except BaseException:
            self._figures.answered(NO_ANSWER, self._request.method, self._host)
            self._time()
            raise
        self._figures.answered(str(response.status), self._request.method, self._host)
        return response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            return await self._opening.__aexit__(kind, error, traceback)
        finally:
            self._time()

    def _time(self) -> None:
        if not self._request.stream:
            seconds = asyncio.get_running_loop().time() - self._since
            self._figures.took(self._request.method, self._host, seconds)

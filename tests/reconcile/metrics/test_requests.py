"""Requests to the API server, counted and timed in the transport, as client-go's rest client does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kubernaut.client import Client, Transport, TransportError, TransportRequest, TransportResponse, Unauthorized
from kubernaut.reconcile.metrics import RuntimeMetrics
from tests.reconcile.metrics.helpers import scraped

pytestmark = pytest.mark.virtual_time

HOST = "10.0.0.1:6443"


class Wire:
    """Answers after half a second with `status`, its body half a second later; raises `error` instead."""

    def __init__(self, status: int = 200, error: Exception | None = None) -> None:
        self.status = status
        self.error = error
        self.refreshed = 0
        self.closed = False

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        await asyncio.sleep(0.5)
        if self.error is not None:
            raise self.error
        yield TransportResponse(self.status, {}, self._body())

    async def _body(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(0.5)
        yield b"{}"

    async def refresh(self) -> bool:
        self.refreshed += 1
        self.status = 200
        return True

    async def aclose(self) -> None:
        self.closed = True


async def send(transport: Transport, request: TransportRequest) -> bytes:
    async with transport.open(request) as response:
        return b"".join([chunk async for chunk in response.chunks])


async def test_a_request_is_counted_by_code_method_and_host() -> None:
    metrics = RuntimeMetrics()
    transport = metrics.metered(Wire(), HOST)
    for method in ("GET", "GET", "PATCH"):
        await send(transport, TransportRequest(method, "/api"))
    await send(metrics.metered(Wire(409), HOST), TransportRequest("PATCH", "/api"))
    await send(metrics.metered(Wire(), "other"), TransportRequest("GET", "/api"))
    assert scraped(metrics)["rest_client_requests_total"] == {
        ("200", HOST, "GET"): 2,
        ("200", HOST, "PATCH"): 1,
        ("409", HOST, "PATCH"): 1,
        ("200", "other", "GET"): 1,
    }


async def test_the_latency_of_a_request_is_until_its_body_is_read() -> None:
    metrics = RuntimeMetrics()
    await send(metrics.metered(Wire(), HOST), TransportRequest("GET", "/api"))
    found = scraped(metrics)
    assert found["rest_client_request_duration_seconds_sum"][HOST, "GET"] == pytest.approx(1.0)
    bounds = [float(labels[1]) for labels in found["rest_client_request_duration_seconds_bucket"]]
    assert bounds == [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, float("inf")]


async def test_a_stream_is_counted_and_not_timed() -> None:
    metrics = RuntimeMetrics()
    await send(metrics.metered(Wire(), HOST), TransportRequest("GET", "/api", stream=True))
    found = scraped(metrics)
    assert found["rest_client_requests_total"] == {("200", HOST, "GET"): 1}
    assert "rest_client_request_duration_seconds_count" not in found


async def test_a_request_without_an_answer_is_an_error_without_its_text() -> None:
    metrics = RuntimeMetrics()
    with pytest.raises(TransportError):
        await send(metrics.metered(Wire(error=TransportError("refused")), HOST), TransportRequest("GET", "/api"))
    found = scraped(metrics)
    assert found["rest_client_requests_total"] == {("<error>", HOST, "GET"): 1}
    assert found["rest_client_request_duration_seconds_sum"][HOST, "GET"] == pytest.approx(0.5)


async def test_a_request_that_is_cancelled_is_counted_and_cancelled() -> None:
    metrics = RuntimeMetrics()
    task = asyncio.create_task(send(metrics.metered(Wire(), HOST), TransportRequest("GET", "/api")))
    await asyncio.sleep(0.25)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scraped(metrics)["rest_client_requests_total"] == {("<error>", HOST, "GET"): 1}


async def test_a_failure_while_reading_is_no_second_request() -> None:
    metrics = RuntimeMetrics()
    with pytest.raises(RuntimeError, match="reader"):
        async with metrics.metered(Wire(), HOST).open(TransportRequest("GET", "/api")):
            raise RuntimeError("reader")
    found = scraped(metrics)
    assert found["rest_client_requests_total"] == {("200", HOST, "GET"): 1}
    assert found["rest_client_request_duration_seconds_count"] == {(HOST, "GET"): 1}


async def test_a_401_is_counted_and_refreshed_through_the_wrapper() -> None:
    metrics = RuntimeMetrics()
    wire = Wire(401)
    client = Client(wire).through(lambda inner: metrics.metered(inner, HOST))
    await client.request("GET", "/api")
    assert wire.refreshed == 1
    assert scraped(metrics)["rest_client_requests_total"] == {("401", HOST, "GET"): 1, ("200", HOST, "GET"): 1}


async def test_a_401_without_newer_credentials_stays_one() -> None:
    class Fixed(Wire):
        async def refresh(self) -> bool:
            return False

    metrics = RuntimeMetrics()
    client = Client(Fixed(401)).through(lambda inner: metrics.metered(inner, HOST))
    with pytest.raises(Unauthorized):
        await client.request("GET", "/api")


async def test_closing_the_wrapper_closes_the_transport() -> None:
    wire = Wire()
    await RuntimeMetrics().metered(wire, HOST).aclose()
    assert wire.closed

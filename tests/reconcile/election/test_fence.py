"""No write is sent after the last successful renewal was sent plus the renew deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from kubernaut.client import Client, TransportRequest, TransportResponse
from kubernaut.reconcile.election import FencedTransport, LeadershipLost, NotLeading
from kubernaut.reconcile.election.fence import LeaseFence
from kubernaut.resources.builtin.core_v1 import ConfigMap
from kubernaut.resources.meta import ObjectMeta
from tests.reconcile.election.tapped import LOST_ANSWER, Tapped, block, elector, now, seconds

pytestmark = pytest.mark.virtual_time


class Recording:
    """A transport that answers everything and remembers what was sent, and when."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, TransportRequest]] = []
        self.refreshed = False
        self.closed = False

    @asynccontextmanager
    async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
        self.sent.append((now(), request))
        yield TransportResponse(200, {}, _nothing())

    async def refresh(self) -> bool:
        self.refreshed = True
        return True

    async def aclose(self) -> None:
        self.closed = True


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


def open_until(deadline: float) -> LeaseFence:
    fence = LeaseFence("w")
    assert fence.extend(deadline)
    return fence


async def send(transport: FencedTransport, method: str, *, stream: bool = False, timeout: float | None = 60) -> None:
    async with transport.open(TransportRequest(method, "/x", stream=stream, timeout=timeout)):
        return


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_write_is_refused_before_leading_and_after_an_orderly_end(method: str) -> None:
    inner, fence = Recording(), LeaseFence("w")
    with pytest.raises(NotLeading, match="lease w"):
        await send(FencedTransport(inner, fence, 5), method)
    fence.extend(10)
    fence.close()
    with pytest.raises(NotLeading):
        await send(FencedTransport(inner, fence, 5), method)
    assert inner.sent == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_reads_and_watches_pass_whatever_the_fence_says(method: str) -> None:
    inner, fence = Recording(), LeaseFence("w")
    await send(FencedTransport(inner, fence, 5), method)
    await send(FencedTransport(inner, fence, 5), method, stream=True, timeout=None)
    assert [request.timeout for _, request in inner.sent] == [60, None]


async def test_a_write_passes_until_the_deadline_and_not_at_it() -> None:
    inner = Recording()
    transport = FencedTransport(inner, open_until(10), 5)
    await anyio.sleep(9.999)
    await send(transport, "PUT")
    await anyio.sleep(0.001)
    with pytest.raises(LeadershipLost):
        await send(transport, "PUT")
    assert len(inner.sent) == 1


async def test_a_streaming_write_is_a_write() -> None:
    with pytest.raises(NotLeading):
        await send(FencedTransport(Recording(), LeaseFence("w"), 5), "POST", stream=True)


@pytest.mark.parametrize(("asked", "sent"), [(None, 5), (60, 5), (5, 5), (3, 3)])
async def test_a_fenced_write_times_out_before_the_lease_can_be_anothers(asked: float | None, sent: float) -> None:
    inner = Recording()
    await send(FencedTransport(inner, open_until(10), 5), "PUT", timeout=asked)
    assert inner.sent[0][1].timeout == sent


async def test_the_fence_is_asked_when_the_request_is_sent_not_when_it_is_made() -> None:
    transport = FencedTransport(Recording(), open_until(10), 5)
    context = transport.open(TransportRequest("PUT", "/x"))
    await anyio.sleep(10)
    with pytest.raises(LeadershipLost):
        async with context:
            pass


async def test_a_write_that_waited_on_its_way_asks_the_fence_again_when_it_is_sent() -> None:
    inner = Recording()
    await send(FencedTransport(inner, open_until(10), 5), "PUT")
    ((_, request),) = inner.sent
    assert request.check is not None
    request.check()
    await anyio.sleep(10)
    with pytest.raises(LeadershipLost):
        request.check()


async def test_a_read_asks_no_fence_on_its_way() -> None:
    inner = Recording()
    await send(FencedTransport(inner, open_until(10), 5), "GET")
    assert inner.sent[0][1].check is None


async def test_of_two_fences_both_are_asked_when_a_write_is_sent() -> None:
    inner = Recording()
    await send(FencedTransport(FencedTransport(inner, open_until(10), 5), open_until(5), 5), "PUT")
    check = inner.sent[0][1].check
    assert check is not None
    check()
    await anyio.sleep(5)
    with pytest.raises(LeadershipLost):
        check()


async def test_refresh_and_close_reach_the_transport_within() -> None:
    inner = Recording()
    transport = FencedTransport(inner, LeaseFence("w"), 5)
    assert await transport.refresh() and inner.refreshed
    await transport.aclose()
    assert inner.closed


async def test_a_deadline_that_was_missed_is_missed_for_good() -> None:
    fence = open_until(10)
    await anyio.sleep(10)
    assert not fence.extend(20)
    with pytest.raises(LeadershipLost, match="not renewed before the renew deadline"):
        fence.check()


async def test_an_acquisition_that_is_answered_after_its_own_deadline_opens_nothing() -> None:
    fence = LeaseFence("w")
    await anyio.sleep(11)
    assert not fence.extend(10)
    with pytest.raises(NotLeading):
        fence.check()


async def test_the_deadline_counts_from_before_the_renewal_was_sent() -> None:
    wire = Tapped()
    contender = elector(wire)
    await contender.acquire()

    class Slow(Tapped):
        @asynccontextmanager
        async def open(self, request: TransportRequest) -> AsyncIterator[TransportResponse]:
            async with super().open(request) as response:
                await anyio.sleep(3)
                yield response

    slow = elector(Slow(), renew_deadline=seconds(10))
    began = now()
    assert await slow.attempt()
    assert now() == began + 6, "a read and a write, three seconds each"
    assert slow.fence.deadline == began + 3 + 10


async def test_a_renewal_that_happened_but_was_not_answered_moves_no_deadline() -> None:
    wire = Tapped()
    contender = elector(wire)
    await contender.acquire()
    deadline = contender.fence.deadline
    wire.down = LOST_ANSWER
    assert not await contender.attempt()
    assert contender.fence.deadline == deadline


async def test_a_loop_that_was_blocked_for_20_seconds_sends_no_write_when_it_resumes() -> None:
    wire, inner = Tapped(), Recording()
    contender = elector(wire)
    await contender.acquire()
    client = Client(FencedTransport(inner, contender.fence, 5))
    await anyio.sleep(1)
    outcomes: list[type[BaseException] | None] = []

    async def write() -> None:
        await anyio.sleep(1)  # falls due while the loop is blocked
        try:
            await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default")))
            outcomes.append(None)
        except LeadershipLost as lost:
            outcomes.append(type(lost))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(write)
        await anyio.sleep(0.5)
        asyncio.get_running_loop().call_soon(block, 20)
    assert outcomes == [LeadershipLost] * 3
    assert inner.sent == []


@pytest.mark.parametrize("pause", [10, 20, 3600])
async def test_a_leader_that_was_blocked_past_its_deadline_has_lost_and_renews_no_more(pause: float) -> None:
    wire = Tapped()
    contender = elector(wire)
    await contender.acquire()
    asyncio.get_running_loop().call_later(5, block, pause)
    with pytest.raises(LeadershipLost):
        await contender.renew()
    sent = wire.ops.count("update")
    assert not await contender.attempt()
    assert wire.ops.count("update") == sent, "a renewal now would only keep others waiting"


async def test_a_short_block_costs_nothing() -> None:
    wire = Tapped()
    contender = elector(wire)
    await contender.acquire()
    asyncio.get_running_loop().call_later(5, block, 7)
    with anyio.move_on_after(30):
        await contender.renew()
    assert contender.fence.open

"""Plain requests over HTTP: what goes out, what comes back, and what is made of a server that misbehaves."""

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from kubernaut.client import TransportError, TransportRequest, TransportTimeout
from kubernaut.client.transports.kubernetes_asyncio import TransportOptions
from kubernaut.client.transports.kubernetes_asyncio.sockets import MIN_DEAD_AFTER, socket_options
from tests.client.transports.wire import Exchange, config, get, ok, serving, transport_to, whole, zipped

LARGE = b"x" * (3 << 20)


async def test_path_query_headers_and_body_go_out_as_they_are_given() -> None:
    request = TransportRequest(
        "PATCH",
        "/api/v1/namespaces/a%20b/pods",
        (("labelSelector", "app in (a,b)"), ("fieldManager", "me&you")),
        {"content-type": "application/apply-patch+yaml", "impersonate-group": ("a", "b"), "user-agent": "me/1"},
        b'{"a":1}',
    )
    async with serving(ok) as wire, transport_to(wire.url) as transport:
        await whole(transport, request)
    (asked,) = wire.asked
    assert asked.method == "PATCH"
    assert asked.target == "/api/v1/namespaces/a%20b/pods?labelSelector=app+in+%28a%2Cb%29&fieldManager=me%26you"
    assert asked.body == b'{"a":1}'
    assert asked.all("impersonate-group") == ["a", "b"]
    assert asked.all("content-type") == ["application/apply-patch+yaml"]
    assert asked.all("user-agent") == ["me/1"]
    assert asked.all("accept-encoding") == ["gzip"]


async def test_status_and_headers_come_back_in_lower_case_and_repeated_ones_joined() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(429, b"busy", "Retry-After: 7", 'Warning: 299 - "a"', 'Warning: 299 - "b"')

    async with serving(script) as wire, transport_to(wire.url) as transport:
        response, body = await whole(transport)
    assert (response.status, body) == (429, b"busy")
    assert response.headers["retry-after"] == "7"
    assert response.headers["warning"] == '299 - "a", 299 - "b"'


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(307, b"", "Location: /elsewhere")

    async with serving(script) as wire, transport_to(wire.url) as transport:
        response, _ = await whole(transport)
    assert (response.status, len(wire.asked)) == (307, 1)


async def test_three_mebibytes_go_out_and_come_back() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(201, exchange.asked.body)

    async with serving(script) as wire, transport_to(wire.url) as transport:
        response, body = await whole(transport, TransportRequest("POST", "/x", body=LARGE))
    assert (response.status, body == LARGE) == (201, True)


async def test_a_compressed_answer_is_unpacked_and_looks_as_if_it_never_was() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, zipped(LARGE), "Content-Encoding: gzip")

    async with serving(script) as wire, transport_to(wire.url) as transport:
        response, body = await whole(transport)
    assert body == LARGE
    assert {"content-encoding", "content-length"}.isdisjoint(response.headers)


@pytest.mark.parametrize("where", ["options", "kubeconfig"])
async def test_compression_can_be_switched_off(where: str) -> None:
    async with serving(ok) as wire:
        cluster = {"disable-compression": True} if where == "kubeconfig" else {}
        options = TransportOptions(compression=where != "options")
        async with transport_to(config(wire.url, cluster=cluster), options) as transport:
            await whole(transport)
    assert wire.asked[0].header("accept-encoding") == "identity"


async def test_a_path_in_the_servers_url_goes_before_every_path() -> None:
    async with serving(ok) as wire, transport_to(f"{wire.url}/k8s/clusters/x/") as transport:
        await whole(transport, get("/api/v1/pods"))
        host = transport.host
    assert wire.asked[0].target == "/k8s/clusters/x/api/v1/pods"
    assert f"http://{host}" == wire.url


async def test_ipv6_addresses_are_reached() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    async with serving(ok, host="::1") as wire, transport_to(wire.url) as transport:
        response, _ = await whole(transport)
        assert transport.host.startswith("[::1]:")
    assert response.status == 200


async def test_a_connection_serves_one_request_after_the_other() -> None:
    async with serving(ok) as wire, transport_to(wire.url) as transport:
        for _ in range(5):
            await whole(transport)
    assert (len(wire.asked), wire.connections) == (5, 1)


async def test_without_keep_alive_each_request_has_its_own_connection() -> None:
    async with serving(ok) as wire, transport_to(wire.url, TransportOptions(keep_alive=0)) as transport:
        for _ in range(3):
            await whole(transport)
    assert wire.connections == 3


async def test_more_requests_than_max_connections_wait_for_their_turn() -> None:
    running = most = 0

    async def script(exchange: Exchange) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        await ok(exchange)

    async with serving(script) as wire, transport_to(wire.url, TransportOptions(max_connections=3)) as transport:
        await asyncio.gather(*(whole(transport) for _ in range(20)))
    assert (most, len(wire.asked)) == (3, 20)


async def test_the_check_of_a_request_is_called_when_its_wait_for_a_connection_is_over() -> None:
    def check() -> None:
        raise LookupError("too late")

    async with serving(Exchange.hang) as wire, transport_to(wire.url, TransportOptions(max_connections=1)) as transport:
        hanging = asyncio.create_task(whole(transport))
        await wire.until(lambda: len(wire.asked) == 1)
        waiting = asyncio.create_task(whole(transport, TransportRequest("PUT", "/x", check=check)))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        hanging.cancel()
        await asyncio.wait([hanging, waiting])
        with pytest.raises(LookupError, match="too late"):
            waiting.result()
        assert len(wire.asked) == 1


async def test_no_answer_within_the_timeout_is_a_timeout_and_drops_the_connection() -> None:
    async with serving(Exchange.hang) as wire, transport_to(wire.url) as transport:
        with pytest.raises(TransportTimeout, match=r"GET /x: no response in 0\.05 s"):
            await whole(transport, get(timeout=0.05))
        await wire.until(lambda: wire.open == 0)


async def test_the_timeout_counts_until_the_answer_is_complete() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.head(length=100)
        await exchange.send(b"half")
        await exchange.hang()

    async with serving(script) as wire, transport_to(wire.url) as transport:
        with pytest.raises(TransportTimeout):
            await whole(transport, get(timeout=0.05))
        await wire.until(lambda: wire.open == 0)


async def test_waiting_for_a_free_connection_counts_towards_the_timeout() -> None:
    async with serving(Exchange.hang) as wire, transport_to(wire.url, TransportOptions(max_connections=1)) as transport:
        hanging = asyncio.create_task(whole(transport))
        await wire.until(lambda: len(wire.asked) == 1)
        with pytest.raises(TransportTimeout):
            await whole(transport, get(timeout=0.02))
        hanging.cancel()
        await asyncio.wait([hanging])


async def test_a_listener_that_never_shakes_hands_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        options = TransportOptions(connect_timeout=0.05)
        async with transport_to(config(url, cluster={"insecure-skip-tls-verify": True}), options) as transport:
            with pytest.raises(TransportTimeout, match="takes no connection"):
                await whole(transport)


async def test_a_refused_connection_is_a_transport_error_that_names_the_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with transport_to(f"http://127.0.0.1:{port}") as transport:
        told = rf"^the API server at http://127.0.0.1:{port} cannot be reached: Connection refused \(GET /x\)$"
        with pytest.raises(TransportError, match=told):
            await whole(transport)


async def test_a_name_that_nobody_knows_is_a_transport_error() -> None:
    async with transport_to("http://no-such-host.invalid") as transport:
        with pytest.raises(TransportError, match=r"no-such-host\.invalid"):
            await whole(transport)


async def cut_off(exchange: Exchange) -> None:
    await exchange.head(length=100)
    await exchange.send(b"half")
    exchange.writer.close()


async def garbage(exchange: Exchange) -> None:
    await exchange.send(b"220 smtp.example.com ESMTP\r\n\r\n")
    exchange.writer.close()


async def gone(exchange: Exchange) -> None:
    exchange.writer.transport.abort()


async def no_gzip(exchange: Exchange) -> None:
    await exchange.answer(200, b"not packed at all", "Content-Encoding: gzip")


@pytest.mark.parametrize("script", [cut_off, garbage, gone, no_gzip])
async def test_half_an_answer_or_none_is_a_transport_error(script: Any) -> None:
    async with serving(script) as wire, transport_to(wire.url) as transport:
        with pytest.raises(TransportError, match=r"POST /x: ."):
            await whole(transport, TransportRequest("POST", "/x", body=b"{}"))


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("PUT", 1), ("DELETE", 1), ("PATCH", 1), ("POST", 1)])
async def test_only_a_read_is_sent_again_when_the_server_hangs_up(method: str, times: int) -> None:
    async with serving(gone) as wire, transport_to(wire.url) as transport:
        with pytest.raises(TransportError):
            await whole(transport, TransportRequest(method, "/x"))
    assert len(wire.asked) == times


async def test_a_cancelled_request_drops_its_connection_at_once() -> None:
    async with serving(Exchange.hang) as wire, transport_to(wire.url) as transport:
        task = asyncio.create_task(whole(transport))
        await wire.until(lambda: len(wire.asked) == 1)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await wire.until(lambda: wire.open == 0)


async def test_after_the_close_requests_are_refused_and_those_under_way_end() -> None:
    async with serving(Exchange.hang) as wire, transport_to(wire.url) as transport:
        task = asyncio.create_task(whole(transport))
        await wire.until(lambda: len(wire.asked) == 1)
        await transport.aclose()
        with pytest.raises(TransportError):
            await task
        with pytest.raises(TransportError, match="closed"):
            await whole(transport)
        with pytest.raises(TransportError, match="closed"):
            await whole(transport, get(stream=True))
        await transport.aclose()


@pytest.mark.parametrize("dead_after", [45, 6, MIN_DEAD_AFTER])
def test_a_dead_peer_is_found_in_the_time_that_was_chosen(dead_after: int) -> None:
    options = dict(socket_options(dead_after))
    assert options["TCP_KEEPIDLE"] + options["TCP_KEEPINTVL"] * options["TCP_KEEPCNT"] <= dead_after
    assert options["TCP_USER_TIMEOUT"] <= dead_after * 1000


async def test_sockets_find_a_dead_peer_in_45_seconds() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.head(chunked=True)
        await exchange.hang()

    async with serving(script) as wire, transport_to(wire.url) as transport, transport.open(get(stream=True)):
        (protocol,) = transport._pool.session.connector._acquired  # type: ignore[union-attr]
        connected = protocol.transport.get_extra_info("socket")  # type: ignore[union-attr]
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        for name, value in socket_options(TransportOptions().dead_after):
            if hasattr(socket, name):
                assert connected.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert TransportOptions().dead_after == 45


async def test_a_header_that_would_break_out_of_its_line_is_refused() -> None:
    async with serving(ok) as wire, transport_to(wire.url) as transport:
        with pytest.raises(ValueError, match=r"(?i)newline|carriage|header"):
            await whole(transport, get(headers={"impersonate-user": "a\r\nX-Evil: 1"}))
    assert wire.asked == []


async def test_requests_are_limited_when_asked_for() -> None:
    async with serving(ok) as wire, transport_to(wire.url, TransportOptions(qps=100, burst=2)) as transport:
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(whole(transport) for _ in range(7)))
        took = asyncio.get_running_loop().time() - began
    assert took >= 0.045  # the five beyond the burst, 10 ms each


@pytest.mark.parametrize(
    "wrong",
    [{"max_connections": 0}, {"keep_alive": -1}, {"connect_timeout": 0}, {"burst": 3}],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        TransportOptions(**wrong)

"""Addresses to listen on: how they are read, and what is said of those that cannot be used."""

import socket

import pytest

from kubernaut.reconcile.serving import Bind, BindError, HttpServer
from tests.reconcile.serving.helpers import hello

IPV6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":8080", "", 8080),
        (":0", "", 0),
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("localhost:0", "localhost", 0),
        ("[::1]:8443", "::1", 8443),
        ("[::]:65535", "::", 65535),
    ],
)
def test_host_and_port_are_read(text: str, host: str, port: int) -> None:
    bind = Bind.parse(text)
    assert bind == Bind(host, port)
    assert str(bind) == text


@pytest.mark.parametrize("text", ["0", "", None])
def test_zero_and_nothing_mean_no_server(text: str | None) -> None:
    assert Bind.parse(text, "metrics_bind") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8080", "is no address"),
        ("localhost", "is no address"),
        (":", "the port is a number from 0 to 65535"),
        (":http", "the port is a number"),
        (":-1", "the port is a number"),
        (":65536", "the port is a number"),
        (":٣", "the port is a number"),
        ("::1:8080", "put an IPv6 address in brackets"),
        ("[::1:8080", "put an IPv6 address in brackets"),
        ("[localhost]:8080", "brackets are for IPv6 addresses"),
        ("http://localhost:8080", "put an IPv6 address in brackets|is no host name"),
        ("a b:8080", "is no host name"),
    ],
)
def test_what_is_no_address_is_refused_and_the_field_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^metrics_bind: .*({message})"):
        Bind.parse(text, "metrics_bind")


def test_a_server_for_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="metrics_bind: '0' means \"no server\""):
        HttpServer(hello, "0", name="metrics_bind")


async def test_an_address_in_use_is_an_error_at_the_start_that_names_the_field() -> None:
    async with HttpServer(hello, "127.0.0.1:0") as first:
        second = HttpServer(hello, f"127.0.0.1:{first.port}", name="health_bind")
        with pytest.raises(BindError, match=f"health_bind: cannot listen on 127.0.0.1:{first.port}: .*in use"):
            async with second:
                pass
        with pytest.raises(RuntimeError, match="not running"):
            _ = second.port


async def test_an_address_of_another_machine_is_an_error_at_the_start() -> None:
    with pytest.raises(BindError, match=r"metrics_bind: cannot listen on 192\.0\.2\.1:0"):
        await HttpServer(hello, "192.0.2.1:0", name="metrics_bind").run()


async def answers(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return probe.connect_ex((host, port)) == 0


@IPV6
async def test_without_a_host_both_ip_versions_are_served() -> None:
    async with HttpServer(hello, ":0") as server:
        assert await answers("127.0.0.1", server.port)
        assert await answers("::1", server.port)


@IPV6
async def test_an_ipv6_address_is_served_alone() -> None:
    async with HttpServer(hello, "[::1]:0") as server:
        assert await answers("::1", server.port)
        assert not await answers("127.0.0.1", server.port)
        assert server.url == f"http://[::1]:{server.port}"


async def test_an_ipv4_address_is_served_alone_and_a_name_by_its_ipv4_address() -> None:
    for bind in ("127.0.0.1:0", "localhost:0"):
        async with HttpServer(hello, bind) as server:
            assert await answers("127.0.0.1", server.port)
            if socket.has_dualstack_ipv6():
                assert not await answers("::1", server.port)


async def test_without_ipv6_a_bind_without_a_host_serves_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    async with HttpServer(hello, ":0") as server:
        assert await answers("127.0.0.1", server.port)

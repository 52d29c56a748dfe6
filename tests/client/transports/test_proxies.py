"""Proxies: which one leads to a server, by Go's rules, and requests that go through it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kubernaut.client import TransportError
from kubernaut.client.transports.kubernetes_asyncio import ConfigError
from kubernaut.client.transports.kubernetes_asyncio.proxies import environment_proxy
from kubernaut.client.transports.kubernetes_asyncio.target import Server
from tests.client.transports.wire import PEM, Exchange, Wire, config, ok, server_tls, serving, transport_to, whole


def chosen(url: str, **environment: str) -> str | None:
    return environment_proxy(Server.parse(url, "test", field="server", tls=True), environment)


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://api", {}, None),
        ("https://api", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://api", {"https_proxy": "http://p:3128"}, "http://p:3128"),
        ("https://api", {"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, "http://a"),
        ("https://api", {"HTTPS_PROXY": "p:3128"}, "http://p:3128"),
        ("https://api", {"HTTP_PROXY": "http://p"}, None),
        ("http://api", {"HTTP_PROXY": "http://p"}, "http://p"),
        ("https://localhost", {"HTTPS_PROXY": "http://p"}, None),
        ("https://127.0.0.2", {"HTTPS_PROXY": "http://p"}, None),
        ("https://[::1]", {"HTTPS_PROXY": "http://p"}, None),
    ],
)
def test_the_environment_names_a_proxy_for_each_scheme(
    url: str, environment: dict[str, str], proxy: str | None
) -> None:
    assert chosen(url, **environment) == proxy


@pytest.mark.parametrize(
    ("url", "exceptions", "direct"),
    [
        ("https://api", "*", True),
        ("https://api.example.com", "example.com", True),
        ("https://api.example.com", ".example.com", True),
        ("https://api.example.com", "*.example.com", True),
        ("https://example.com", ".example.com", False),
        ("https://example.com", "example.com", True),
        ("https://notexample.com", "example.com", False),
        ("https://API.Example.com", "other, API.EXAMPLE.COM", True),
        ("https://api:6443", "api:6443", True),
        ("https://api:6443", "api:443", False),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://11.1.2.3", "10.0.0.0/8", False),
        ("https://10.1.2.3", "10.1.2.3", True),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", True),
        ("https://[fd00::1]:6443", "fd00::/8", True),
        ("https://10.1.2.3", "nonsense/8,,", False),
    ],
)
def test_no_proxy_names_hosts_domains_networks_and_ports(url: str, exceptions: str, direct: bool) -> None:
    proxy = chosen(url, HTTPS_PROXY="http://p", NO_PROXY=exceptions)
    assert (proxy is None) == direct


@pytest.mark.parametrize("url", ["socks5://p:1080", "http://", "http://h:port"])
async def test_a_proxy_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="proxy-url: is no http or https URL"):
        async with transport_to(config("https://api", cluster={"proxy-url": url})):
            pass


@asynccontextmanager
async def tunnelling(tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """A proxy that connects to whatever is asked for."""

    async def script(exchange: Exchange) -> None:
        host, _, port = exchange.asked.target.rpartition(":")
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        await exchange.send(b"HTTP/1.1 200 OK\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(1 << 16):
                    sink.write(data)
                    await sink.drain()
            sink.transport.abort()

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(pump(exchange.reader, writer))
                group.create_task(pump(reader, exchange.writer))
        finally:
            writer.transport.abort()

    async with serving(script, tls) as wire:
        yield wire


async def test_tls_goes_through_a_tunnel_with_the_proxys_password() -> None:
    async with serving(ok, server_tls()) as wire, tunnelling() as proxy:
        cluster = {
            "certificate-authority": str(PEM / "first.crt"),
            "proxy-url": proxy.url.replace("http://", "http://me:secret@"),
        }
        async with transport_to(config(wire.url, cluster=cluster, token="t")) as transport:
            for _ in range(2):
                response, _ = await whole(transport)
    assert response.status == 200
    (connect,) = proxy.asked
    assert (connect.method, f"https://{connect.target}") == ("CONNECT", wire.url)
    assert connect.header("proxy-authorization") == "Basic bWU6c2VjcmV0"
    assert connect.header("authorization") is None
    assert wire.asked[0].header("authorization") == "Bearer t"
    assert wire.asked[0].header("proxy-authorization") is None


async def test_plain_http_is_handed_to_the_proxy_whole() -> None:
    async with serving(ok) as proxy:
        cluster = {"proxy-url": proxy.url.replace("http://", "http://me:secret@")}
        async with transport_to(config("http://api.example:8080/p", cluster=cluster)) as transport:
            response, _ = await whole(transport)
    assert response.status == 200
    assert proxy.asked[0].target == "http://api.example:8080/p/x"
    assert proxy.asked[0].header("proxy-authorization") == "Basic bWU6c2VjcmV0"


async def test_what_the_proxy_refuses_is_told_as_the_proxys_word() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(407, b"who are you")

    async with serving(script) as proxy:
        cluster = {"proxy-url": proxy.url}
        async with transport_to(config("https://api.example", cluster=cluster)) as transport:
            with pytest.raises(TransportError, match="the proxy answered 407"):
                await whole(transport)


async def test_the_environments_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(ok) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with transport_to("http://api.example") as transport:
            await whole(transport)
        monkeypatch.setenv("NO_PROXY", "api.example")
        async with transport_to("http://api.example") as transport:
            with pytest.raises(TransportError):
                await whole(transport)
    assert len(proxy.asked) == 1


async def test_a_proxy_may_be_spoken_to_over_tls() -> None:
    async with serving(ok, server_tls()) as wire, tunnelling(server_tls()) as proxy:
        cluster = {"certificate-authority": str(PEM / "first.crt"), "proxy-url": proxy.url}
        async with transport_to(config(wire.url, cluster=cluster)) as transport:
            response, _ = await whole(transport)
    assert (response.status, proxy.url[:6], len(proxy.asked)) == (200, "https:", 1)

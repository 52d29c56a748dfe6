"""TLS: who is trusted, who we are, and certificates that rotate on disk."""

import base64
import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest

from kubernaut.client import TransportError
from kubernaut.client.transports.kubernetes_asyncio import ConfigError, tls
from tests.client.transports.wire import PEM, Exchange, config, ok, sent, server_tls, serving, transport_to


def encoded(name: str) -> str:
    return base64.b64encode((PEM / name).read_bytes()).decode()


def trusting(which: str = "first") -> dict[str, Any]:
    return {"certificate-authority": str(PEM / f"{which}.crt")}


async def who(exchange: Exchange) -> None:
    """Answers 200 to the client with a certificate, 403 to others."""
    shown = exchange.writer.get_extra_info("ssl_object").getpeercert()
    await exchange.answer(200 if shown else 403)


@pytest.mark.parametrize("form", ["file", "data", "der"])
async def test_a_server_is_trusted_by_the_clusters_authority(form: str, tmp_path: Path) -> None:
    cluster: dict[str, Any] = trusting()
    if form == "data":
        cluster = {"certificate-authority-data": encoded("first.crt")}
    if form == "der":
        (tmp_path / "ca.der").write_bytes(ssl.PEM_cert_to_DER_cert((PEM / "first.crt").read_text()))
        cluster = {"certificate-authority": str(tmp_path / "ca.der")}
    async with serving(ok, server_tls()) as wire, transport_to(config(wire.url, cluster=cluster)) as transport:
        assert await sent(transport) == 200


async def test_another_authority_is_not_enough() -> None:
    async with serving(ok, server_tls()) as wire, transport_to(config(wire.url, cluster=trusting("ca"))) as transport:
        with pytest.raises(TransportError, match="the server's certificate is not trusted"):
            await sent(transport)


async def test_without_an_authority_the_systems_are_asked() -> None:
    async with serving(ok, server_tls()) as wire, transport_to(wire.url) as transport:
        with pytest.raises(TransportError, match="not trusted"):
            await sent(transport)


async def test_insecure_skip_tls_verify_trusts_all() -> None:
    cluster = {"insecure-skip-tls-verify": True}
    async with serving(ok, server_tls()) as wire, transport_to(config(wire.url, cluster=cluster)) as transport:
        assert await sent(transport) == 200


async def test_the_servers_name_must_match_unless_another_is_given() -> None:
    async with serving(ok, server_tls(), host="127.0.0.2") as wire:
        async with transport_to(config(wire.url, cluster=trusting())) as transport:
            with pytest.raises(TransportError, match=r"127\.0\.0\.2"):
                await sent(transport)
        cluster = {**trusting(), "tls-server-name": "localhost"}
        async with transport_to(config(wire.url, cluster=cluster)) as transport:
            assert await sent(transport) == 200


@pytest.mark.parametrize("form", ["files", "data"])
@pytest.mark.parametrize("memory", [True, False])
async def test_client_certificates_are_shown(form: str, memory: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not memory:
        monkeypatch.delattr("os.memfd_create", raising=False)
    user = {"client-certificate-data": encoded("client.crt"), "client-key-data": encoded("client.key")}
    if form == "files":
        user = {"client-certificate": str(PEM / "client.crt"), "client-key": str(PEM / "client.key")}
    guarded = serving(who, server_tls(client_ca=True))
    async with guarded as wire, transport_to(config(wire.url, cluster=trusting(), **user)) as transport:
        assert await sent(transport) == 200


async def test_a_server_that_wants_a_certificate_and_gets_none_is_a_transport_error() -> None:
    guarded = serving(who, server_tls(client_ca=True))
    async with guarded as wire, transport_to(config(wire.url, cluster=trusting())) as transport:
        with pytest.raises(TransportError):
            await sent(transport)


@pytest.mark.parametrize(
    ("cluster", "user", "said"),
    [
        (
            {"certificate-authority-data": encoded("client.key")},
            {},
            r"certificate-authority-data: holds no certificate",
        ),
        ({"certificate-authority": "/missing"}, {}, r"clusters\[it\]\.cluster\.certificate-authority: cannot read"),
        (
            {},
            {"client-certificate-data": encoded("client.crt"), "client-key-data": encoded("first.key")},
            r"users\[me\]\.user\.client-certificate-data: holds no certificate with its unencrypted key",
        ),
        (
            {},
            {"client-certificate-data": encoded("first.crt"), "client-key-data": encoded("encrypted.key")},
            r"client-certificate-data: holds no certificate with its unencrypted key",
        ),
    ],
)
async def test_certificates_that_are_none_are_refused_at_the_start(
    cluster: dict[str, Any], user: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        async with transport_to(config("https://api", cluster=cluster, **user)):
            pass


def install(folder: Path, **names: str) -> None:
    for target, source in names.items():
        fresh = folder / "fresh"
        shutil.copy(PEM / source, fresh)
        fresh.rename(folder / target)


async def test_a_rotated_client_certificate_is_shown_on_new_connections(tmp_path: Path) -> None:
    install(tmp_path, crt="first.crt", key="first.key")
    user = {"client-certificate": str(tmp_path / "crt"), "client-key": str(tmp_path / "key")}
    async with serving(who, server_tls(client_ca=True)) as wire:
        async with transport_to(config(wire.url, cluster=trusting(), **user)) as transport:
            with pytest.raises(TransportError):  # nothing that this server knows
                await sent(transport)
            install(tmp_path, crt="client.crt", key="client.key")
            # The failed handshake was reason enough to look again.
            assert await sent(transport) == 200
            before = transport._keeper.access.tls
            transport._keeper._check_at = 0.0
            assert await sent(transport) == 200
            assert transport._keeper.access.tls is before
        assert len({asked.connection for asked in wire.asked}) == 1


async def test_a_certificate_without_its_key_leaves_the_last_pair_in_use(tmp_path: Path) -> None:
    install(tmp_path, crt="client.crt", key="client.key")
    user = {"client-certificate": str(tmp_path / "crt"), "client-key": str(tmp_path / "key")}
    guarded = serving(who, server_tls(client_ca=True))
    async with guarded as wire, transport_to(config(wire.url, cluster=trusting(), **user)) as transport:
        install(tmp_path, crt="first.crt")
        transport._keeper._check_at = 0.0
        assert await sent(transport) == 200
        assert transport._keeper._failure is not None


async def test_a_rotated_authority_is_trusted(tmp_path: Path) -> None:
    install(tmp_path, ca="second.crt")
    cluster = {"certificate-authority": str(tmp_path / "ca")}
    async with serving(ok, server_tls()) as wire, transport_to(config(wire.url, cluster=cluster)) as transport:
        with pytest.raises(TransportError, match="not trusted"):
            await sent(transport)
        install(tmp_path, ca="first.crt")
        assert await sent(transport) == 200


def test_authorities_need_not_be_perfect() -> None:
    context = tls.trusting((PEM / "first.crt").read_bytes())
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.check_hostname and context.verify_mode == ssl.CERT_REQUIRED

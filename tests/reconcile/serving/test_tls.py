"""Certificates that change while the server runs, as in controller-runtime's pkg/certwatcher/certwatcher_test.go."""

import asyncio
import ssl
import time
from pathlib import Path

import httpx
import pytest

from kubernaut.reconcile.serving import CertificateError, Certificates, HttpServer, TlsFiles
from kubernaut.reconcile.serving import tls as module
from tests.reconcile.serving.helpers import PEM, files, hello, install, nothing_left, shown_by, trusting


@pytest.fixture(autouse=True)
def every_handshake_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_INTERVAL", 0.0)


async def test_https_is_served(tmp_path: Path) -> None:
    async with HttpServer(hello, "127.0.0.1:0", tls=files(tmp_path)) as server:
        async with httpx.AsyncClient(verify=trusting("first"), trust_env=False) as client:
            answer = await client.get(server.url)
        assert (answer.text, answer.url.scheme) == ("hello", "https")
        assert server.certificates is not None
        assert (server.certificates.reads, server.certificates.errors) == (1, 0)


@pytest.mark.parametrize("missing", ["tls.crt", "tls.key"])
async def test_a_missing_file_is_an_error_at_the_start_that_names_it(tmp_path: Path, missing: str) -> None:
    tls = files(tmp_path)
    (tmp_path / missing).unlink()
    with nothing_left(), pytest.raises(CertificateError, match=f"{missing}: No such file"):
        await HttpServer(hello, "127.0.0.1:0", tls=tls).run()


async def test_empty_names_are_an_error() -> None:
    with pytest.raises(CertificateError, match="No such file"):
        Certificates(TlsFiles("", ""))


@pytest.mark.parametrize(
    ("certificate", "key"),
    [("first.crt", "second.key"), ("README.md", "first.key"), ("first.crt", "README.md"), ("first.crt", "ca.crt")],
)
def test_files_that_do_not_fit_are_an_error_that_names_them(certificate: str, key: str) -> None:
    with pytest.raises(CertificateError, match=f"{certificate} and .*{key}: no certificate with its key"):
        TlsFiles(PEM / certificate, PEM / key).context()


def test_an_encrypted_key_is_an_error_and_nobody_is_asked_for_its_password() -> None:
    with pytest.raises(CertificateError, match="the key is encrypted"):
        TlsFiles(PEM / "first.crt", PEM / "encrypted.key").context()


async def test_a_changed_certificate_is_shown_in_the_next_handshake(tmp_path: Path) -> None:
    async with HttpServer(hello, "127.0.0.1:0", tls=files(tmp_path)) as server:
        assert await shown_by(server.port) == "first"
        for suffix in ("crt", "key"):  # written in place
            (tmp_path / f"tls.{suffix}").write_bytes((PEM / f"second.{suffix}").read_bytes())
        assert await shown_by(server.port) == "second"
        install(tmp_path, "first")  # renamed
        assert await shown_by(server.port) == "first"


async def test_files_moved_out_and_made_anew_are_read_again(tmp_path: Path) -> None:
    async with HttpServer(hello, "127.0.0.1:0", tls=files(tmp_path)) as server:
        for suffix in ("crt", "key"):
            (tmp_path / f"tls.{suffix}").rename(tmp_path / f"old.{suffix}")
        assert await shown_by(server.port) == "first"
        install(tmp_path, "second")
        assert await shown_by(server.port) == "second"


async def test_a_secret_that_the_kubelet_swaps_is_read_again(tmp_path: Path) -> None:
    for which in ("first", "second"):
        (tmp_path / which).mkdir()
        install(tmp_path / which, which)
    (tmp_path / "..data").symlink_to("first")
    for suffix in ("crt", "key"):
        (tmp_path / f"tls.{suffix}").symlink_to(Path("..data") / f"tls.{suffix}")
    async with HttpServer(hello, "127.0.0.1:0", tls=TlsFiles.in_directory(tmp_path)) as server:
        assert await shown_by(server.port) == "first"
        (tmp_path / "..new").symlink_to("second")
        (tmp_path / "..new").rename(tmp_path / "..data")
        assert await shown_by(server.port) == "second"


async def test_half_written_files_keep_the_former_certificate_until_they_are_complete(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with HttpServer(hello, "127.0.0.1:0", tls=files(tmp_path)) as server:
        certificates = server.certificates
        assert certificates is not None
        (tmp_path / "tls.crt").write_bytes((PEM / "second.crt").read_bytes())
        assert await shown_by(server.port) == "first"
        assert await shown_by(server.port) == "first"
        assert certificates.error is not None
        assert "tls.crt and " in certificates.error
        assert (certificates.reads, certificates.errors) == (2, 1)  # not again while they are as they were
        assert caplog.text.count("the former certificate stays in use") == 1
        (tmp_path / "tls.key").write_bytes((PEM / "second.key").read_bytes())
        assert await shown_by(server.port) == "second"
        assert certificates.error is None


def test_bad_files_are_tried_again_after_a_while_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = Certificates(files(tmp_path))
    (tmp_path / "tls.key").unlink()
    now = time.monotonic()
    for later in (1, 2, 9, 12):
        certificates.refresh(now + later)
    assert (certificates.reads, certificates.errors) == (3, 2)
    assert caplog.text.count("tls.key: No such file") == 1


def test_the_files_are_looked_at_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_INTERVAL", 1.0)
    certificates = Certificates(files(tmp_path))
    looked = list[float]()
    monkeypatch.setattr(certificates, "refresh", looked.append)
    connection = certificates.context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 0.5)
    certificates._choose(connection, None, certificates.context)
    assert looked == []
    monkeypatch.setattr(time, "monotonic", lambda: now + 1.5)
    certificates._choose(connection, None, certificates.context)
    assert looked == [now + 1.5]


async def test_an_open_connection_outlives_the_change(tmp_path: Path) -> None:
    tls = files(tmp_path)
    context = trusting("first")
    async with (
        HttpServer(hello, "127.0.0.1:0", tls=tls) as server,
        httpx.AsyncClient(verify=context, trust_env=False) as client,
    ):
        await client.get(server.url)
        install(tmp_path, "second")
        assert await shown_by(server.port) == "second"
        assert (await client.get(server.url)).text == "hello"


@pytest.mark.parametrize("offered", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_newer_are_spoken(tmp_path: Path, offered: ssl.TLSVersion) -> None:
    context = trusting("first", "second")
    context.minimum_version = context.maximum_version = offered
    async with HttpServer(hello, "127.0.0.1:0", tls=files(tmp_path)) as server:
        install(tmp_path, "second")
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            assert (await client.get(server.url)).text == "hello"


def test_nothing_older_than_tls_1_2_is_spoken(tmp_path: Path) -> None:
    assert files(tmp_path).context().minimum_version is ssl.TLSVersion.TLSv1_2


async def test_clients_without_a_certificate_are_refused_where_one_is_wanted(tmp_path: Path) -> None:
    install(tmp_path, "first")
    ca = tmp_path / "ca.crt"
    ca.write_bytes((PEM / "ca.crt").read_bytes())
    tls = TlsFiles(tmp_path / "tls.crt", tmp_path / "tls.key", client_ca=ca)
    assert tls.context().num_tickets == 0  # a resumed session would not be verified again
    known = trusting("first")
    known.load_cert_chain(PEM / "client.crt", PEM / "client.key")
    async with HttpServer(hello, "127.0.0.1:0", tls=tls) as server:
        async with httpx.AsyncClient(verify=known, trust_env=False) as client:
            assert (await client.get(server.url)).text == "hello"
        async with httpx.AsyncClient(verify=trusting("first"), trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(server.url)
        # Other authorities from now on: the client's is none of them any more.
        ca.write_bytes((PEM / "second.crt").read_bytes())
        async with httpx.AsyncClient(verify=known, trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(server.url)


def test_an_authority_file_without_certificates_is_an_error_that_names_it() -> None:
    with pytest.raises(CertificateError, match=r"README\.md: no certificates"):
        TlsFiles(PEM / "first.crt", PEM / "first.key", client_ca=PEM / "README.md").context()


async def test_handshakes_that_never_end_do_not_hold_up_the_stop(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    with nothing_left():
        async with HttpServer(hello, "127.0.0.1:0", tls=files(tmp_path), grace=30) as server:
            _, silent = await asyncio.open_connection("127.0.0.1", server.port)
            _, nonsense = await asyncio.open_connection("127.0.0.1", server.port)
            nonsense.write(b"GET / HTTP/1.1\r\n\r\n")
            await asyncio.sleep(0.02)
            began = loop.time()
        assert loop.time() - began < 5
        for writer in (silent, nonsense):
            writer.close()
            try:
                await writer.wait_closed()
            except ConnectionError:
                continue


async def test_https_stops_many_times_and_leaves_nothing_behind(tmp_path: Path) -> None:
    server = HttpServer(hello, "127.0.0.1:0", tls=files(tmp_path))
    with nothing_left():
        for _ in range(5):
            async with server, httpx.AsyncClient(verify=trusting("first"), trust_env=False) as client:
                assert (await client.get(server.url)).text == "hello"

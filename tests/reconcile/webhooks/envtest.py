"""A real API server with its etcd, from the folder that KUBEBUILDER_ASSETS names."""

import asyncio
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

START_SECONDS = 60


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _credentials(folder: Path) -> tuple[Path, Path]:
    """A key for service accounts, and a file with the administrator's token."""
    key, tokens = folder / "sa.key", folder / "tokens.csv"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    tokens.write_text('token,admin,1,"system:masters"\n')
    return key, tokens


@asynccontextmanager
async def _running(*command: str, log: Path) -> AsyncIterator[None]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def api_server(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is administrator; ``folder`` takes data and logs."""
    assets = Path(os.environ["KUBEBUILDER_ASSETS"])
    client_port, peer_port, port = _free_port(), _free_port(), _free_port()
    etcd, (key, tokens) = f"http://127.0.0.1:{client_port}", _credentials(folder)
    async with AsyncExitStack() as stack:
        flags = [f"--data-dir={folder / 'etcd'}", f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}"]
        flags += [f"--listen-peer-urls=http://127.0.0.1:{peer_port}", "--unsafe-no-fsync"]
        await stack.enter_async_context(_running(str(assets / "etcd"), *flags, log=folder / "etcd.log"))
        flags = [f"--etcd-servers={etcd}", f"--secure-port={port}", "--bind-address=127.0.0.1"]
        flags += [f"--cert-dir={folder / 'certs'}", f"--service-account-key-file={key}"]
        flags += [f"--service-account-signing-key-file={key}", f"--token-auth-file={tokens}"]
        flags += ["--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC"]
        flags += ["--service-cluster-ip-range=10.0.0.0/24"]
        await stack.enter_async_context(_running(str(assets / "kube-apiserver"), *flags, log=folder / "api.log"))
        trusting_all = ssl.create_default_context()
        trusting_all.check_hostname = False
        trusting_all.verify_mode = ssl.CERT_NONE
        headers = {"authorization": "Bearer token"}
        client = httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{port}", verify=trusting_all, headers=headers, timeout=30
        )
        await stack.enter_async_context(client)
        await _ready(client, folder / "api.log")
        yield client


async def _ready(client: httpx.AsyncClient, log: Path) -> None:
    for _ in range(START_SECONDS * 5):
        try:
            # The bootstrap's RBAC roles come a moment after the server is ready; the administrator needs none of them.
            # The namespace `default` does too, and is needed.
            paths = ("/readyz", "/api/v1/namespaces/default")
            if [(await client.get(path)).status_code for path in paths] == [200, 200]:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.2)
    raise RuntimeError(f"the API server did not get ready: see {log}")

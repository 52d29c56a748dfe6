"""What the tests of the servers share: HTTP without a socket, certificates, and a look at what is left behind."""

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from kubernaut.reconcile.serving import App, Receive, Scope, Send, TlsFiles

PEM = Path(__file__).parent / "pem"


@asynccontextmanager
async def calling(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose requests call `app` directly."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def get(app: App, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """One answer of `app`; in header names, `_` stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with calling(app) as client:
        return await client.request(method, path, headers=named)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers "hello" to everything."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def says(text: str) -> App:
    """An application that answers `text` and the path it was asked for."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"{text} {scope['path']}".encode()})

    return app


def files(directory: Path, which: str = "first") -> TlsFiles:
    """Files in `directory` that hold the certificate `which`."""
    install(directory, which)
    return TlsFiles.in_directory(directory)


def install(directory: Path, which: str) -> None:
    """Put the certificate `which` in place, as a rename does: the files are other files afterwards."""
    for suffix in ("crt", "key"):
        fresh = directory / f"new.{suffix}"
        shutil.copy(PEM / f"{which}.{suffix}", fresh)
        fresh.rename(directory / f"tls.{suffix}")


def trusting(*names: str) -> ssl.SSLContext:
    """A client's context that trusts these certificates."""
    context = ssl.create_default_context()
    for name in names:
        context.load_verify_locations(PEM / f"{name}.crt")
    return context


async def shown_by(port: int) -> str:
    """The common name of the certificate that a server on this machine shows."""
    context = trusting("first", "second")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    certificate: Any = writer.get_extra_info("ssl_object").getpeercert()
    writer.close()
    await writer.wait_closed()
    del reader
    name: str = certificate["subject"][0][0][1]
    return name


@contextmanager
def nothing_left() -> Iterator[None]:
    """Fails if the block leaves open files (sockets are files) behind."""
    before = _open_files()
    yield
    assert _open_files() == before


def _open_files() -> list[tuple[int, int]]:
    found = []
    for descriptor in os.listdir("/dev/fd"):
        try:
            state = os.fstat(int(descriptor))
        except OSError:  # the one that lists the folder
            continue
        found.append((state.st_dev, state.st_ino))
    return sorted(found)

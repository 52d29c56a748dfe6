"""A scripted HTTP server on loopback, byte for byte, and what the tests of the transport share."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import yaml

from kubernaut.client import TransportRequest, TransportResponse
from kubernaut.client.transports.kubernetes_asyncio import (
    HttpTransport,
    Kubeconfig,
    TransportOptions,
    open_transport,
    target_of,
)

PEM = Path(__file__).parents[2] / "reconcile" / "serving" / "pem"


@dataclass
class Asked:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    def header(self, name: str) -> str | None:
        return ", ".join(self.all(name)) or None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


class Exchange:
    """One request and the means to answer it."""

    def __init__(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = asked
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: int = 200, *lines: str, chunked: bool = False, length: int | None = None) -> None:
        text = [f"HTTP/1.1 {status} Scripted", "Content-Type: application/json", *lines]
        if chunked:
            text.append("Transfer-Encoding: chunked")
        if length is not None:
            text.append(f"Content-Length: {length}")
        await self.send("\r\n".join([*text, "", ""]).encode())

    async def answer(self, status: int = 200, body: bytes = b"{}", *lines: str) -> None:
        await self.head(status, *lines, length=len(body))
        await self.send(body)

    async def chunk(self, data: bytes) -> None:
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def hang(self) -> None:
        """Say nothing more, and wait until the client has gone."""
        await self.reader.read()
        self.writer.transport.abort()


Script = Callable[[Exchange], Awaitable[None]]


@dataclass
class Wire:
    """What a server heard and which connections it has."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    open: int = 0

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """A server that runs `script` for each request, several on one connection."""
    wire = Wire("")
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        wire.connections += 1
        wire.open += 1
        number = wire.connections
        try:
            while (asked := await _read(reader, number)) is not None:
                wire.asked.append(asked)
                await script(Exchange(asked, reader, writer))
                if writer.transport.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            wire.open -= 1
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    wire.url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
    try:
        yield wire
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(list(tasks))
        await asyncio.sleep(0.01 if tls else 0)


async def _read(reader: asyncio.StreamReader, number: int) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Asked(method, target, headers, await reader.readexactly(length) if length else b"", number)


async def ok(exchange: Exchange) -> None:
    await exchange.answer(200, b'{"kind":"ok"}')


def zipped(body: bytes) -> bytes:
    return gzip.compress(body)


def config(url: str, *, cluster: Mapping[str, Any] | None = None, **user: Any) -> dict[str, Any]:
    """A kubeconfig, as data, of one context."""
    return {
        "clusters": [{"name": "it", "cluster": {"server": url, **(cluster or {})}}],
        "users": [{"name": "me", "user": {key.replace("_", "-"): value for key, value in user.items()}}],
        "contexts": [{"name": "here", "context": {"cluster": "it", "user": "me"}}],
        "current-context": "here",
    }


def written(path: Path, content: Mapping[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(dict(content)))
    return path


@asynccontextmanager
async def transport_to(
    kubeconfig: str | Path | Mapping[str, Any], options: TransportOptions | None = None, context: str | None = None
) -> AsyncIterator[HttpTransport]:
    """A transport; a text is the server's URL."""
    if isinstance(kubeconfig, Path):
        read = Kubeconfig.read([kubeconfig])
    else:
        read = Kubeconfig.of(config(kubeconfig) if isinstance(kubeconfig, str) else kubeconfig)
    transport = await open_transport(target_of(read, context), options)
    try:
        yield transport
    finally:
        await transport.aclose()


def get(path: str = "/x", **more: Any) -> TransportRequest:
    return TransportRequest("GET", path, **more)


async def whole(transport: HttpTransport, request: TransportRequest | None = None) -> tuple[TransportResponse, bytes]:
    async with transport.open(request or get()) as response:
        return response, b"".join([chunk async for chunk in response.chunks])


def server_tls(which: str = "first", *, client_ca: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM / f"{which}.crt", PEM / f"{which}.key")
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(PEM / "ca.crt")
    return context


def credential(**status: Any) -> str:
    """What an exec plugin prints."""
    content = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return msgspec.json.encode(content).decode()


async def sent(transport: HttpTransport) -> int:
    """The status of one request."""
    return (await whole(transport))[0].status


def replaced(file: Path, text: str) -> None:
    """Put another file in its place, as a projected volume does."""
    beside = file.with_name("new")
    beside.write_text(text)
    beside.rename(file)


def accepting(*tokens: str) -> Script:
    """Answers 401 to all but these tokens."""

    async def script(exchange: Exchange) -> None:
        good = exchange.asked.header("authorization") in [f"Bearer {token}" for token in tokens]
        await exchange.answer(200 if good else 401, b"{}")

    return script

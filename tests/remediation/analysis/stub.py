"""An analysis service that lies: on a real socket, byte by byte as a test says, and in memory for virtual time."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.remediation.processing.situations import WEB

Writer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def step(action: str = "restart-deployment", **changes: Any) -> dict[str, Any]:
    return {"name": "fix", "action": action, "target": WEB, **changes}


def answer(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"rootCause": "the pod leaks", "confidence": 0.9, "steps": list(steps or [step()]), **changes}


def head(length: int, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {length}", "content-type: application/json", "connection: close"]
    lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass
class Request:
    """What a client sent."""

    headers: Mapping[str, str]
    body: Any


@dataclass
class Server:
    url: str
    requests: list[Request] = field(default_factory=list)


@asynccontextmanager
async def serving(write: Writer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server that answers every request with what `write` writes."""
    made = Server("")
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            raw = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in lines[1:] if ": " in line}
            body = await reader.readexactly(int(headers["content-length"]))
            made.requests.append(Request(raw, json.loads(body)))
            await write(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    made.url = f"http{'s' if tls else ''}://127.0.0.1:{port}/analyze"
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def sending(*parts: bytes) -> Writer:
    async def write(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return write


def sending_json(document: Any, status: str = "200 OK", **headers: str) -> Writer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return sending(head(len(body), status, **headers), body)


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@dataclass
class Memory(httpx.AsyncBaseTransport):
    """Answers in memory, each once and the last for ever: (status, document), or seconds of silence before it."""

    answers: list[Any]
    asked: list[Any] = field(default_factory=list)
    under_way: int = 0
    most: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(await request.aread()))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(given, (int, float)):
                await asyncio.sleep(given)
                given = (200, answer())
            if isinstance(given, Exception):
                raise given
            status, document, *headers = given
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            return httpx.Response(status, stream=httpx.ByteStream(content), headers=headers[0] if headers else None)
        finally:
            self.under_way -= 1

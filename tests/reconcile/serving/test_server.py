"""The server in a host's process: it starts and stops as asked, and leaves everything else as it was."""

import asyncio
import gc
import logging
import signal
import socket
import subprocess
import sys

import anyio
import httpx
import pytest

from kubernaut.reconcile.serving import App, HttpServer, Receive, Scope, Send
from tests.reconcile.serving.helpers import hello, nothing_left


def slow(begun: asyncio.Event, release: asyncio.Event) -> App:
    """An application that answers when `release` is set, and says when it has `begun`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await release.wait()
        await hello(scope, receive, send)

    return app


async def raw(port: int, text: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    await writer.drain()
    return reader, writer


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        return


async def test_it_takes_connections_from_the_moment_it_says_started() -> None:
    server = HttpServer(hello, "127.0.0.1:0")
    started = anyio.Event()
    task = asyncio.create_task(server.run(started))
    await started.wait()
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{server.url}/anything")
    assert (answer.text, answer.status_code) == ("hello", 200)
    assert "server" not in answer.headers
    assert answer.headers["date"].endswith("GMT")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_stops_serving_when_it_is_stopped() -> None:
    async with HttpServer(hello, "127.0.0.1:0") as server:
        url = server.url
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(url)).status_code == 200
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_it_runs_many_times_in_one_process_and_leaves_nothing_behind() -> None:
    server = HttpServer(hello, "127.0.0.1:0")
    async with server:
        pass
    with nothing_left():
        for _ in range(20):
            async with server, httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(server.url)).text == "hello"
            await asyncio.sleep(0)
        gc.collect()


async def test_it_is_not_run_twice_at_once() -> None:
    async with HttpServer(hello, "127.0.0.1:0") as server:
        with pytest.raises(RuntimeError, match="running already"):
            await server.run()
        assert server.port


async def test_open_idle_connections_do_not_hold_up_the_stop() -> None:
    loop = asyncio.get_running_loop()
    writers = []
    with nothing_left():
        async with HttpServer(hello, "127.0.0.1:0", grace=30) as server:
            silent = await raw(server.port)
            answered = await raw(server.port, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await answered[0].readuntil(b"hello")
            half_asked = await raw(server.port, "GET / HTTP/1.1\r\nhost:")
            nonsense = await raw(server.port, "nonsense\r\n\r\n")
            await asyncio.sleep(0.01)
            writers = [pair[1] for pair in (silent, answered, half_asked, nonsense)]
            began = loop.time()
        assert loop.time() - began < 5
        for reader, _ in (silent, answered, half_asked):
            assert await reader.read() == b""
        for writer in writers:
            await close(writer)


async def test_a_request_in_flight_is_answered_before_the_stop() -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    server = HttpServer(slow(begun, release), "127.0.0.1:0")
    started = anyio.Event()
    task = asyncio.create_task(server.run(started))
    await started.wait()
    async with httpx.AsyncClient(trust_env=False) as client:
        asked = asyncio.create_task(client.get(server.url))
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
        release.set()
        assert (await asked).text == "hello"
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_request_that_does_not_end_is_cut_off_after_the_grace(caplog: pytest.LogCaptureFixture) -> None:
    begun = asyncio.Event()
    with nothing_left():
        async with HttpServer(slow(begun, asyncio.Event()), "127.0.0.1:0", grace=0.02) as server:
            reader, writer = await raw(server.port, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await begun.wait()
        answer = await reader.read()
        await close(writer)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert "requests were cut off at the stop" in caplog.text


async def test_an_answer_that_does_not_end_is_cut_off_after_the_grace() -> None:
    begun = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"more", "more_body": True})
        begun.set()
        await asyncio.Event().wait()

    async with HttpServer(endless, "127.0.0.1:0", grace=0.02) as server:
        reader, writer = await raw(server.port, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await begun.wait()
    assert not (await reader.read()).endswith(b"0\r\n\r\n")
    await close(writer)


async def test_a_stop_that_is_itself_cancelled_still_stops() -> None:
    begun = asyncio.Event()

    async def host() -> None:
        async with HttpServer(slow(begun, asyncio.Event()), "127.0.0.1:0", grace=0.05) as server:
            ports.append(server.port)
            await asyncio.Event().wait()

    ports = list[int]()
    with nothing_left():
        task = asyncio.create_task(host())
        while not ports:
            await asyncio.sleep(0)
        _, writer = await raw(ports[0], "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await close(writer)


async def test_a_server_that_is_stopped_before_it_ran_leaves_no_socket() -> None:
    with nothing_left():
        async with HttpServer(hello, "127.0.0.1:0"):
            pass  # no turn of the event loop between start and stop


async def test_signal_handlers_and_logging_are_left_alone() -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    names = ("", "uvicorn", "uvicorn.error", "uvicorn.access", "kubernaut", "kubernaut.serving")

    def state() -> list[object]:
        loggers = [logging.getLogger(name) for name in names]
        lines: list[object] = [(lg.level, lg.propagate, list(lg.handlers), lg.disabled) for lg in loggers]
        return [*lines, logging.getLevelName(5)]  # which uvicorn names TRACE when it may

    before = state()
    async with HttpServer(hello, "127.0.0.1:0") as server, httpx.AsyncClient(trust_env=False) as client:
        await client.get(server.url)
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
        assert state() == before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert state() == before


async def test_requests_are_not_logged_by_uvicorn(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with HttpServer(hello, "127.0.0.1:0") as server:
        reader, writer = await raw(server.port, "GET / HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n")
        await reader.read()
        await close(writer)
    assert [record.name for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert "Invalid HTTP request received." in caplog.text


async def test_an_application_that_raises_answers_500_and_a_line_in_our_log(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("blech")

    async with HttpServer(broken, "127.0.0.1:0") as server, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{server.url}/path")
        assert (answer.status_code, answer.text) == (500, "internal server error\n")
        assert (await client.get(server.url)).status_code == 500
    record = next(record for record in caplog.records if record.name == "kubernaut.serving")
    assert "a request failed method=GET path=/path" in record.getMessage()
    assert record.exc_info is not None
    assert "blech" not in answer.text


async def test_an_application_that_raises_in_its_answer_ends_the_connection() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("blech")

    async with HttpServer(broken, "127.0.0.1:0") as server, httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(server.url)


async def test_bodies_arrive_and_connections_are_kept() -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": body})

    body = b"x" * 3_000_000
    async with HttpServer(echo, "127.0.0.1:0") as server, httpx.AsyncClient(trust_env=False) as client:
        first = await client.post(server.url, content=body)
        second = await client.post(server.url, content=b"y")
    assert (first.content == body, second.content) == (True, b"y")
    assert first.extensions["network_stream"] is not None


async def test_answers_do_not_wait_for_acknowledgements(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    accept = loop.sock_accept
    accepted = list[socket.socket]()

    async def noting(listener: socket.socket) -> tuple[socket.socket, object]:
        connection, peer = await accept(listener)
        accepted.append(connection)
        return connection, peer

    monkeypatch.setattr(loop, "sock_accept", noting)
    async with HttpServer(hello, "127.0.0.1:0") as server:
        reader, writer = await raw(server.port, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"hello")
        assert accepted[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await close(writer)


async def test_a_connection_that_sends_no_request_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernaut.reconcile.serving import connection

    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.02)
    async with HttpServer(hello, "127.0.0.1:0") as server:
        silent, first = await raw(server.port)
        dribbling, second = await raw(server.port, "GET / HTTP/1.1\r\nhost:")
        assert await silent.read() == b""
        assert await dribbling.read() == b""
        reader, third = await raw(server.port, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"hello")
        third.write(b"GET / HTTP/1.1\r\nhost:")
        assert await reader.read() == b""
        for writer in (first, second, third):
            await close(writer)


async def test_running_out_of_files_pauses_and_does_not_end_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernaut.reconcile.serving import server as module

    monkeypatch.setattr(module, "EXHAUSTED_PAUSE", 0.01)
    loop = asyncio.get_running_loop()
    accept = loop.sock_accept
    failures = [OSError(24, "Too many open files"), ConnectionAbortedError()]

    async def failing(listener: object) -> object:
        if failures:
            raise failures.pop(0)
        return await accept(listener)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "sock_accept", failing)
    async with HttpServer(hello, "127.0.0.1:0") as server, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(server.url)).text == "hello"


async def test_a_listener_that_breaks_is_told_to_the_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(listener: object) -> object:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_accept", broken)
    with pytest.raises(ExceptionGroup) as raised:
        await HttpServer(hello, "127.0.0.1:0").run()
    assert raised.group_contains(OSError, match="Bad file descriptor")


@pytest.mark.virtual_time
async def test_it_sets_no_timer_of_its_own() -> None:
    loop = asyncio.get_running_loop()
    async with HttpServer(hello, "127.0.0.1:0"):
        for _ in range(5):
            await asyncio.sleep(0)
        assert loop.time() == 0
        assert [timer for timer in loop._scheduled if not timer.cancelled()] == []  # type: ignore[attr-defined]


def test_uvicorn_is_imported_by_those_who_serve_and_not_before() -> None:
    script = "import sys, kubernaut.reconcile.serving, kubernaut.reconcile; print('uvicorn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

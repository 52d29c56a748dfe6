"""A program of controllers as a process: what signals do, and what its exit code says."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from kubernaut.client import Client
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake import ApiServer
from kubernaut.reconcile import LeadershipLost, Manager
from kubernaut.reconcile.log import bound
from kubernaut.reconcile.manager import NotStopped
from kubernaut.reconcile.process import ExitCode, main, run_program
from kubernaut.reconcile.serving import BindError, CertificateError

ROOT = Path(__file__).parents[2]

PROGRAM = '''
import asyncio, sys
from contextlib import asynccontextmanager
from datetime import timedelta

from kubernaut.client import Client
from kubernaut.client.transports.inprocess import InProcessTransport
from kubernaut.fake import ApiServer
from kubernaut.reconcile import Controller, Manager, Reconciler
from kubernaut.reconcile.process import main
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.core_v1 import ConfigMap

SECONDS, GRACE = float(sys.argv[1]), float(sys.argv[2])


class SlowWrites:
    """Answers a PATCH only after some time."""

    def __init__(self, inner):
        self._inner = inner

    @asynccontextmanager
    async def open(self, request):
        if request.method == "PATCH":
            print("writing", flush=True)
            await asyncio.sleep(SECONDS)
        async with self._inner.open(request) as response:
            yield response

    async def refresh(self):
        return await self._inner.refresh()

    async def aclose(self):
        print("closed", flush=True)
        await self._inner.aclose()


class Writer(Reconciler[ConfigMap]):
    async def reconcile(self, obj, ctx):
        if obj.name == "asked":
            written = await ctx.client.apply(ConfigMap(metadata=ObjectMeta(name="made", namespace="default")))
            print("written", written.name, flush=True)


@asynccontextmanager
async def program():
    async with Client(SlowWrites(InProcessTransport(ApiServer()))) as client:
        await client.create(ConfigMap(metadata=ObjectMeta(name="asked", namespace="default")))
        manager = Manager(client, graceful_timeout=timedelta(seconds=GRACE))
        manager.add(Controller(ConfigMap, Writer()))
        yield manager


main(program, log_format="console")
'''


@contextmanager
def started(tmp_path: Path, seconds: float, grace: float = 60) -> Iterator[subprocess.Popen[str]]:
    """The program, in the middle of a write that takes so many seconds, with that graceful timeout."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, str(script), str(seconds), str(grace)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_write_in_flight_finish_and_the_exit_code_is_0(tmp_path: Path, number: int) -> None:
    with started(tmp_path, 0.3) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert out == "written made\nclosed\n"
    assert process.returncode == ExitCode.STOPPED, err
    assert "Traceback" not in err
    assert signal.Signals(number).name in err


def test_a_second_signal_forces_and_the_exit_code_names_it(tmp_path: Path) -> None:
    with started(tmp_path, 60) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert any("stopping" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert out == "closed\n"
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "forced" in err


def test_a_write_that_outlasts_the_graceful_timeout_is_cut_off_and_the_exit_code_says_so(tmp_path: Path) -> None:
    with started(tmp_path, 60, grace=0.1) as process:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert out == "closed\n"
    assert process.returncode == ExitCode.CUT_OFF, err


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """A signal that is not obeyed would leave a test waiting for ever."""

    def ring(number: int, frame: object) -> None:
        raise TimeoutError("the program did not end")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def client() -> Client:
    return Client(InProcessTransport(ApiServer()))


def kill(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


async def forever() -> None:
    await asyncio.Event().wait()


def test_a_manager_that_is_stopped_exits_with_0_and_its_client_is_closed(client: Client) -> None:
    closed: list[bool] = []

    class Stopping(Manager):
        async def run(self) -> None:
            asyncio.get_running_loop().call_later(0.01, self.stop)
            await super().run()

    class Closing(InProcessTransport):
        async def aclose(self) -> None:
            closed.append(True)
            await super().aclose()

    assert run_program(Stopping(Client(Closing(ApiServer())))) == ExitCode.STOPPED
    assert closed == [True]


def test_a_coroutine_function_runs_its_manager_itself(client: Client) -> None:
    told: list[str] = []

    async def program() -> None:
        async with client:
            asyncio.get_running_loop().call_soon(kill)
            try:
                await Manager(client).run()
            finally:
                await asyncio.sleep(0)  # clean-up may still wait
                told.append("cleaned up")

    assert run_program(program) == ExitCode.STOPPED
    assert told == ["cleaned up"]


def test_a_coroutine_function_may_return_the_manager(client: Client) -> None:
    async def program() -> Manager:
        asyncio.get_running_loop().call_later(0.01, kill)
        return Manager(client)

    assert run_program(program) == ExitCode.STOPPED


def test_a_signal_while_the_program_still_connects_stops_it() -> None:
    @asynccontextmanager
    async def program() -> AsyncIterator[Manager]:
        kill()
        await forever()
        yield Manager(Client(InProcessTransport(ApiServer())))

    assert run_program(program) == ExitCode.STOPPED


def test_a_program_that_ends_by_itself_exits_with_0() -> None:
    async def program() -> None:
        await asyncio.sleep(0)

    assert run_program(program) == ExitCode.STOPPED


ENDS: dict[str, tuple[BaseException, ExitCode]] = {
    "a lost lease": (LeadershipLost("widgets", "another holder took it"), ExitCode.LEADERSHIP_LOST),
    "a service that keeps crashing": (ZeroDivisionError("a service"), ExitCode.FAILED),
    "a port that is taken": (BindError(errno.EADDRINUSE, "metrics_bind: address in use"), ExitCode.NOT_BOUND),
    "another operating system error": (PermissionError(errno.EACCES, "denied", "/etc/shadow"), ExitCode.FAILED),
    "a certificate that cannot be used": (CertificateError("tls.crt: no certificate"), ExitCode.MISCONFIGURED),
    "reconciles that were cut off": (NotStopped("after 30 s"), ExitCode.CUT_OFF),
    "the lost lease among other errors": (
        ExceptionGroup("two", [ValueError(), ExceptionGroup("one", [LeadershipLost("widgets", "not renewed")])]),
        ExitCode.LEADERSHIP_LOST,
    ),
    "a cancellation that nobody asked for": (asyncio.CancelledError(), ExitCode.FAILED),
}


@pytest.mark.parametrize("case", ENDS)
def test_the_exit_code_says_why_the_manager_ended(client: Client, case: str, caplog: pytest.LogCaptureFixture) -> None:
    error, expected = ENDS[case]

    class Ending(Manager):
        async def run(self) -> None:
            raise error

    assert run_program(Ending(client)) == expected
    [record] = [record for record in caplog.records if record.name == "kubernaut.process"]
    assert f"code={int(expected)}" in record.message
    assert (record.exc_info is not None) == (expected in (ExitCode.FAILED, ExitCode.MISCONFIGURED))


def test_each_reason_has_a_code_of_its_own() -> None:
    assert [code.value for code in ExitCode] == [0, 1, 2, 3, 4, 5]


def test_what_cannot_make_its_manager_is_misconfigured(caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def program() -> AsyncIterator[Manager]:
        if sys.argv:
            raise ValueError("no kubeconfig")
        yield Manager(Client(InProcessTransport(ApiServer())))

    assert run_program(program) == ExitCode.MISCONFIGURED
    assert "no kubeconfig" in caplog.text


def test_an_error_during_the_asked_stop_is_not_hidden(client: Client) -> None:
    class Losing(Manager):
        async def run(self) -> None:
            asyncio.get_running_loop().call_soon(kill)
            await super().run()
            raise LeadershipLost("widgets", "not renewed")

    assert run_program(Losing(client)) == ExitCode.LEADERSHIP_LOST


def test_a_second_signal_breaks_into_an_orderly_stop() -> None:
    async def program() -> None:
        kill(signal.SIGINT)
        try:
            await forever()
        finally:
            with anyio.CancelScope(shield=True):
                asyncio.get_running_loop().call_soon(kill, signal.SIGINT)
                await forever()

    assert run_program(program) == 128 + signal.SIGINT


def test_a_third_signal_ends_a_process_whose_loop_is_blocked() -> None:
    code = """
import os, signal, time
from kubernaut.reconcile.process import main

async def program():
    print("blocked", flush=True)
    while True:
        time.sleep(0.01)

main(program)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.02)
        assert process.returncode == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()


def test_signal_handlers_are_there_only_while_it_runs(client: Client) -> None:
    seen: list[object] = []
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    async def program() -> None:
        seen.extend(signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT))

    run_program(program)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    assert not any(handler in before for handler in seen)


def test_running_a_manager_without_main_installs_no_signal_handler(client: Client) -> None:
    async def embedded() -> list[object]:
        async with client, Manager(client).running():
            return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    before = [signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)]
    with asyncio.Runner() as runner:
        # asyncio's own runner takes SIGINT for KeyboardInterrupt; SIGTERM is nobody's.
        assert runner.run(embedded())[0] == before[0]
    assert [signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)] == before


def test_in_another_thread_it_says_what_to_do_instead(client: Client) -> None:
    raised: list[str] = []

    def start() -> None:
        try:
            run_program(Manager(client))
        except RuntimeError as error:
            raised.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    [message] = raised
    assert "main thread" in message and "manager.run()" in message


def test_main_exits_with_the_code(client: Client) -> None:
    async def program() -> None:
        raise LeadershipLost("widgets", "not renewed")

    with pytest.raises(SystemExit) as exit:
        main(program)
    assert exit.value.code == ExitCode.LEADERSHIP_LOST


def test_logging_is_configured_only_when_asked_and_put_back(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[list[logging.Handler]] = []

    async def program() -> None:
        seen.append(list(logging.getLogger().handlers))

    before = list(logging.getLogger().handlers)
    run_program(program)
    assert seen == [before]
    run_program(program, log_format="json", log_level="INFO")
    assert len(seen[1]) == len(before) + 1
    assert logging.getLogger().handlers == before
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "stopped"


def test_the_event_loop_may_be_the_callers_choice() -> None:
    class Loop(asyncio.SelectorEventLoop):
        pass

    kinds: list[type] = []

    async def program() -> None:
        kinds.append(type(asyncio.get_running_loop()))

    factory: Callable[[], asyncio.AbstractEventLoop] = Loop
    assert run_program(program, loop_factory=factory) == ExitCode.STOPPED
    assert kinds == [Loop]


async def returns_a_list() -> list[str]:
    return ["a controller"]


async def forgotten_decorator() -> AsyncIterator[Manager]:
    yield Manager(Client(InProcessTransport(ApiServer())))


@asynccontextmanager
async def yields_nothing() -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    "program", [returns_a_list, forgotten_decorator, yields_nothing, lambda: None, ["a controller"]]
)
def test_a_program_that_is_or_returns_something_else_than_a_manager_is_misconfigured(
    program: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert run_program(program) == ExitCode.MISCONFIGURED
    assert "a program must be a Manager, a coroutine function" in caplog.text


def test_the_lines_of_a_stop_by_signal_do_not_carry_the_keys_of_the_reconcile_that_was_interrupted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def program() -> None:
        with bound(controller="widget", object="shop/a", reconcile_id="5f2c"):
            os.kill(os.getpid(), signal.SIGTERM)
        await anyio.sleep_forever()

    caplog.set_level(logging.INFO)
    assert run_program(program) == ExitCode.STOPPED
    (line,) = [record.getMessage() for record in caplog.records if "second signal forces" in record.getMessage()]
    assert "reconcile_id" not in line
